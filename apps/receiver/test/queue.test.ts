/** Receivers with roles: one that has the links, others that decode, a nats-server between them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  createProcessKeeper,
  findProgram,
  startNatsServer,
  waitFor,
  type NatsServer,
  type TestProcess,
} from '@semcast/testkit';
import type { OutgoingFrame } from '@semcast/wire';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ReceiverConfigInput, ReceiverService } from '../src/index.js';
import { openAir, POSTERIOR_BUNDLE, type Air } from './air.js';
import { connect, eventually, getJson, metric, open, startReceiver, type Client } from './helpers.js';

const natsServer = findProgram('nats-server', 'nats-server');
const openssl = findProgram('openssl', 'openssl');
/** Long enough to be killed in; a sampler with random numbers, which must not depend on who draws them. */
const LONG = { decoder: 'conditional', decoderOptions: { steps: 100, minSteps: 100 } };

// Each test starts processes, which load networks.
describe.skipIf(natsServer === undefined)('receivers at a queue', { timeout: 180_000 }, () => {
  let air: Air;
  let server: NatsServer;
  const keeper = createProcessKeeper();
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    air = await openAir();
  });
  afterAll(() => air.close());
  beforeEach(async () => {
    server = await startNatsServer(natsServer!);
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) {
      await close();
    }
    await keeper.killAll();
    await server.remove();
  });

  async function start(input: ReceiverConfigInput): Promise<ReceiverService> {
    const receiver = await startReceiver({ bundle: POSTERIOR_BUNDLE, workers: 1, warmUp: false, ...input });
    closers.push(() => receiver.close());
    return receiver;
  }

  const ingest = (input: ReceiverConfigInput = {}): Promise<ReceiverService> =>
    start({ role: 'ingest', queue: server.url, ...input });

  function startWorker(changes: object = {}, env: Record<string, string> = {}): TestProcess {
    const flags = {
      role: 'decode',
      queue: server.url,
      'redeliver-after-ms': 1000,
      bundle: POSTERIOR_BUNDLE,
      workers: 1,
      port: 0,
      'warm-up': false,
      'log-level': 'warn',
      ...changes,
    };
    const script = fileURLToPath(new URL('run-receiver.mjs', import.meta.url));
    return keeper.start({ args: [script, JSON.stringify(flags)], env, ipc: true });
  }

  async function client(receiver: ReceiverService, stream: string, decoder: string): Promise<Client> {
    const connected = connect(receiver.wsUrl, { stream, decoder });
    closers.push(() => connected.link.close());
    await connected.link.ready;
    return connected;
  }

  const hasWorkers = async (receiver: ReceiverService, count: number): Promise<void> =>
    await waitFor(`${count} workers`, () => receiver.status().crew.length === count);

  /** Frames of one stream, and what each came to: the picture's bytes, or the reason of a drop. */
  async function outcomesOf(receiver: ReceiverService, frames: readonly OutgoingFrame[], during?: () => Promise<void>) {
    const [{ head }] = frames as [OutgoingFrame];
    const to = await client(receiver, head.stream, head.decoder);
    for (const frame of frames) {
      await to.link.send(frame);
    }
    await during?.();
    await to.link.idle();
    const all = [
      ...to.results.map((result): [number, string] => [
        result.head.frame,
        Buffer.from(result.payload).toString('base64'),
      ]),
      ...to.drops.map(({ frame, reason }): [number, string] => [frame, reason]),
    ];
    const outcomes = new Map(all);
    // Each exactly one.
    expect(all.length).toBe(outcomes.size);
    expect(outcomes.size).toBe(frames.length);
    return outcomes;
  }

  const framesOf = async (count: number, stream = 'cam-1'): Promise<OutgoingFrame[]> =>
    await Promise.all(Array.from({ length: count }, async (_, i) => await air.frame(stream, i, LONG)));

  it('lose nothing when a worker is killed in mid-frame: the same pictures, bit for bit', async () => {
    const frames = await framesOf(8);
    const expected = await outcomesOf(await start({}), frames);
    const receiver = await ingest();
    const workers = [startWorker(), startWorker()];
    await hasWorkers(receiver, 2);
    const outcomes = await outcomesOf(receiver, frames, async () => {
      await eventually(() => expect(receiver.status().queue.decoding).toBe(4));
      workers[0]!.kill('SIGKILL');
    });
    expect(outcomes).toEqual(expected);
    expect(receiver.status().queue).toMatchObject({ waiting: 0, decoding: 0 });
    expect(await metric(receiver.httpUrl, 'semcast_queue_frames{state="waiting"}')).toBe(0);
    await hasWorkers(receiver, 1);
  });

  it('hand back at once what a worker has that is shut down', async () => {
    const frames = await framesOf(4);
    const expected = await outcomesOf(await start({}), frames);
    const receiver = await ingest();
    const first = startWorker();
    await hasWorkers(receiver, 1);
    const outcomes = await outcomesOf(receiver, frames, async () => {
      await eventually(() => expect(receiver.status().queue.decoding).toBe(2));
      first.kill('SIGTERM');
      expect(await first.ended).toMatchObject({ code: 0 });
      expect(receiver.status().queue).toMatchObject({ waiting: 4, decoding: 0 });
      startWorker();
    });
    expect(outcomes).toEqual(expected);
  });

  it('survive a nats-server that restarts', async () => {
    const frames = await framesOf(6);
    const expected = await outcomesOf(await start({}), frames);
    const receiver = await ingest();
    startWorker();
    await hasWorkers(receiver, 1);
    const outcomes = await outcomesOf(receiver, frames, async () => {
      await eventually(() => expect(receiver.status().queue.decoding).toBe(2));
      await server.stop();
      await eventually(async () => expect((await getJson(`${receiver.httpUrl}/readyz`)).status).toBe(503));
      await server.start();
    });
    expect(outcomes).toEqual(expected);
    await eventually(async () => expect((await getJson(`${receiver.httpUrl}/readyz`)).status).toBe(200));
  });

  it('show previews on the way, and count the time in the queue', async () => {
    const receiver = await ingest();
    await start({ role: 'decode', queue: server.url });
    await hasWorkers(receiver, 1);
    const to = await client(receiver, 'cam-1', LONG.decoder);
    await to.link.send(await air.frame('cam-1', 0, LONG));
    await to.link.idle();
    expect(to.partials.map(({ head }) => head.stage)).toEqual(['preview']);
    const { queue, decode, deliver, total } = to.results[0]!.head.timingsMs;
    expect(queue + decode + deliver!).toBeCloseTo(total, 3);
  });

  it('drop for a deadline, whoever has the frame, and end it at the worker', async () => {
    const receiver = await ingest();
    const worker = await start({ role: 'decode', queue: server.url });
    await hasWorkers(receiver, 1);
    const to = await client(receiver, 'cam-1', LONG.decoder);
    const options = { ...LONG, decoderOptions: { steps: 100, minSteps: 4 } };
    await to.link.send(await air.frame('cam-1', 0, { ...options, deadlineMs: 1 }));
    await to.link.idle();
    expect(to.drops).toMatchObject([{ frame: 0, reason: 'deadline' }]);
    await eventually(() => expect(worker.status().queue).toMatchObject({ waiting: 0, decoding: 0 }));
  });

  it('supersede frames that wait and frames that are refined', async () => {
    const receiver = await ingest();
    startWorker();
    await hasWorkers(receiver, 1);
    const to = await client(receiver, 'cam-1', LONG.decoder);
    for (let i = 0; i < 4; i++) {
      await to.link.send(await air.frame('cam-1', i, LONG));
    }
    await eventually(() => expect(receiver.status().queue.decoding).toBe(2));
    await to.link.send(await air.frame('cam-1', 4, { ...LONG, supersedes: true }));
    await to.link.idle();
    expect(to.drops.map(({ frame, reason }) => `${frame} ${reason}`).toSorted()).toEqual([
      '0 superseded',
      '1 superseded',
      '2 superseded',
      '3 superseded',
    ]);
    expect(to.results.map(({ head }) => head.frame)).toEqual([4]);
  });

  it('let nobody in without a worker, and everybody when one is there', async () => {
    const receiver = await ingest();
    expect(await getJson(`${receiver.httpUrl}/readyz`)).toMatchObject({
      status: 503,
      body: { reasons: [expect.stringContaining('no decode worker')] },
    });
    await expect(open(receiver.wsUrl)).rejects.toMatchObject({ code: 'E_TRY_AGAIN' });
    await start({ role: 'decode', queue: server.url, decoders: ['jscc'] });
    await hasWorkers(receiver, 1);
    expect((await getJson(`${receiver.httpUrl}/readyz`)).status).toBe(200);
    const { link } = await open(receiver.wsUrl);
    // Only what some worker offers.
    expect(link.welcome.decoders).toEqual(['jscc']);
    link.close();
  });

  it('do both in one process, over the queue as well', async () => {
    const frames = await framesOf(2);
    const expected = await outcomesOf(await start({}), frames);
    const receiver = await start({ queue: server.url });
    await hasWorkers(receiver, 1);
    expect(await outcomesOf(receiver, frames)).toEqual(expected);
  });

  it('refuse at the door what no worker would take', async () => {
    const receiver = await ingest();
    startWorker();
    await hasWorkers(receiver, 1);
    const to = await client(receiver, 'cam-1', 'jscc');
    await to.link.send(await air.frame('cam-1', 0, { bundleDigest: 'another' }));
    await to.link.idle();
    expect(to.drops).toMatchObject([{ reason: 'wrong-bundle' }]);
    expect(await metric(receiver.httpUrl, 'semcast_dropped_frames_total{reason="wrong-bundle"}')).toBe(1);
  });

  it.skipIf(openssl === undefined)(
    'speak TLS with a server whose authority they are given, and only then',
    async () => {
      const dir = await mkdtemp(path.join(tmpdir(), 'semcast-queue-'));
      closers.push(() => rm(dir, { recursive: true }));
      const [ca, caKey, cert, key] = ['ca.pem', 'ca-key.pem', 'cert.pem', 'key.pem'].map((name) =>
        path.join(dir, name),
      );
      const make = (...args: string[]) =>
        promisify(execFile)(openssl!, ['req', '-x509', '-nodes', '-days', '2', ...args]);
      await make('-subj', '/CN=authority', '-out', ca!, '-keyout', caKey!);
      const san = ['-addext', 'subjectAltName=DNS:localhost'];
      await make('-subj', '/CN=nats', ...san, '-CA', ca!, '-CAkey', caKey!, '-out', cert!, '-keyout', key!);
      const tls = await startNatsServer(natsServer!, [
        '--tls',
        '--tlscert',
        cert!,
        '--tlskey',
        key!,
        '--user',
        'me',
        '--pass',
        'hush',
      ]);
      closers.push(() => tls.remove());
      const connectTo = (queue: string, env: Record<string, string>) =>
        // As one should: an argument would show in the list of processes.
        startWorker({ queue: undefined, 'log-level': 'info' }, { SEMCAST_RECEIVER_QUEUE: queue, ...env });
      const host = `localhost:${new URL(tls.url).port}`;
      const known = { NODE_EXTRA_CA_CERTS: ca! };
      const good = connectTo(`tls://me:hush@${host}`, known);
      const [unknown, wrong] = [connectTo(`nats://me:hush@${host}`, {}), connectTo(`nats://me:shush@${host}`, known)];
      await good.until('it is ready', ({ messages }) => messages.length > 0);
      expect([(await unknown.ended).code, (await wrong.ended).code]).toEqual([1, 1]);
      expect(unknown.stderr).toMatch(/queue at .* can't be reached: .*certificate/i);
      expect(wrong.stderr).toMatch(/queue at .* can't be reached: .*authori[sz]ation/i);
      for (const { stderr } of [good, unknown, wrong]) {
        expect(stderr).not.toMatch(/hush/);
      }
      expect(good.stderr).toContain(host);
    },
  );

  it('do not start without their queue, and show no password', async () => {
    const { port } = new URL(server.url);
    await server.stop();
    const failed = ingest({ queue: `nats://me:hush@127.0.0.1:${port}` });
    await expect(failed).rejects.toMatchObject({ code: 'E_QUEUE' });
    await expect(failed).rejects.toThrow(/^(?!.*hush)/);
  });
});
