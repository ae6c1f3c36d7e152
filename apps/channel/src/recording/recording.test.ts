import { mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseChannelConfig } from '@semcast/channel-models';
import { randomFor, type ComplexVector } from '@semcast/core';
import { growWhole, type GrowingFile } from '@semcast/service';
import { bytesToIq, iqPayload, type FrameHead, type SampleFormat, type SessionHello } from '@semcast/wire';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { AdoptedRecording } from './adopt-recordings.js';
import { recordSchema } from './config.js';
import { openRecording } from './read-recording.js';
import { Recorder } from './recorder.js';
import { Recording, type RecordingEnd, type RecordingOptions } from './recording.js';

const COUNT = 24;
const GAINS = new Float32Array([0.5, -0.25, 1, 2]);
let folder = '';
let path = '';
const incomplete: string[] = [];
let end: RecordingEnd | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'semcast-recording-'));
  path = join(folder, 'cam-1');
  incomplete.length = 0;
  end = undefined;
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function create(datatype: SampleFormat, options: Partial<RecordingOptions> = {}): Recording {
  return new Recording({
    path,
    global: {
      'core:datatype': datatype,
      'core:version': '1.2.0',
      'core:sample_rate': 1e6,
      'semcast:at': 'output',
      'semcast:hello': { decoder: 'jscc', csi: 'genie', sampleFormat: 'cf32_le', result: { format: 'png' } },
    },
    budget: { diskBytes: 1e6, queueBytes: 1e6 },
    onIncomplete: (why) => incomplete.push(why),
    onFinished: (finished) => {
      end = finished;
    },
    openFile: growWhole,
    ...options,
  });
}

const samplesOf = (frame: number): ComplexVector => {
  const samples = new Float32Array(2 * COUNT);
  randomFor({ seed: 1, stream: 'test', frame, purpose: 'samples' }).fillNormal(samples, Math.SQRT1_2);
  return samples;
};

function add(recording: Recording, frame: number, { iq = samplesOf(frame), format = 'cf32_le' as SampleFormat } = {}) {
  const taps = [{ delay: 0, gains: { coherence: 12, values: GAINS } }];
  const { payload, samples, genie } = iqPayload({ samples: iq, channel: { taps, noiseVariance: 0.1 } }, format);
  const head: FrameHead = {
    stream: 'cam-1',
    frame,
    width: 8,
    height: 8,
    cbr: '1/8',
    channelUses: COUNT,
    designCsnrDb: 10,
    decoder: 'jscc',
    csi: 'genie',
    waveform: 'single-carrier',
    interleaved: true,
    samples,
    impairment: { model: 'rayleigh-block', snrDb: 10, seed: 0, ...genie },
    bundleDigest: 'd',
  };
  const [bytes, ...gains] = payload;
  recording.add(head, bytes!, gains);
  return { head, payload: Buffer.concat(payload) };
}

/** The keys that SigMF 1.2 asks for, and those of its own that a recording has, of the types that it gives them. */
const uint = z.int().nonnegative();
const sigmf = z.strictObject({
  global: z
    .strictObject({
      'core:datatype': z.string().regex(/^(c|r)(f32|f64|i32|i16|u32|u16|i8|u8)(_le|_be)?$/),
      'core:version': z.string().regex(/^\d+\.\d+\.\d+$/),
      'core:sample_rate': z.number().min(1).max(1e12).optional(),
      'core:recorder': z.string().optional(),
      'core:description': z.string().optional(),
      'core:extensions': z
        .array(z.strictObject({ name: z.string(), version: z.string(), optional: z.boolean() }))
        .optional(),
    })
    .catchall(z.unknown()),
  captures: z.array(
    z.strictObject({
      'core:sample_start': uint,
      'core:datetime': z.iso.datetime().optional(),
      'semcast:missing_frames': uint.optional(),
    }),
  ),
  annotations: z.array(
    z
      .strictObject({ 'core:sample_start': uint, 'core:sample_count': uint, 'core:label': z.string() })
      .catchall(z.unknown()),
  ),
});

