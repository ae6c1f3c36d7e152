import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { channelServiceConfigSchema, createChannelService } from '@semcast/channel';
import { startStack, type Stack } from '@semcast/stack';
import { freePorts } from '@semcast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useWorkspace } from './helpers.js';
import { finish, startFakeReceiver } from './support/fake-receiver.js';

const workspace = useWorkspace();

describe('semcast send', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      receiver: { decoders: ['jscc'] },
      channel: { token: 'hush', channel: { snr: { name: 'constant', snrDb: 15 } } },
    });
  });
  afterAll(async () => {
    await stack.close();
  });
  const withToken = { env: { SEMCAST_TRANSMITTER_TOKEN: 'hush' } };

  it('shows how photographs came back, writes them, and tells it as JSON', async () => {
    const out = join(workspace.dir, 'received');
    const send = workspace.semcast(
      [
        'send',
        await workspace.photos(2),
        '--to',
        stack.channel.wsUrl,
        '--size',
        '64',
        '--cbr',
        '1/12',
        '--out',
        out,
        '--json',
        '-',
      ],
      withToken,
    );
    expect((await send.ended).code).toBe(0);
    const report = JSON.parse(send.stdout) as { schema: string; to: string; frames: Record<string, unknown>[] };
    expect(report).toMatchObject({ schema: 'semcast.send/1', to: stack.channel.wsUrl });
    expect(report.frames).toMatchObject(
      ['brushes.jpg', 'creek.jpg'].map((name) => ({
        kind: 'completed',
        name,
        width: 64,
        cbr: '1/12',
        decoder: 'jscc',
      })),
    );
    expect(await readdir(out)).toHaveLength(2);
    expect(send.stderr).toMatch(/brushes +64×64 +1\/12 +15\.0 +\d+\.\d\d/);
    expect(send.stderr).toMatch(/2 frames · mean PSNR \d+\.\d\d dB/);
  });

  it('exits with 1 when something did not get through, and says why', async () => {
    const letter = join(workspace.dir, 'letter.jpg');
    await writeFile(letter, 'Dear Sir,');
    const send = workspace.semcast(['send', letter, '--to', stack.channel.wsUrl], withToken);
    expect((await send.ended).code).toBe(1);
    expect(send.stdout).toContain('letter was dropped: unreadable-image');
  });

  it('passes on the refusal of a channel: a token, a decoder', async () => {
    const photos = await workspace.photos(1);
    const untold = await workspace.run('send', photos, '--to', stack.channel.wsUrl);
    expect(untold.code).toBe(1);
    expect(untold.stderr).toMatch(/token/);
    const send = workspace.semcast(
      ['send', photos, '--to', stack.channel.wsUrl, '--decoder', 'crystal-ball'],
      withToken,
    );
    expect((await send.ended).code).toBe(1);
    expect(send.stderr).toContain('no decoder "crystal-ball"');
    expect(send.stderr).toContain('jscc');
  });

  it('waits so long for a channel and no longer', async () => {
    const [port] = (await freePorts(1)) as [number];
    const { code, stderr } = await workspace.run(
      'send',
      await workspace.photos(1),
      '--to',
      `ws://127.0.0.1:${port}`,
      '--wait',
      '1',
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`no link to ws://127.0.0.1:${port} within 1 s`);
    expect(stderr).toContain('semcast up');
  });

  it('does not wait for ever when the channel goes in the middle, and says without a terminal what it waits for', async () => {
    // Only the first frame is ever answered.
    const receiver = await startFakeReceiver({ answer: (delivery, n) => n === 0 && finish(delivery) });
    const channel = await createChannelService(
      channelServiceConfigSchema.parse({ port: 0, receiverUrl: receiver.url, logLevel: 'silent' }),
    );
    try {
      const args = ['send', await workspace.photos(3), '--to', channel.wsUrl, '--size', '64', '--timeout', '15'];
      const send = workspace.semcast([...args, '--json', '-']);
      await send.until('all are sent', () => receiver.frames === 3);
      await channel.close();
      expect((await send.ended).code).toBe(1);
      expect(send.stderr).toMatch(/waiting for a link to ws:.*, for 10 s now/);
      expect(send.stderr).toMatch(/waited 15 s in vain for a link to ws:.*ECONNREFUSED.*\[E_TIMEOUT\]/);
      // What had come is told all the same.
      expect((JSON.parse(send.stdout) as { frames: unknown[] }).frames).toHaveLength(1);
    } finally {
      await channel.close();
      await receiver.close();
    }
  });
});
