/** The link: reconnects, credits, limits, and how it all ends. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import type { Delivery } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import { createTransmitter, type FrameOutcome, type TransmitterConfigInput } from '../src/index.js';
import { createFakeEncoder } from './support/fake-encoder.js';
import { finish } from './support/fake-receiver.js';
import { deadUrl, photo, photoFolder, receiver, temporaryFolder, transmitter, until } from './support/harness.js';

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc') as () => void;

async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

const inOrder = (outcomes: readonly FrameOutcome[]): number[] =>
  outcomes.map(({ frame }) => frame).sort((a, b) => a - b);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Answers after a while that differs from frame to frame. */
function finishLater(delivery: Delivery): void {
  setTimeout(() => finish(delivery), 5 + ((delivery.head.frame * 17) % 40));
}

describe('a link that breaks', () => {
  it('loses no frame and repeats none, and the receiver works on each once', async () => {
    const far = await receiver({ credits: 4, answer: finishLater });
    const { transmitter: near, outcomes } = await transmitter(far.url);
    const picture = await photo();
    let opened = 0;
    near.on('state', ({ name }) => {
      opened += name === 'open' ? 1 : 0;
    });
    const results = numbers(40).map(() => near.submit({ photo: picture }));
    for (let cut = 1; cut <= 3; cut++) {
      await until(() => outcomes.length >= 9 * cut, `outcome ${9 * cut}`);
      far.cutLinks();
    }
    const ended = await Promise.all(results);
    expect(ended.every(({ kind }) => kind === 'completed')).toBe(true);
    expect(inOrder(outcomes)).toEqual(numbers(40));
    expect(far.frames.map(({ frame }) => frame).sort((a, b) => a - b)).toEqual(numbers(40));
    expect(opened).toBeGreaterThanOrEqual(3);
    expect(new Set(far.hellos.map(({ run }) => run)).size).toBe(1);
  });

  it('survives a receiver that is replaced by another one', async () => {
    const first = await receiver({ credits: 4, answer: finishLater });
    const { transmitter: near, outcomes } = await transmitter(first.url);
    const picture = await photo();
    const results = numbers(24).map(() => near.submit({ photo: picture }));
    await until(() => outcomes.length >= 6, 'outcome 6');
    await first.close();
    await until(() => near.status().link.state !== 'open', 'the end of the link');
    await receiver({ port: first.port, credits: 2, answer: finishLater });
    const ended = await Promise.all(results);
    expect(ended.every(({ kind }) => kind === 'completed')).toBe(true);
    expect(inOrder(outcomes)).toEqual(numbers(24));
  });

  it('waits for a receiver that comes later, and says so meanwhile', async () => {
    const url = await deadUrl();
    const { transmitter: near } = await transmitter(url);
    const outcome = near.submit({ photo: await photo() });
    await until(() => near.status().link.state === 'waiting', 'the first failure');
    const ready = await fetch(`${near.httpUrl}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining("can't be reached")]);
    await receiver({ port: Number(new URL(url).port) });
    expect(await outcome).toMatchObject({ kind: 'completed' });
    expect((await fetch(`${near.httpUrl}/readyz`)).status).toBe(200);
  });

  it('gives a frame up where nobody listens, when told to', async () => {
    const { transmitter: near } = await transmitter(await deadUrl(), { giveUpMs: 80 });
    expect(await near.submit({ photo: await photo() })).toMatchObject({ reason: 'gave-up' });
  });
});

describe('a link that is refused', () => {
  it('ends every frame, with the message of the other side', async () => {
    const far = await receiver({ token: 'right' });
    const { transmitter: near, outcomes } = await transmitter(far.url, { token: 'wrong' });
    const picture = await photo();
    const early = await Promise.all(numbers(30).map(() => near.submit({ photo: picture })));
    const late = await near.submit({ photo: picture });
    for (const outcome of [...early, late]) {
      expect(outcome).toMatchObject({
        kind: 'dropped',
        reason: 'gave-up',
        detail: expect.stringContaining('same token') as string,
      });
    }
    expect(outcomes).toHaveLength(31);
    expect(await near.failed).toMatchObject({ code: 'E_TOKEN' });
    expect((await fetch(`${near.httpUrl}/readyz`)).status).toBe(503);
    expect(near.status().failure).toContain('token');
  });

  it('keeps its stream when another transmitter wants it, which waits and says why', async () => {
    const far = await receiver();
    const { transmitter: first } = await transmitter(far.url, { stream: 'cam-1' });
    await first.submit({ photo: await photo() });
    const { transmitter: second } = await transmitter(far.url, { stream: 'cam-1' });
    const waiting = second.submit({ photo: await photo() });
    await until(() => second.status().link.state === 'waiting');
    expect(second.status().link.error).toContain('E_STREAM_TAKEN');
    expect(await first.submit({ photo: await photo() })).toMatchObject({ kind: 'completed' });
    await first.close();
    expect(await waiting).toMatchObject({ kind: 'completed' });
  });
});

describe('credits and limits', () => {
  it('make the sender wait: beyond window and preparation nothing is read or encoded', async () => {
    const held: Delivery[] = [];
    const far = await receiver({ credits: 3, answer: (delivery) => held.push(delivery) });
    const { transmitter: near, encoder, outcomes } = await transmitter(far.url, { prepareAhead: 2, maxInFlight: 16 });
    const picture = await photo();
    const results = numbers(50).map(() => near.submit({ photo: picture }));
    await until(() => held.length === 3 && encoder.encoded.length === 5, 'three sent and two prepared');
    await new Promise((resolve) => {
      setTimeout(resolve, 150);
    });
    expect([held.length, encoder.encoded.length, outcomes.length]).toEqual([3, 5, 0]);
    expect(near.status().frames).toMatchObject({ credits: 3, unresolved: 3, inFlight: 16, queued: 34 });
    far.streams.setWindow(6);
    await until(() => held.length === 6 && encoder.encoded.length === 8, 'the larger window');
    const answering = setInterval(() => {
      const delivery = held.shift();
      if (delivery !== undefined) {
        finish(delivery);
      }
    }, 1);
    const ended = await Promise.all(results);
    clearInterval(answering);
    expect(ended.every(({ kind }) => kind === 'completed')).toBe(true);
    expect(inOrder(outcomes)).toEqual(numbers(50));
  });

  it('hold at most maxInFlight frames from reading to outcome', async () => {
    let most = 0;
    const far = await receiver({ credits: 50, answer: finishLater });
    const { transmitter: near, encoder, outcomes } = await transmitter(far.url, { maxInFlight: 3, prepareAhead: 3 });
    near.on('sent', () => {
      most = Math.max(most, encoder.encoded.length - outcomes.length);
    });
    const picture = await photo();
    await Promise.all(numbers(30).map(() => near.submit({ photo: picture })));
    expect(most).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(1);
  });

  it('hold at most so many pixels, and a picture beyond them alone', async () => {
    let underWay = 0;
    let most = 0;
    const far = await receiver({ credits: 50, answer: finishLater });
    const { transmitter: near } = await transmitter(far.url, { maxInFlightPixels: 2500, prepareAhead: 16 });
    const sizes = [20, 60, 30, 20, 40, 30, 60, 20, 20, 50];
    near.on('sent', ({ width, height }) => {
      underWay += width * height;
      // The picture of 60×60 is more than all that is allowed: it goes when nothing else does.
      most = Math.max(most, width === 60 && underWay === 3600 ? 0 : underWay);
    });
    near.on('outcome', (outcome) => {
      underWay -= outcome.kind === 'completed' ? outcome.width * outcome.height : 0;
    });
    const pictures = await Promise.all(sizes.map((side) => photo(0, { width: side, height: side })));
    const ended = await Promise.all(pictures.map((picture) => near.submit({ photo: picture })));
    expect(ended.every(({ kind }) => kind === 'completed')).toBe(true);
    expect(most).toBeLessThanOrEqual(2500);
    expect(most).toBeGreaterThan(1600);
  });

  it('let maxQueue frames wait, and drop one more as queue-full', async () => {
    const held: Delivery[] = [];
    const far = await receiver({ answer: (delivery) => held.push(delivery) });
    const { transmitter: near } = await transmitter(far.url, { maxInFlight: 2, maxQueue: 3 });
    const picture = await photo();
    const results = numbers(6).map(() => near.submit({ photo: picture }));
    expect(await results[5]).toMatchObject({
      kind: 'dropped',
      frame: 5,
      reason: 'queue-full',
      detail: expect.stringContaining('raise maxQueue') as string,
    });
    expect(near.status().frames).toMatchObject({ inFlight: 2, queued: 3 });
    const answering = setInterval(() => {
      const delivery = held.shift();
      if (delivery !== undefined) {
        finish(delivery);
      }
    }, 1);
    const ended = await Promise.all(results.slice(0, 5));
    clearInterval(answering);
    expect(ended.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'completed'));
    expect(await near.metrics.text()).toContain('semcast_dropped_frames_total{reason="queue-full"} 1');
  });

  it('keep memory flat, however many pictures go through', async () => {
    const far = await receiver({ credits: 8 });
    const picture = await photo(0, { width: 128, height: 128 });
    const { transmitter: near, outcomes } = await transmitter(far.url, { resultFormat: 'raw' });
    const usedBytes: number[] = [];
    for (let batch = 1; batch <= 15; batch++) {
      await Promise.all(numbers(8).map(() => near.submit({ photo: picture })));
      // The harness keeps outcomes with their pictures; a service doesn't.
      (outcomes as FrameOutcome[]).length = 0;
      if (batch === 5 || batch === 15) {
        await collectGarbage();
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        usedBytes.push(heapUsed + arrayBuffers);
      }
    }
    expect(near.status().frames).toMatchObject({ completed: 120, inFlight: 0, queued: 0, unresolved: 0 });
    expect(near.status().recent).toHaveLength(50);
    // Ten batches of eight pictures of 49 kB, each of them there and back: 8 MB if they were kept.
    expect(usedBytes[1]! - usedBytes[0]!).toBeLessThan(3e6);
  });
});

describe('what cannot be written', () => {
  it('ends the transmitter rather than lose pictures unseen', async () => {
    const far = await receiver();
    const outputDir = join(await temporaryFolder(), 'out');
    const { transmitter: near, outcomes } = await transmitter(far.url, { outputDir });
    await rm(outputDir, { recursive: true });
    await writeFile(outputDir, 'a file, no folder');
    const picture = await photo();
    const results = await Promise.all(numbers(6).map(() => near.submit({ photo: picture })));
    for (const outcome of results) {
      expect(outcome).toMatchObject({
        kind: 'dropped',
        reason: 'gave-up',
        detail: expect.stringMatching(/can't be written.*check that the folder/) as string,
      });
    }
    expect(inOrder(outcomes)).toEqual(numbers(6));
    expect(await near.failed).toMatchObject({ code: 'E_WRITE' });
    expect((await fetch(`${near.httpUrl}/readyz`)).status).toBe(503);
  });
});

describe('a folder that cannot be written to', () => {
  it('is found before anything is sent', async () => {
    const far = await receiver();
    const plain = join(await temporaryFolder(), 'plain');
    await writeFile(plain, 'a file, no folder');
    await expect(transmitter(far.url, { outputDir: plain })).rejects.toMatchObject({
      code: 'E_WRITE',
      message: expect.stringContaining(`${plain} can't be written`) as string,
    });
    expect(far.hellos).toEqual([]);
  });
});

