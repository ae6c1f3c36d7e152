/** Both sides of the queue over a real nats-server; what decodes is a stand-in, which takes a known time a frame. */
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { createLogger, createMetrics } from '@semcast/service';
import { findProgram, startNatsCluster, startNatsServer, waitFor, type NatsServer } from '@semcast/testkit';
import type { Delivery, FrameHead, ResultHead, SessionHello } from '@semcast/wire';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  connectQueue,
  FrameIngest,
  FrameWorker,
  RollCall,
  type FrameTicket,
  type FrameWorkerOptions,
  type QueueConnection,
} from './index.js';
import { BLOBS_STREAM, DEAD_LETTERS_STREAM, FRAMES_STREAM, frameSubject } from './names.js';

const natsServer = findProgram('nats-server', 'nats-server');
const DIGEST = 'd'.repeat(64);
const logger = createLogger({ service: 'test', level: 'silent' });

const HELLO: SessionHello = {
  protocol: 4,
  stream: 'cam-1',
  run: 'run',
  attempt: 0,
  role: 'transmitter',
  agent: 'test',
  decoder: 'jscc',
  csi: 'none',
  sampleFormat: 'cf32_le',
  result: { format: 'raw' },
};

/** A frame of so many samples; what they say is its number. */
function frameOf(frame: number, changes: Partial<FrameHead> = {}, samples = 8) {
  const payload = new Uint8Array(8 * samples).fill(frame);
  const head: FrameHead = {
    stream: 'cam-1',
    frame,
    width: 4,
    height: 4,
    cbr: '1/2',
    channelUses: samples,
    designCsnrDb: 10,
    decoder: 'jscc',
    csi: 'none',
    waveform: 'single-carrier',
    interleaved: false,
    samples: { format: 'cf32_le', count: samples },
    bundleDigest: DIGEST,
    ...changes,
  };
  return { stream: head.stream, frame, head, payload, hello: HELLO, receivedMs: performance.now() };
}

function resultOf({ stream, frame, head }: Delivery, stage: ResultHead['stage'] = 'final'): ResultHead {
  return {
    stream,
    frame,
    stage,
    decoder: head.decoder,
    image: { format: 'raw', width: 4, height: 4 },
    steps: 0,
    csnrDb: { estimated: null },
    residual: null,
    timingsMs: { queue: 1, preview: 1, decode: 1, total: 2 },
  };
}

