import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLOSE_CODES, readIq } from '@semcast/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRecording, type ChannelServiceConfigInput } from '../src/index.js';
import { answer, connect, eventually, hello, makeFrame, metric, startChannel, startStubReceiver } from './helpers.js';

let folder = '';
const closing: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'semcast-record-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) {
    await close();
  }
  await rm(folder, { recursive: true, force: true });
});

async function start(record: ChannelServiceConfigInput['record']) {
  const receiver = await startStubReceiver();
  closing.push(() => receiver.close());
  const channel = await startChannel({
    receiverUrl: receiver.url,
    channel: { model: { name: 'rayleigh-block', coherence: 32 }, sampleRateHz: 2e6 },
    ...(record === undefined ? {} : { record }),
  });
  closing.push(() => channel.close());
  const client = connect(channel.wsUrl);
  closing.push(() => client.link.close());
  return { receiver, channel, client };
}

const recordings = async (): Promise<string[]> =>
  (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.sigmf-meta')).toSorted();

async function read(name: string) {
  const recording = await openRecording(join(folder, name));
  const frames = await Promise.all(recording.frames.map(async (frame) => await recording.read(frame)));
  await recording.close();
  return {
    ...recording,
    frames: frames.map(({ head, payload }) => ({ head, payload: Buffer.concat(payload as readonly Uint8Array[]) })),
  };
}

describe('a channel that records', () => {
  it('writes what it was sent and what it sent on, one recording a run of a stream, over several links', async () => {
    const { receiver, client } = await start({ folder, at: 'both' });
    const sent = [makeFrame(0), makeFrame(1)];
    await client.link.send(sent[0]!);
    await client.link.idle();
    expect(await recordings()).toEqual([]);
    // The link breaks under the second frame, which is sent again over the next.
    receiver.onFrame = (_, session) => {
      receiver.onFrame = answer;
      session.close(CLOSE_CODES.tryAgain);
    };
    await client.link.send(sent[1]!);
    await client.link.idle();
    await client.link.close();
    await eventually(async () => expect(await recordings()).toHaveLength(2));
    const [input, output] = await Promise.all((await recordings()).map(read));
    expect((await recordings()).map((name) => name.replace(/\d{8}T\d{9}Z/, 'TIME'))).toEqual([
      'cam-1-TIME-input.sigmf-meta',
      'cam-1-TIME-output.sigmf-meta',
    ]);
    expect([input!.at, output!.at, output!.stream]).toEqual(['input', 'output', 'cam-1']);
    expect(input!.frames).toEqual(
      sent.map(({ head, payload }) => ({ head, payload: Buffer.concat(payload as readonly Uint8Array[]) })),
    );
    const heard = receiver.frames.slice(0, 2);
    expect(output!.frames).toEqual(heard.map(({ head, payload }) => ({ head, payload: Buffer.from(payload) })));
    expect(heard[0]!.head.impairment!.taps).toEqual([{ delay: 0, coherence: 32, count: 3 }]);
  });

  it('goes on with the frames when the recording has its bytes, and says that it ended', async () => {
    const { channel, client } = await start({ folder, maxBytes: 4000 });
    for (let frame = 0; frame < 6; frame++) {
      await client.link.send(makeFrame(frame));
    }
    await client.link.idle();
    expect(client.results).toHaveLength(6);
    expect(await metric(channel.httpUrl, 'semcast_events_total{event="recording-incomplete"}')).toBe(1);
    await eventually(async () => expect(await recordings()).toHaveLength(1));
    const { frames } = await read((await recordings())[0]!);
    expect(frames.map(({ head }) => head.frame)).toEqual([0, 1, 2, 3, 4, 5].slice(0, frames.length));
    expect(frames.length).toBeLessThan(6);
  });

  it('goes on when its folder goes away', async () => {
    const { channel, client } = await start({ folder, at: 'both' });
    await rm(folder, { recursive: true });
    await client.link.send(makeFrame(0));
    await client.link.idle();
    expect(client.results).toHaveLength(1);
    await eventually(async () =>
      expect(await metric(channel.httpUrl, 'semcast_events_total{event="recording-incomplete"}')).toBe(2),
    );
  });

  it('records nothing unless it is asked to, and does not start where it could not', async () => {
    const { client } = await start(undefined);
    await client.link.send(makeFrame(0));
    await client.link.idle();
    await writeFile(join(folder, 'file'), '');
    await expect(startChannel({ record: { folder: join(folder, 'file') } })).rejects.toMatchObject({
      code: 'E_RECORD_FOLDER',
    });
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('finishes its recordings when it closes, though the stream goes on', async () => {
    const { channel, client } = await start({ folder, at: 'input', datatype: 'ci16_le' });
    await client.link.send(makeFrame(0));
    await client.link.idle();
    await channel.close();
    const [name] = await recordings();
    const { frames } = await read(name!);
    expect(frames[0]!.head.samples).toMatchObject({ format: 'ci16_le', count: 96 });
  });

  it('begins another recording with another run of the stream', async () => {
    const { channel, client } = await start({ folder });
    await client.link.send(makeFrame(0));
    await client.link.idle();
    await client.link.close({ endStream: false });
    expect(await recordings()).toEqual([]);
    const other = connect(channel.wsUrl, { hello: hello() });
    closing.push(() => other.link.close());
    await other.link.ready;
    await eventually(async () => expect(await recordings()).toHaveLength(1));
  });
});

/** A reader that follows SigMF, not semcast: the datatype and the annotations say where the samples are. */
const NUMPY = `
import json, sys
import numpy
meta = json.load(open(sys.argv[1]))
kinds = {"cf32_le": numpy.dtype("<c8"), "ci16_le": numpy.dtype([("i", "<i2"), ("q", "<i2")])}
samples = numpy.fromfile(sys.argv[1].replace("-meta", "-data"), kinds[meta["global"]["core:datatype"]])
if samples.dtype.names:
    samples = samples["i"] + 1j * samples["q"]
frames = []
for annotation in meta["annotations"]:
    start, count = annotation["core:sample_start"], annotation["core:sample_count"]
    part = samples[start : start + count]
    frames.append([annotation["core:label"], numpy.stack([part.real, part.imag], 1).ravel().tolist()])
json.dump(frames, sys.stdout)
`;

const GNU_RADIO = `
import json, sys
from gnuradio import blocks, gr
top, sink = gr.top_block(), blocks.vector_sink_c()
top.connect(blocks.file_source(gr.sizeof_gr_complex, sys.argv[1].replace("-meta", "-data"), False), sink)
top.run()
json.dump([part for sample in sink.data() for part in (sample.real, sample.imag)], sys.stdout)
`;

/** The Python that has a module: the first on the path, or Debian's. */
const pythonWith = (module: string): string | undefined =>
  ['python3', '/usr/bin/python3'].find((program) => spawnSync(program, ['-c', `import ${module}`]).status === 0);

const run = (python: string, script: string, name: string): unknown =>
  JSON.parse(execFileSync(python, ['-c', script, join(folder, name)], { encoding: 'utf8' }));

const numpy = pythonWith('numpy');
const gnuRadio = pythonWith('gnuradio.blocks');

describe('other programs find the samples of a recording', () => {
  async function record(datatype: 'cf32_le' | 'ci16_le') {
    const { receiver, client } = await start({ folder, datatype });
    for (const frame of [0, 1]) {
      await client.link.send(makeFrame(frame));
    }
    await client.link.idle();
    await client.link.close();
    await eventually(async () => expect(await recordings()).toHaveLength(1));
    const heard = receiver.frames.map(({ head, payload }) => Array.from(readIq({ head, payload }).samples));
    return { name: (await recordings())[0]!, heard };
  }

  it.skipIf(numpy === undefined)('NumPy, cf32_le', async () => {
    const { name, heard } = await record('cf32_le');
    expect(run(numpy!, NUMPY, name)).toEqual(heard.map((samples, frame) => [`cam-1/${frame}`, samples]));
  });

  it.skipIf(numpy === undefined)('NumPy, ci16_le: the parts over the scale of the frame', async () => {
    const { name, heard } = await record('ci16_le');
    const { frames } = await read(name);
    const found = run(numpy!, NUMPY, name) as [string, number[]][];
    for (const [i, [, integers]] of found.entries()) {
      const { samples } = frames[i]!.head;
      const scale = samples.format === 'ci16_le' ? samples.scale : Number.NaN;
      expect(Math.max(...integers.map(Math.abs))).toBe(32_767);
      expect(Math.max(...integers.map((part, k) => Math.abs(part * scale - heard[i]![k]!)))).toBeLessThan(0.51 * scale);
    }
  });

  it.skipIf(gnuRadio === undefined)('GNU Radio', async () => {
    const { name, heard } = await record('cf32_le');
    expect(run(gnuRadio!, GNU_RADIO, name)).toEqual(heard.flat());
  });
});