describe('the source', () => {
  it('is sent in order, once, and is finished then', async () => {
    const far = await receiver();
    const source = await photoFolder(5);
    // With more than one frame in preparation, a quick one may overtake a slow one.
    const { transmitter: near, outcomes } = await transmitter(far.url, {
      source: [source],
      loop: false,
      prepareAhead: 1,
    });
    expect(await near.finished).toEqual({ completed: 5, dropped: 0, droppedByReason: {} });
    expect(far.frames.map(({ frame }) => frame)).toEqual(numbers(5));
    expect(outcomes.map(({ name }) => name).sort()).toEqual(numbers(5).map((i) => `photo-00${i}.png`));
  });

  it('begins again after the last one, up to the limit, and passes over what cannot be read', async () => {
    const far = await receiver();
    const source = await photoFolder(3);
    await writeFile(join(source, 'photo-001.png'), 'torn');
    const { transmitter: near, outcomes } = await transmitter(far.url, { source: [source], frames: 7 });
    expect(await near.finished).toEqual({ completed: 5, dropped: 2, droppedByReason: { 'unreadable-image': 2 } });
    for (const { frame, name } of outcomes) {
      expect(name).toBe(`photo-00${frame % 3}.png`);
    }
    expect(inOrder(outcomes)).toEqual(numbers(7));
  });

  it('is sent at the wanted rate', async () => {
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url, { source: [await photoFolder(2)], frames: 9, fps: 10 });
    const sentAt: number[] = [];
    near.on('sent', () => sentAt.push(performance.now()));
    await near.finished;
    const seconds = (sentAt.at(-1)! - sentAt[0]!) / 1000;
    // Eight intervals of 0.1 s; the first frame may be late on a busy machine. Without a rate it takes a tenth of this.
    expect(seconds).toBeGreaterThan(0.5);
    expect(seconds).toBeLessThan(5);
  });

  it('shares the stream with what is submitted, no number twice', async () => {
    const far = await receiver({ answer: finishLater });
    const { transmitter: near, outcomes } = await transmitter(far.url, { source: [await photoFolder(4)], frames: 20 });
    const picture = await photo();
    const mine = await Promise.all(numbers(6).map(() => near.submit({ photo: picture, name: 'mine' })));
    await near.finished;
    const frames = outcomes.map(({ frame }) => frame);
    expect(new Set(frames).size).toBe(frames.length);
    expect(mine.every(({ kind }) => kind === 'completed')).toBe(true);
    expect(outcomes.filter(({ name }) => name === 'mine')).toHaveLength(6);
  });
});