describe('a recording', () => {
  it('is SigMF: samples behind each other, an annotation for each frame', async () => {
    const recording = create('cf32_le');
    add(recording, 0);
    add(recording, 7);
    await recording.finish();
    expect(await readdir(folder)).toEqual(['cam-1.sigmf-data', 'cam-1.sigmf-meta']);
    const meta = sigmf.parse(JSON.parse(await readFile(`${path}.sigmf-meta`, 'utf8')));
    expect(meta.annotations.map((a) => [a['core:sample_start'], a['core:sample_count'], a['core:label']])).toEqual([
      [0, COUNT, 'cam-1/0'],
      [COUNT, COUNT, 'cam-1/7'],
    ]);
    const capture = { 'core:sample_start': 0, 'core:datetime': expect.any(String), 'semcast:missing_frames': 0 };
    expect(meta.captures).toEqual([capture]);
    expect(meta.global).toMatchObject({ 'core:sample_rate': 1e6 });
    const data = await readFile(`${path}.sigmf-data`);
    expect(bytesToIq(data, { format: 'cf32_le', count: 2 * COUNT })).toEqual(
      Float32Array.from([...samplesOf(0), ...samplesOf(7)]),
    );
    expect([incomplete, end]).toEqual([[], { path, frames: 2, missing: 0 }]);
  });

  it.each(['cf32_le', 'ci16_le'] as const)('gives frames back as they were on the wire: %s', async (format) => {
    const recording = create(format);
    const sent = [add(recording, 3, { format }), add(recording, 4, { format })];
    // Sent again after a reconnect: it is there once.
    add(recording, 3, { format });
    await recording.finish();
    const read = await openRecording(`${path}.sigmf-meta`);
    expect(read).toMatchObject({ at: 'output', stream: 'cam-1', hello: { decoder: 'jscc' } });
    const frames = await Promise.all(read.frames.map(async (frame) => await read.read(frame)));
    await read.close();
    expect(
      frames.map(({ head, payload }) => ({ head, payload: Buffer.concat(payload as readonly Uint8Array[]) })),
    ).toEqual(sent);
  });

  it('converts: ci16 rounds to half a step of the scale of each frame', async () => {
    const recording = create('ci16_le');
    add(recording, 0, { iq: samplesOf(0).map((part) => 100 * part) });
    await recording.finish();
    const read = await openRecording(`${path}.sigmf-meta`);
    const { head, payload } = await read.read(read.frames[0]!);
    await read.close();
    const { samples } = head;
    const [bytes] = payload as readonly Uint8Array[];
    expect(samples).toMatchObject({ format: 'ci16_le', count: COUNT });
    const scale = samples.format === 'ci16_le' ? samples.scale : Number.NaN;
    for (const [i, part] of bytesToIq(bytes!, samples).entries()) {
      expect(Math.abs(part - 100 * samplesOf(0)[i]!)).toBeLessThanOrEqual(scale * 0.5001);
    }
  });

  it('leaves a frame out whose samples have no integers, and counts it', async () => {
    const recording = create('ci16_le');
    add(recording, 0, { iq: samplesOf(0).fill(Number.NaN, 3, 4) });
    add(recording, 1);
    await recording.finish();
    expect(end).toEqual({ path, frames: 1, missing: 1 });
  });

  it('ends when the bytes of all recordings are used up, whole', async () => {
    const budget = { diskBytes: 2500, queueBytes: 1e6 };
    const recording = create('cf32_le', { budget });
    for (let frame = 0; frame < 10; frame++) {
      add(recording, frame);
    }
    await recording.finish();
    expect(incomplete).toEqual([expect.stringContaining('record.maxBytes')]);
    expect(budget).toEqual({ diskBytes: 0, queueBytes: 1e6 });
    expect(end!.frames).toBeGreaterThan(0);
    const sizes = await Promise.all(['data', 'meta'].map(async (kind) => (await stat(`${path}.sigmf-${kind}`)).size));
    // Beside the frames the metadata has some hundred bytes.
    expect(sizes[0]! + sizes[1]!).toBeLessThan(2500 + 600);
    const read = await openRecording(`${path}.sigmf-meta`);
    expect(read.frames).toHaveLength(end!.frames);
    await read.close();
    const other = create('cf32_le', { budget, path: join(folder, 'other') });
    add(other, 0);
    await other.finish();
    expect(await readdir(folder)).toEqual(['cam-1.sigmf-data', 'cam-1.sigmf-meta']);
  });

  /** Files of which the data file takes so many pieces. */
  const openFull =
    (pieces: number) =>
    async (name: string): Promise<GrowingFile> => {
      const file = await growWhole(name);
      let left = name.endsWith('-data') ? pieces : Infinity;
      return {
        ...file,
        append: async (content) => {
          if (left-- === 0) {
            throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
          }
          await file.append(content);
        },
      };
    };

  it('keeps what was written when the disk is full, says so once, and goes on taking frames', async () => {
    const recording = create('cf32_le', { openFile: openFull(2) });
    for (let frame = 0; frame < 5; frame++) {
      add(recording, frame);
    }
    await recording.finish();
    add(recording, 5);
    expect(incomplete).toEqual([expect.stringContaining('ENOSPC')]);
    expect(end).toEqual({ path, frames: 2, missing: 3 });
    const read = await openRecording(`${path}.sigmf-meta`);
    expect(read.frames.map(({ head }) => head.frame)).toEqual([0, 1]);
    await read.close();
  });

  it('leaves no file where not one frame could be written, or none came', async () => {
    const recording = create('cf32_le', { openFile: openFull(0) });
    add(recording, 0);
    await recording.finish();
    expect(incomplete).toHaveLength(1);
    await create('cf32_le').finish();
    expect([await readdir(folder), end]).toEqual([[], undefined]);
    const nowhere = create('cf32_le', { path: join(folder, 'gone', 'x') });
    add(nowhere, 0);
    await nowhere.finish();
    expect(incomplete.at(-1)).toContain('ENOENT');
  });

  it('leaves frames out when the disk does not keep up, and counts them', async () => {
    let release = (): void => {};
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const budget = { diskBytes: 1e6, queueBytes: 2000 };
    const recording = create('cf32_le', {
      budget,
      openFile: async (name) => {
        await slow;
        return await growWhole(name);
      },
    });
    for (let frame = 0; frame < 4; frame++) {
      add(recording, frame);
    }
    release();
    await recording.finish();
    expect(incomplete).toEqual([expect.stringContaining('too slow')]);
    expect(end).toEqual({ path, frames: 2, missing: 2 });
    expect(budget.queueBytes).toBe(2000);
  });
});

