import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { connect, eventually, getJson, makeFrame, open, startReceiver, TOY_BUNDLE } from './helpers.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

/** Threads that this process starts from now on, until they end. */
function watchThreads(): Set<Worker> {
  const threads = new Set<Worker>();
  const onWorker = (thread: Worker): void => {
    threads.add(thread);
    thread.once('exit', () => threads.delete(thread));
  };
  process.on('worker', onWorker);
  closers.push(async () => process.off('worker', onWorker));
  return threads;
}

it('without workers is not ready and sends its clients away; with one again it goes on, and no frame is lost', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'semcast-workers-'));
  closers.push(() => rm(dir, { recursive: true, force: true }));
  const bundle = path.join(dir, 'bundle');
  await cp(TOY_BUNDLE, bundle, { recursive: true });
  const threads = watchThreads();
  const receiver = await startReceiver({ bundle, workers: 2, workerRetryMs: 300 });
  closers.push(() => receiver.close());
  const client = connect(receiver.wsUrl, { stream: 'stays' });
  closers.push(() => client.link.close());
  await client.link.send(makeFrame(0, { stream: 'stays' }));
  await client.link.idle();
  const other = await open(receiver.wsUrl, { stream: 'leaves' });
  const ready = async () => await getJson(`${receiver.httpUrl}/readyz`);
  expect((await ready()).status).toBe(200);

  // Workers are replaced from the same files.
  await rename(bundle, `${bundle}-away`);
  expect(threads.size).toBe(2);
  await Promise.all(Array.from(threads, (thread) => thread.terminate()));
  await eventually(async () =>
    expect(await ready()).toEqual({
      status: 503,
      body: { ready: false, reasons: [expect.stringContaining('no inference worker is left') as string] },
    }),
  );
  expect(await other.ended).toMatchObject({ code: 4503, error: { code: 'E_TRY_AGAIN' } });
  await expect(open(receiver.wsUrl, { stream: 'comes' })).rejects.toMatchObject({ code: 'E_TRY_AGAIN' });
  // It is alive, and says so: whoever restarts what is dead has no reason to.
  expect((await fetch(`${receiver.httpUrl}/healthz`)).status).toBe(200);
  const sending = client.link.send(makeFrame(1, { stream: 'stays' }));

  await rename(`${bundle}-away`, bundle);
  await eventually(async () => expect((await ready()).status).toBe(200));
  await sending;
  await client.link.idle();
  expect(client.drops).toEqual([]);
  expect(client.results.map(({ head }) => head.frame)).toEqual([0, 1]);
});

it('with some of its workers left stays ready', async () => {
  const threads = watchThreads();
  const receiver = await startReceiver({ workers: 2 });
  closers.push(() => receiver.close());
  const client = connect(receiver.wsUrl);
  closers.push(() => client.link.close());
  const [first] = threads;
  await first!.terminate();
  for (let frame = 0; frame < 4; frame++) {
    await client.link.send(makeFrame(frame));
  }
  await client.link.idle();
  expect([client.results.length, client.drops]).toEqual([4, []]);
  expect((await getJson(`${receiver.httpUrl}/readyz`)).status).toBe(200);
});