describe('closing', () => {
  it('lets frames under way come back', async () => {
    const far = await receiver({ answer: (delivery) => setTimeout(() => finish(delivery), 80) });
    const { transmitter: near, encoder } = await transmitter(far.url, { drainMs: 5000 });
    const outcome = near.submit({ photo: await photo() });
    await until(() => far.frames.length === 1, 'the frame');
    await near.close();
    expect(await outcome).toMatchObject({ kind: 'completed' });
    expect(encoder.closed).toBe(true);
    // The stream has said goodbye: the receiver keeps nothing of it.
    await until(() => far.streams.size === 0, 'the end of the stream');
  });

  it('ends what does not come back as cancelled, and what waits, and what comes later', async () => {
    const far = await receiver({ credits: 2, answer: () => undefined });
    const { transmitter: near, outcomes } = await transmitter(far.url, { drainMs: 50, maxInFlight: 4 });
    const picture = await photo();
    const results = numbers(9).map(() => near.submit({ photo: picture }));
    await until(() => far.frames.length === 2, 'two frames');
    const startedAt = performance.now();
    await near.close();
    expect(performance.now() - startedAt).toBeLessThan(2000);
    const later = await near.submit({ photo: picture });
    for (const outcome of [...(await Promise.all(results)), later]) {
      expect(outcome).toMatchObject({ kind: 'dropped', reason: 'cancelled' });
    }
    expect(inOrder(outcomes)).toEqual(numbers(10));
    await expect(fetch(`${near.httpUrl}/healthz`)).rejects.toThrow('fetch failed');
    await near.close();
  });

  it('starts nothing new while it waits for what is under way', async () => {
    const far = await receiver({ answer: (delivery) => setTimeout(() => finish(delivery), 100) });
    const { transmitter: near } = await transmitter(far.url, { drainMs: 5000, maxInFlight: 2 });
    const picture = await photo();
    const results = numbers(8).map(() => near.submit({ photo: picture }));
    await until(() => far.frames.length === 2, 'two frames');
    await near.close();
    const kinds = (await Promise.all(results)).map((outcome) =>
      outcome.kind === 'dropped' ? outcome.reason : outcome.kind,
    );
    expect(kinds).toEqual(['completed', 'completed', ...Array.from({ length: 6 }, () => 'cancelled')]);
    expect(far.frames).toHaveLength(2);
  });

  it('does not wait for a link that is away', async () => {
    const { transmitter: near } = await transmitter(await deadUrl(), { drainMs: 60_000 });
    const outcome = near.submit({ photo: await photo() });
    await until(() => near.status().link.state === 'waiting', 'the first failure');
    await near.close();
    expect(await outcome).toMatchObject({ reason: 'cancelled' });
  });
});