describe('the recordings of a channel that was killed', () => {
  const hidden = (kind: string, pid = process.pid) => join(folder, `.cam-1.sigmf-${kind}.${pid}.tmp`);

  /** Three frames, without what a recording writes at its end, as of a process. */
  async function killed(pid = process.pid) {
    const recording = create('cf32_le');
    const frames = [0, 1, 2].map((frame) => add(recording, frame));
    await recording.finish();
    const meta = await readFile(`${path}.sigmf-meta`, 'utf8');
    await rm(`${path}.sigmf-meta`);
    await writeFile(hidden('meta', pid), meta.slice(0, meta.lastIndexOf('\n],')));
    await rename(`${path}.sigmf-data`, hidden('data', pid));
    return frames;
  }

  const open = async (): Promise<AdoptedRecording[]> => {
    const adopted: AdoptedRecording[] = [];
    await Recorder.open({
      config: recordSchema.parse({ folder }),
      channel: () => parseChannelConfig({}),
      onFinished: () => undefined,
      onIncomplete: () => undefined,
      onAdopted: (recording) => adopted.push(recording),
    });
    return adopted;
  };

  it.each([
    ['whole frames', 0, 0, 3],
    ['a frame whose samples are cut off', 0, 5, 2],
    ['a frame whose annotation is cut off', 3, 0, 2],
    ['both', 3, 8 * COUNT + 1, 1],
  ])('are finished by the next, with the frames that are whole: %s', async (_, lessMeta, lessData, whole) => {
    const frames = await killed();
    await truncate(hidden('meta'), (await stat(hidden('meta'))).size - lessMeta);
    await truncate(hidden('data'), (await stat(hidden('data'))).size - lessData);
    expect(await open()).toEqual([{ path, frames: whole }]);
    expect(await readdir(folder)).toEqual(['cam-1.sigmf-data', 'cam-1.sigmf-meta']);
    expect((await stat(`${path}.sigmf-data`)).size).toBe(whole * 8 * COUNT);
    expect(sigmf.parse(JSON.parse(await readFile(`${path}.sigmf-meta`, 'utf8'))).captures).toEqual([
      { 'core:sample_start': 0 },
    ]);
    const read = await openRecording(`${path}.sigmf-meta`);
    const found = await Promise.all(read.frames.map(async (frame) => await read.read(frame)));
    await read.close();
    expect(
      found.map(({ head, payload }) => ({ head, payload: Buffer.concat(payload as readonly Uint8Array[]) })),
    ).toEqual(frames.slice(0, whole));
  });

  it('are removed where not one frame is whole, and left where their process goes on', async () => {
    await killed();
    await truncate(hidden('data'), 7);
    await writeFile(hidden('data').replace('cam-1', 'alone'), 'data without metadata');
    await writeFile(join(folder, `.notes.txt.${process.pid}.tmp`), 'of somebody else');
    expect(await open()).toEqual([]);
    expect(await readdir(folder)).toEqual([`.notes.txt.${process.pid}.tmp`]);
    await killed(process.ppid);
    expect(await open()).toEqual([]);
    expect(await readdir(folder)).toHaveLength(3);
  });
});

