import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChannelServiceConfigInput } from '@semcast/channel';
import { startStack, type Stack } from '@semcast/stack';
import { freePorts } from '@semcast/testkit';
import { DEMO_PHOTOS, type CompletedFrame, type TransmitterConfigInput } from '@semcast/transmitter';
import { afterEach, describe, expect, it } from 'vitest';
import { useWorkspace } from './helpers.js';
import { startFakeReceiver } from './support/fake-receiver.js';

const workspace = useWorkspace();
const TOY_TRIO = fileURLToPath(new URL('../../../packages/bundle/fixtures/posterior-bundle', import.meta.url));

let stack: Stack | undefined;
afterEach(async () => {
  await stack?.close();
  stack = undefined;
});

/** Sends two photographs through a channel that records; gives what came back, and the recordings. */
async function record(
  name: string,
  channel: ChannelServiceConfigInput['channel'],
  transmitter: TransmitterConfigInput = {},
) {
  const folder = join(workspace.dir, name);
  const own = await startStack({
    receiver: { bundle: TOY_TRIO },
    channel: { record: { folder, at: 'both' }, ...(channel === undefined ? {} : { channel }) },
  });
  stack = own;
  const sender = await own.transmitter({ bundle: TOY_TRIO, stream: 'cam-1', size: 64, ...transmitter });
  const live = await Promise.all(
    ['fig', 'creek'].map(async (photo) => await sender.submit({ photo: join(DEMO_PHOTOS, `${photo}.jpg`) })),
  );
  await sender.close();
  const files = async (): Promise<string[]> =>
    (await readdir(folder)).filter((file) => /^[^.].*-meta$/.test(file)).toSorted();
  await expect.poll(files).toHaveLength(2);
  const [input, output] = (await files()).map((file) => join(folder, file));
  const received = live.map((outcome) => {
    expect(outcome.kind, outcome.kind === 'dropped' ? outcome.detail : '').toBe('completed');
    return [outcome.frame, Buffer.from((outcome as CompletedFrame).received)] as const;
  });
  return { input: input!, output: output!, live: new Map(received), stack: own };
}

async function pictures(folder: string): Promise<Map<number, Buffer>> {
  const found = await Promise.all(
    (await readdir(folder)).map(
      async (file) => [Number(/-(\d+)\.png$/.exec(file)![1]), await readFile(join(folder, file))] as const,
    ),
  );
  return new Map(found.toSorted(([a], [b]) => a - b));
}

describe('semcast replay', () => {
  it.each<[string, Parameters<typeof record>[1], TransmitterConfigInput]>([
    ['noise', { snr: { name: 'constant', snrDb: 8 } }, {}],
    [
      'fading that the receiver is told, ci16, and sampling',
      { model: { name: 'rayleigh-block', coherence: 32 } },
      { sampleFormat: 'ci16_le', decoder: 'conditional', decoderOptions: { steps: 4 } },
    ],
    ['OFDM whose receiver estimates', { preset: 'pedestrian' }, { waveform: 'ofdm' }],
  ])('gives the pictures of the live run, byte for byte: %s', async (name, channel, transmitter) => {
    const { input, output, live, stack: own } = await record(name, channel, transmitter);
    expect(live.size).toBe(2);
    const heard = await workspace.run('replay', output, '--to', own.receiver.wsUrl, '--output-dir', `${name}/heard`);
    expect(heard.code, heard.stderr).toBe(0);
    expect(heard.stdout).toMatch(/ {5}0 +64×64 +\w+ +\d/);
    expect(heard.stdout).toContain('2 frames');
    expect(await pictures(join(workspace.dir, name, 'heard'))).toEqual(live);
    const again = await workspace.run('replay', input, '--to', own.channel.wsUrl, '--output-dir', `${name}/again`);
    expect(again.code, again.stderr).toBe(0);
    expect(await pictures(join(workspace.dir, name, 'again'))).toEqual(live);
  });

  it('says what is wrong, and what to do', async () => {
    const { output, stack: own } = await record('refused', {});
    const run = async (...args: string[]) => await workspace.run('replay', ...args);
    const channel = await run(output, '--to', own.channel.wsUrl);
    expect([channel.code, channel.stdout]).toEqual([1, expect.stringMatching(/frame 0 was dropped: invalid-frame/)]);
    expect(channel.stdout).toContain('channels can not be chained');
    const other = await startFakeReceiver();
    const bundle = await run(output, '--to', other.url);
    await other.close();
    expect(bundle).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has fake 0 \(fake-digest…\)[^]*--bundle DIR/),
    });
    const [port] = (await freePorts(1)) as [number];
    const nobody = await run(output, '--to', `ws://127.0.0.1:${port}`, '--wait', '1');
    expect(nobody.stderr).toContain(`no link to ws://127.0.0.1:${port} within 1 s`);
    expect((await run(output.replace('-meta', '-data'))).stderr).toContain('name the file that ends in .sigmf-meta');
    expect(await run()).toMatchObject({ code: 2 });
  });
});