describe('starting', () => {
  it('fails with cause and remedy, and leaves nothing running', async () => {
    const far = await receiver();
    const { transmitter: other } = await transmitter(far.url);
    const busy = Number(new URL(other.httpUrl).port);
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'journal'), 'what is this?\n');
    const configs: [TransmitterConfigInput, string][] = [
      [{ port: busy }, 'E_PORT_BUSY'],
      [{ cbr: '1/9' }, 'E_UNKNOWN_RATE'],
      [{ source: [join(folder, 'absent')] }, 'E_SOURCE'],
      [{ journal: join(folder, 'journal') }, 'E_JOURNAL_CORRUPT'],
      [{ metricBundles: [folder] }, 'E_BUNDLE_MISSING'],
    ];
    for (const [config, code] of configs) {
      const encoder = createFakeEncoder();
      const started = createTransmitter(
        { to: far.url, port: 0, source: [], logLevel: 'silent', ...config },
        { encoder },
      );
      await expect(started).rejects.toMatchObject({ code, remedy: expect.any(String) as string });
    }
    await until(() => far.streams.size <= 1, 'the streams of those that failed');
  });

  it('refuses a configuration that makes no sense', async () => {
    for (const [config, message] of [
      [{ to: 'http://x' }, 'ws://127.0.0.1:7401'],
      [{ cbr: '24' }, 'no channel bandwidth ratio'],
      [{ fps: -1 }, 'fps'],
      [{ stream: 'a b' }, 'a stream id has'],
      [{ prepareAhead: 0 }, 'prepareAhead'],
    ] as const) {
      await expect(createTransmitter(config, { encoder: createFakeEncoder() })).rejects.toThrow(message);
    }
  });
});