describe('a recorder', () => {
  it('finishes the recording of a stream that lost its link and did not come back within a minute', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const ends: RecordingEnd[] = [];
      const recorder = await Recorder.open({
        config: recordSchema.parse({ folder }),
        channel: () => parseChannelConfig({}),
        onFinished: (_, finished) => ends.push(finished),
        onIncomplete: (_, why) => incomplete.push(why),
        onAdopted: () => undefined,
      });
      const hello: SessionHello = {
        protocol: 4,
        stream: 'cam-1',
        run: 'r',
        attempt: 0,
        role: 'transmitter',
        agent: 'test',
        decoder: 'jscc',
        csi: 'genie',
        sampleFormat: 'cf32_le',
        result: { format: 'png' },
      };
      const { output } = recorder.enter(hello);
      add(output!, 0);
      recorder.leave(hello);
      vi.advanceTimersByTime(59_000);
      expect(recorder.enter(hello).output).toBe(output);
      recorder.leave(hello);
      vi.advanceTimersByTime(60_000);
      expect(recorder.enter(hello).output).not.toBe(output);
      await recorder.close();
      expect(ends).toMatchObject([{ frames: 1, missing: 0 }]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('openRecording', () => {
  async function refusal(
    change: (meta: { global: Record<string, unknown>; annotations: Record<string, unknown>[] }) => unknown,
  ) {
    const recording = create('cf32_le');
    add(recording, 0);
    await recording.finish();
    const file = `${path}.sigmf-meta`;
    const changed = change(JSON.parse(await readFile(file, 'utf8')));
    await writeFile(file, typeof changed === 'string' ? changed : JSON.stringify(changed));
    return await openRecording(file).then(
      () => 'opened',
      ({ code, message }: Error & { code: string }) => `${code}: ${message}`,
    );
  }

  it.each<[string, Parameters<typeof refusal>[0], RegExp]>([
    ['no JSON', () => 'RIFF', /is no JSON/],
    ['JSON that is no SigMF', () => ({ global: {} }), /no SigMF metadata: [^]*annotations/],
    [
      'a recording of another program',
      (meta) => ({ ...meta, global: { 'core:datatype': 'cf32_le', 'core:version': '1.2.0' } }),
      /none of a semcast channel/,
    ],
    [
      'samples of another type',
      ({ global, ...rest }) => ({ ...rest, global: { ...global, 'core:datatype': 'ri16_le' } }),
      /core:datatype/,
    ],
    [
      'a head that fits another type',
      ({ global, ...rest }) => ({ ...rest, global: { ...global, 'core:datatype': 'ci16_le' } }),
      /annotation and head disagree/,
    ],
    [
      'a head that is none',
      ({ annotations, ...rest }) => ({ ...rest, annotations: [{ ...annotations[0], 'semcast:frame': {} }] }),
      /annotations\[0\]/,
    ],
    ['no frames', (meta) => ({ ...meta, annotations: [{ 'core:sample_start': 0 }] }), /no frames/],
  ])('refuses %s', async (_, change, message) => {
    expect(await refusal(change)).toMatch(message);
    expect(await refusal(change)).toMatch(/^E_RECORDING/);
  });

  it('refuses samples that end too early, another file, and one that is not there', async () => {
    const recording = create('cf32_le');
    add(recording, 0);
    await recording.finish();
    await truncate(`${path}.sigmf-data`, 100);
    await expect(openRecording(`${path}.sigmf-meta`)).rejects.toThrow(/cut off: it has 100 bytes, its frames take 192/);
    await expect(openRecording(`${path}.sigmf-data`)).rejects.toThrow(/no SigMF metadata file/);
    await rm(`${path}.sigmf-data`);
    await expect(openRecording(`${path}.sigmf-meta`)).rejects.toThrow(/sigmf-data can't be read: ENOENT/);
    await expect(openRecording(join(folder, 'none.sigmf-meta'))).rejects.toThrow(/ENOENT/);
  });

  it('takes annotations that somebody else added', async () => {
    expect(
      await refusal(({ annotations, ...rest }) => ({
        ...rest,
        annotations: [{ 'core:sample_start': 0, 'core:comment': 'a burst' }, ...annotations],
      })),
    ).toBe('opened');
  });
});