describe.skipIf(natsServer === undefined)('the queue over NATS', () => {
  let server: NatsServer;
  const endings: (() => unknown)[] = [];

  beforeEach(async () => {
    server = await startNatsServer(natsServer!);
  });
  afterEach(async () => {
    for (const end of endings.splice(0).toReversed()) {
      await end();
    }
    await server.remove();
  });

  async function connection(url = server.url): Promise<QueueConnection> {
    const made = await connectQueue(url, { name: 'test', logger });
    endings.push(() => made.close());
    return made;
  }

  async function ingestOf({ maxWaitMs = 30_000, queue: given }: { maxWaitMs?: number; queue?: QueueConnection } = {}) {
    const metrics = createMetrics('receiver', { processMetrics: false });
    const queue = given ?? (await connection());
    const ingest = new FrameIngest(queue, { logger, metrics, maxWaitMs });
    const workers = new RollCall(queue, { bundleDigest: DIGEST, onChange: () => {} });
    endings.push(() => {
      ingest.close();
      workers.close();
    });
    /** Frame numbers, or the reasons why there is no picture. */
    const carry = async (
      frame: ReturnType<typeof frameOf>,
      {
        signal = new AbortController().signal,
        onPartial = () => {},
      }: Partial<Pick<FrameTicket, 'signal' | 'onPartial'>> = {},
    ) => await ingest.carry({ delivery: frame, client: 'somebody', signal, onPartial });
    return { ingest, workers, carry, metrics, queue };
  }

  /** A worker that gives what it takes to the test. */
  async function workerOf(
    { queue: given, ...options }: Partial<FrameWorkerOptions> & { queue?: QueueConnection } = {},
    decoders = ['jscc'],
  ) {
    const metrics = createMetrics('receiver', { processMetrics: false });
    const taken: Delivery[] = [];
    const superseded: number[] = [];
    const queue = given ?? (await connection());
    const worker = new FrameWorker(queue, {
      logger,
      metrics,
      describe: () => ({
        bundle: { name: 'toy', version: '1', digest: DIGEST },
        decoders,
        device: 'cpu',
        workers: 1,
        finished: 0,
        busySeconds: 0,
      }),
      capacity: 2,
      hasMemory: () => true,
      take: (delivery) => taken.push(delivery),
      supersede: (_, by) => superseded.push(by),
      hasBegun: () => true,
      redeliverAfterMs: 1000,
      ...options,
    });
    endings.push(() => worker.close());
    return { worker, taken, superseded, metrics, queue };
  }

  async function depth(stream = FRAMES_STREAM): Promise<number> {
    const manager = await jetstreamManager((await connection()).nats);
    return (await manager.streams.info(stream)).state.messages;
  }

  it('brings a frame to a worker and its pictures back, byte for byte', async () => {
    const { carry, workers } = await ingestOf();
    const { taken } = await workerOf();
    await waitFor('a worker', () => workers.decoders.has('jscc'));
    const partials: number[] = [];
    const frame = frameOf(7);
    const outcome = carry(frame, { onPartial: ({ payload }) => partials.push(payload[0]!) });
    await waitFor('the frame', () => taken.length === 1);
    const [delivery] = taken as [Delivery];
    expect(delivery).toMatchObject({
      stream: 'cam-1',
      frame: 7,
      head: frame.head,
      hello: HELLO,
      remoteAddress: 'somebody',
    });
    expect(Buffer.from(delivery.payload)).toEqual(Buffer.from(frame.payload));
    expect(delivery.receivedMs).toBeLessThanOrEqual(performance.now());
    expect(delivery.preview(resultOf(delivery, 'preview'), new Uint8Array(48).fill(1))).toBe(true);
    await waitFor('the preview', () => partials.length === 1);
    expect(delivery.finish(resultOf(delivery), new Uint8Array(48).fill(2))).toBe(true);
    // It has ended: neither a second result nor a drop counts.
    expect(delivery.finish(resultOf(delivery), new Uint8Array(48))).toBe(false);
    expect(delivery.drop('decode-failed', 'too late')).toBe(false);
    expect(await outcome).toMatchObject({ kind: 'result', head: { frame: 7, stage: 'final' } });
    expect(partials).toEqual([1]);
    await waitFor('an empty queue', async () => (await depth()) === 0);
  });

  it('carries drops, with their reason', async () => {
    const { carry } = await ingestOf();
    await workerOf({ take: (delivery) => void delivery.drop('decode-failed', 'no memory') });
    expect(await carry(frameOf(0))).toMatchObject({
      kind: 'drop',
      head: { reason: 'decode-failed', detail: 'no memory' },
    });
  });

  it('takes frames and pictures beyond the payload limit, and leaves none behind', async () => {
    const { carry } = await ingestOf();
    const bytes = 3 * 1024 * 1024;
    const picture = new Uint8Array(bytes).map((_, i) => i % 251);
    const { taken } = await workerOf();
    const frame = frameOf(1, {}, bytes / 8);
    const outcome = carry(frame);
    await waitFor('the frame', () => taken.length === 1);
    expect(Buffer.compare(taken[0]!.payload, frame.payload)).toBe(0);
    taken[0]!.finish({ ...resultOf(taken[0]!), image: { format: 'raw', width: 1024, height: 1024 } }, picture);
    const ended = await outcome;
    expect(ended.kind === 'result' && Buffer.compare(ended.payload, picture)).toBe(0);
    const manager = await jetstreamManager((await connection()).nats);
    await waitFor('an empty store', async () => {
      const { state } = await manager.streams.info(BLOBS_STREAM, { subjects_filter: '>' } as never);
      // A deleted object leaves its name.
      return state.bytes < 10_000;
    });
  });

  it('gives a frame only to workers with its bundle and decoder', async () => {
    const { carry } = await ingestOf();
    const others = await workerOf({}, ['other']);
    const { taken } = await workerOf();
    const outcome = carry(frameOf(1));
    await waitFor('the frame', () => taken.length === 1);
    taken[0]!.finish(resultOf(taken[0]!), new Uint8Array(48));
    await outcome;
    expect(others.taken).toEqual([]);
    // A bundle that nobody has: it waits, and ends with a name.
    const impatient = await ingestOf({ maxWaitMs: 200 });
    await expect(impatient.carry(frameOf(2, { bundleDigest: 'e'.repeat(64) }))).rejects.toMatchObject({
      reason: 'queue-full',
    });
    await waitFor('the dead letter', async () => (await depth(DEAD_LETTERS_STREAM)) === 1);
    expect(await impatient.metrics.text()).toContain('semcast_dead_letters_total{reason="waited-in-vain"} 1');
  });

  it('takes no more frames than there is room for', async () => {
    const { carry } = await ingestOf();
    const { taken } = await workerOf({ capacity: 2 });
    const outcomes = Array.from({ length: 6 }, (_, i) => carry(frameOf(i)));
    await waitFor('two frames', () => taken.length === 2);
    await sleep(1500);
    expect(taken.length).toBe(2);
    for (let i = 0; i < 6; i++) {
      await waitFor('the next frame', () => taken.length > i);
      taken[i]!.finish(resultOf(taken[i]!), new Uint8Array(48));
    }
    await Promise.all(outcomes);
    expect(taken.map(({ frame }) => frame).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('keeps a frame that takes longer than the time after which a silent worker loses it', async () => {
    const { carry } = await ingestOf();
    const first = await workerOf({ redeliverAfterMs: 600 });
    const second = await workerOf({ redeliverAfterMs: 600 });
    const outcome = carry(frameOf(1));
    await waitFor('the frame', () => first.taken.length + second.taken.length === 1);
    await sleep(2500);
    expect(first.taken.length + second.taken.length).toBe(1);
    const [delivery] = [...first.taken, ...second.taken] as [Delivery];
    delivery.finish(resultOf(delivery), new Uint8Array(48));
    await outcome;
  });

  it('gives a frame of a worker that vanished to another, and takes the first outcome only', async () => {
    const { carry } = await ingestOf();
    const first = await workerOf();
    const outcome = carry(frameOf(1));
    await waitFor('the frame', () => first.taken.length === 1);
    // As if its process had died: no signs of life, no acknowledgement.
    await first.queue.nats.close();
    const second = await workerOf();
    await waitFor('its second delivery', () => second.taken.length === 1);
    expect(await second.metrics.text()).toContain('semcast_queue_redeliveries_total 1');
    second.taken[0]!.finish(resultOf(second.taken[0]!), new Uint8Array(48).fill(9));
    expect(await outcome).toMatchObject({ kind: 'result' });
  });

  it('hands back what it has when it closes, without that counting as an attempt', async () => {
    const { carry } = await ingestOf();
    const outcome = carry(frameOf(1));
    for (let i = 0; i < 4; i++) {
      const { worker, taken } = await workerOf({ redeliverAfterMs: 60_000 });
      await waitFor('the frame', () => taken.length === 1);
      await worker.close();
      expect(taken[0]!.signal.aborted).toBe(true);
      expect(taken[0]!.finish(resultOf(taken[0]!), new Uint8Array(48))).toBe(false);
    }
    const { taken } = await workerOf();
    await waitFor('the frame', () => taken.length === 1);
    taken[0]!.finish(resultOf(taken[0]!), new Uint8Array(48));
    expect(await outcome).toMatchObject({ kind: 'result' });
  });

  it('finishes what has begun before it closes, and hands back the rest at once', async () => {
    const { carry } = await ingestOf();
    const outcomes = [carry(frameOf(1)), carry(frameOf(2))];
    const first = await workerOf({ hasBegun: ({ frame }) => frame === 1 });
    await waitFor('both frames', () => first.taken.length === 2);
    const closing = first.worker.close({ drainMs: 600_000 });
    const second = await workerOf();
    await waitFor('the frame that had not begun', () => second.taken.length === 1);
    expect(second.taken[0]!.frame).toBe(2);
    const begun = first.taken.find(({ frame }) => frame === 1);
    for (const delivery of [begun!, second.taken[0]!]) {
      expect(delivery.finish(resultOf(delivery), new Uint8Array(48))).toBe(true);
    }
    await closing;
    expect((await Promise.all(outcomes)).map(({ kind }) => kind)).toEqual(['result', 'result']);
  });

  it('gives up a frame that three workers began and none ended', async () => {
    const { carry, metrics } = await ingestOf();
    const refused = carry(frameOf(1)).catch((error: unknown) => error);
    for (let i = 0; i < 3; i++) {
      const { taken, queue } = await workerOf({ redeliverAfterMs: 500 });
      await waitFor('the frame', () => taken.length === 1);
      await queue.nats.close();
    }
    await workerOf({ redeliverAfterMs: 500 });
    expect(await refused).toMatchObject({ reason: 'decode-failed' });
    expect(await metrics.text()).toContain('semcast_dead_letters_total{reason="workers-died"} 1');
    await waitFor('an empty queue', async () => (await depth()) === 0);
    expect(await depth(DEAD_LETTERS_STREAM)).toBe(1);
  });

  it('puts aside what is no frame', async () => {
    const { queue, metrics } = await workerOf();
    await queue.jetstream.publish(frameSubject(DIGEST, 'jscc'), new Uint8Array(100));
    await waitFor('the dead letter', async () => (await depth(DEAD_LETTERS_STREAM)) === 1);
    await waitFor('an empty queue', async () => (await depth()) === 0);
    expect(await metrics.text()).toContain('semcast_dead_letters_total{reason="unreadable"} 1');
  });

  it('takes a frame out that nobody wants any more, wherever it is', async () => {
    const { carry, ingest } = await ingestOf();
    const before = new AbortController();
    const waiting = carry(frameOf(1), { signal: before.signal });
    before.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    const { taken } = await workerOf();
    await waitFor('an empty queue', async () => (await depth()) === 0);
    expect(taken).toEqual([]);
    const during = new AbortController();
    const decoding = carry(frameOf(2), { signal: during.signal });
    await waitFor('the frame', () => taken.length === 1);
    expect(ingest.frames).toEqual({ waiting: 0, taken: 1 });
    during.abort(new Error('gone'));
    await expect(decoding).rejects.toThrow('gone');
    await waitFor('the worker stops', () => taken[0]!.signal.aborted);
    await waitFor('an empty queue', async () => (await depth()) === 0);
    expect(ingest.frames).toEqual({ waiting: 0, taken: 0 });
  });

  it('tells the worker that has it that a frame is superseded', async () => {
    const { carry, ingest } = await ingestOf();
    // Nobody has it: it is for the caller to end it.
    expect(ingest.supersede({ stream: 'cam-1', frame: 1 }, 2)).toBe(false);
    const { taken, superseded } = await workerOf();
    const outcome = carry(frameOf(1));
    await waitFor('the frame', () => taken.length === 1);
    expect(ingest.supersede({ stream: 'cam-1', frame: 1 }, 2)).toBe(true);
    await waitFor('the worker hears it', () => superseded.length === 1);
    expect(superseded).toEqual([2]);
    taken[0]!.drop('superseded', 'frame 2 took its place');
    expect(await outcome).toMatchObject({ kind: 'drop', head: { reason: 'superseded' } });
  });

  it('survives a server that restarts, with frames in the queue and in a worker', async () => {
    const { carry } = await ingestOf();
    const { taken } = await workerOf({ capacity: 1, redeliverAfterMs: 2000 });
    const outcomes = [carry(frameOf(0)), carry(frameOf(1))];
    await waitFor('a frame', () => taken.length === 1);
    await server.stop();
    // A picture and a new frame while it is away.
    taken[0]!.finish(resultOf(taken[0]!), new Uint8Array(48));
    outcomes.push(carry(frameOf(2)));
    await sleep(500);
    await server.start();
    for (let i = 1; i < 3; i++) {
      await waitFor('the next frame', () => taken.length > i);
      taken[i]!.finish(resultOf(taken[i]!), new Uint8Array(48));
    }
    expect((await Promise.all(outcomes)).map(({ head }) => head.frame)).toEqual([0, 1, 2]);
    await waitFor('an empty queue', async () => (await depth()) === 0);
    expect(taken.length).toBe(3);
  });

  it('waits for a server that is away when it starts', async () => {
    await server.stop();
    const made = connection();
    await sleep(800);
    await server.start();
    expect((await made).isConnected).toBe(true);
  });

  it('connects again though the wall clock is set back by an hour', async () => {
    const queue = await connection();
    await server.stop();
    await waitFor('the loss', () => !queue.isConnected);
    const { now } = Date;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
    endings.push(() => clock.mockRestore());
    await server.start();
    await waitFor('the connection', () => queue.isConnected, 30_000);
    expect(queue.isConnected).toBe(true);
  });

  it('on three servers loses nothing when that which leads is killed', async () => {
    const servers = await startNatsCluster(natsServer!);
    endings.push(() => Promise.all(servers.map((each) => each.remove())));
    const url = servers.map((each) => each.url).join(',');
    async function join(): Promise<QueueConnection> {
      const made = await connectQueue(url, { name: 'test', logger, replicas: 3, waitMs: 60_000 });
      endings.push(() => made.close());
      return made;
    }
    const queue = await join();
    const leader = async (): Promise<string | undefined> => {
      const { streams } = await jetstreamManager(queue.nats);
      return (await streams.info(FRAMES_STREAM)).cluster?.leader;
    };
    const { carry } = await ingestOf({ queue });
    const { taken } = await workerOf({ queue: await join(), capacity: 2, redeliverAfterMs: 2000 });
    const outcomes = Array.from({ length: 6 }, (_, i) => carry(frameOf(i)));
    await waitFor('two frames', () => taken.length === 2);
    const first = await leader();
    await servers.find(({ name }) => name === first)!.stop();
    outcomes.push(carry(frameOf(6)));
    const done = new Set<Delivery>();
    await waitFor('all frames', () => {
      for (const delivery of taken) {
        if (!done.has(delivery) && !delivery.signal.aborted) {
          done.add(delivery);
          delivery.finish(resultOf(delivery), new Uint8Array(48));
        }
      }
      return new Set(taken.map(({ frame }) => frame)).size === 7;
    });
    expect((await Promise.all(outcomes)).map(({ kind, head }) => [kind, head.frame])).toEqual(
      Array.from({ length: 7 }, (_, i) => ['result', i]),
    );
    expect(await leader()).not.toBe(first);
  });

  it('gives what is there as many replicas as it is told, afterwards, too', async () => {
    const manager = await jetstreamManager((await connection()).nats);
    // One server can't have three; that it was asked shows in its refusal.
    await expect(connectQueue(server.url, { name: 'test', logger, replicas: 3 })).rejects.toThrow(/replicas/);
    expect((await manager.streams.info(FRAMES_STREAM)).config.num_replicas).toBe(1);
  });

  it('forgets workers that leave, and those that fall silent', async () => {
    const { workers } = await ingestOf();
    const leaving = await workerOf({}, ['jscc']);
    const silent = await workerOf({}, ['score']);
    await waitFor('both', () => workers.workers.length === 2);
    await leaving.worker.close();
    await waitFor('one', () => workers.workers.length === 1);
    expect([...workers.decoders]).toEqual(['score']);
    await silent.queue.nats.close();
    await waitFor('none', () => workers.workers.length === 0);
  });

  // Timers fire late on a busy machine.
  it('doubles the rate with a second worker', { retry: 2 }, async () => {
    const FRAME_MS = 150;
    const FRAMES = 24;
    const { carry } = await ingestOf();
    /** One frame at a time, and a known time each: what two cores can't show with networks. */
    async function throttled() {
      let freeAtMs = 0;
      return await workerOf({
        take: (delivery) => {
          freeAtMs = Math.max(freeAtMs, performance.now()) + FRAME_MS;
          setTimeout(() => delivery.finish(resultOf(delivery), new Uint8Array(48)), freeAtMs - performance.now());
        },
      });
    }
    async function rate(): Promise<number> {
      const startMs = performance.now();
      await Promise.all(Array.from({ length: FRAMES }, (_, i) => carry(frameOf(i))));
      return FRAMES / (performance.now() - startMs);
    }
    await throttled();
    await rate();
    const one = await rate();
    await throttled();
    await rate();
    const two = await rate();
    expect(two / one).toBeGreaterThan(1.8);
  });

  it('shows no password', async () => {
    const { port } = new URL(server.url);
    await server.stop();
    const failed = connectQueue(`nats://me:hush@127.0.0.1:${port}`, { name: 'test', logger, waitMs: 0 });
    await expect(failed).rejects.toMatchObject({
      code: 'E_QUEUE',
      message: expect.not.stringContaining('hush') as string,
    });
    await expect(failed).rejects.toThrow(`127.0.0.1:${port}`);
  });
});