describe('HTTP', () => {
  it('shows the stream, its link and its newest outcomes', async () => {
    const far = await receiver({ credits: 5 });
    const { transmitter: near } = await transmitter(far.url, { stream: 'cam-1' });
    await near.submit({ photo: await photo(), name: 'a' });
    await near.submit({ photo: new Uint8Array(0), name: 'b' });
    const status = (await (await fetch(`${near.httpUrl}/stream`)).json()) as unknown;
    expect(status).toMatchObject({
      stream: 'cam-1',
      to: far.url,
      link: { state: 'open' },
      frames: { completed: 1, dropped: 1, droppedByReason: { 'unreadable-image': 1 }, inFlight: 0, credits: 5 },
      source: { photographs: 0, frames: 0 },
      settings: { cbr: '1/24', decoder: 'jscc' },
      bundle: { name: 'fake' },
      receiver: { decoders: ['jscc'] },
      failure: null,
      recent: [
        { kind: 'completed', frame: 0, name: 'a' },
        { kind: 'dropped', frame: 1, name: 'b' },
      ],
    });
    expect(JSON.stringify(status).length).toBeLessThan(4000);
  });

  it('exposes the contracted metrics', async () => {
    const far = await receiver();
    const { transmitter: near } = await transmitter(far.url);
    await near.submit({ photo: await photo(0, { width: 200, height: 200 }) });
    const text = await (await fetch(`${near.httpUrl}/metrics`)).text();
    for (const line of [
      'semcast_frames_total{stage="transmitter",outcome="completed"} 1',
      'semcast_end_to_end_latency_seconds_count{decoder="jscc"} 1',
      'semcast_reconstruction_psnr_db_count{decoder="jscc"} 1',
      'semcast_reconstruction_ssim_count{decoder="jscc"} 1',
      'semcast_reconstruction_ms_ssim_count{decoder="jscc"} 1',
      'semcast_frame_latency_seconds_count{stage="encode"} 1',
      'semcast_snr_db{kind="configured"} 7',
      'semcast_snr_db{kind="effective"} 7.5',
      'semcast_snr_db{kind="measured"} 7.25',
      `semcast_channel_bandwidth_ratio ${(25 * 25 * 8) / (3 * 200 * 200)}`,
      'semcast_sessions 1',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toMatch(/semcast_wire_bytes_total\{direction="out"\} \d{5}/);
    expect(text).toMatch(/semcast_wire_bytes_total\{direction="in"\} \d{5}/);
  });
});
