import { spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { markAsUntransferable, Worker } from 'node:worker_threads';
import { ArgumentError, describeError, type Tensor } from '@semcast/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  BundleGraphError,
  CancelledError,
  FeedError,
  InferenceError,
  PoolClosedError,
  QueueFullError,
} from './errors.js';
import { sha256OfFile } from './file-hash.js';
import { spawnWorker, WorkerPool, type SpawnWorker } from './pool.js';
import type { WorkerSetup } from './protocol.js';
import type { Feed, SessionPoolOptions } from './types.js';

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));
const graphs = { sum: join(fixtures, 'sum.onnx'), work: join(fixtures, 'work.onnx') };

const pools: WorkerPool[] = [];

async function start(options: Partial<SessionPoolOptions> = {}, spawnThread?: SpawnWorker): Promise<WorkerPool> {
  const pool = await WorkerPool.start({ graphs, workers: 1, ...options }, spawnThread);
  pools.push(pool);
  return pool;
}

/** Threads as a pool starts them, each of them added to the list. */
const spawnInto =
  (threads: Worker[]): SpawnWorker =>
  (setup) => {
    const thread = spawnWorker(setup);
    threads.push(thread);
    return thread;
  };

afterEach(async () => {
  await Promise.all(pools.splice(0).map(async (pool) => pool.close()));
});

function tensor(values: readonly number[], dims: readonly number[]): Tensor {
  return { data: Float32Array.from(values), dims };
}

/** Feeds of the `work` graph: some 0.5 ms a repeat of multiplying an identity by itself. */
function work(repeats: number): { x: Tensor; repeats: Tensor } {
  const side = 256;
  const data = new Float32Array(side * side);
  for (let i = 0; i < side; i++) {
    data[i * (side + 1)] = 1;
  }
  return { x: { data, dims: [side, side] }, repeats: tensor([repeats], [1]) };
}

const SHORT = 2;
/** At least 100 ms, on any machine. */
const LONG = 400;

const ones = { a: tensor([1, 2, 3], [1, 3]), b: tensor([1, 1, 1], [1, 3]) };

/** A worker that claims to have the `sum` graph and then does what `onMessage` (JavaScript) says. */
function pretender(setup: WorkerSetup, onMessage: string): Worker {
  const dims = ['batch', 3];
  const outputs = [{ name: 'sum', dims }];
  const inputs = ['a', 'b'].map((name) => ({ name, dims }));
  return new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     parentPort.on('message', () => { ${onMessage} });
     new Int32Array(workerData.guard)[0] = 0;
     parentPort.postMessage({ type: 'ready', warnings: [], signatures: { sum: ${JSON.stringify({ inputs, outputs })} } });`,
    { eval: true, workerData: setup },
  );
}

describe('runs', () => {
  it('give all outputs by name, and report their time', async () => {
    const times: [string, number][] = [];
    const pool = await start({ onRun: (graph, seconds) => times.push([graph, seconds]) });
    const feeds = { a: tensor([1, 2, 3, 4, 5, 6], [2, 3]), b: tensor([1, 1, 1, 2, 2, 2], [2, 3]) };
    const { tensors: outputs } = await pool.run('sum', feeds);
    expect(outputs).toEqual({
      sum: tensor([2, 3, 4, 6, 7, 8], [2, 3]),
      difference: tensor([0, 1, 2, 2, 3, 4], [2, 3]),
    });
    expect(times).toEqual([['sum', expect.any(Number)]]);
    expect(times[0]![1]).toBeGreaterThan(0);
    expect(times[0]![1]).toBeLessThan(5);
    expect(feeds.a.data).toHaveLength(6);
  });

  it.each([false, true])('on a CPU are those of the form for the CPU (deferred: %s)', async (deferred) => {
    const file = join(fixtures, 'swapped.onnx');
    const pool = await start({ graphs: { any: { file, cpuFile: graphs.sum, deferred } } });
    const { sum } = (await pool.run('any', ones)).tensors;
    expect([...sum!.data]).toEqual([2, 3, 4]);
  });

  it('show what the graphs take and give', async () => {
    const { signatures } = await start();
    expect(signatures['sum']!.inputs[0]).toEqual({ name: 'a', dims: ['batch', 3] });
    expect(Object.keys(signatures)).toEqual(['sum', 'work']);
  });

  it('of a deferred graph load it, once', async () => {
    const pool = await start({ graphs: { ...graphs, sum: { file: graphs.sum, deferred: true } } });
    expect(pool.signatures['sum']!.inputs.map(({ name }) => name)).toEqual(['a', 'b']);
    const loads: number[] = [];
    const onLoad = (seconds: number): void => {
      loads.push(seconds);
    };
    for (let i = 0; i < 2; i++) {
      const { sum } = (await pool.run('sum', ones, { onLoad })).tensors;
      expect([...sum!.data]).toEqual([2, 3, 4]);
    }
    await pool.run('work', work(SHORT), { onLoad });
    expect(loads).toHaveLength(1);
    expect(loads[0]).toBeGreaterThan(0);
  });

  it('see the feeds as they were when the run was asked for', async () => {
    const pool = await start();
    const first = pool.run('work', work(SHORT));
    const a = tensor([1, 2, 3], [1, 3]);
    const second = pool.run('sum', { a, b: ones.b });
    a.data.fill(100);
    expect((await second).tensors['sum']!.data).toEqual(Float32Array.of(2, 3, 4));
    await first;
  });

  it('take arrays of any kind, whether they are given away or not', async () => {
    const pool = await start();
    const given = tensor([1, 2, 3], [1, 3]);
    const view = { data: new Float32Array(10).fill(5).subarray(2, 5), dims: [1, 3] };
    const { tensors: outputs } = await pool.run('sum', { a: given, b: view }, { transfer: true });
    expect(outputs['sum']!.data).toEqual(Float32Array.of(6, 7, 8));
    const shared = { data: new Float32Array(new SharedArrayBuffer(12)).fill(1), dims: [1, 3] };
    const pinned = { data: new Float32Array(3).fill(2), dims: [1, 3] };
    markAsUntransferable(pinned.data.buffer);
    for (const transfer of [false, true]) {
      const { tensors: results } = await pool.run('sum', { a: shared, b: pinned }, { transfer });
      expect(results['sum']!.data).toEqual(Float32Array.of(3, 3, 3));
    }
  });

  it('are spread over the workers', async () => {
    const pool = await start({ workers: 2 });
    const runs = [pool.run('work', work(LONG)), pool.run('work', work(LONG))];
    expect(pool.running).toBe(2);
    expect(pool.queueDepth).toBe(0);
    await Promise.all(runs);
    expect(pool.running).toBe(0);
  });

  it('that fail inside the graph leave the worker alive', async () => {
    const threads: Worker[] = [];
    const pool = await start({}, spawnInto(threads));
    // What is wrong with this only shows inside: `sum` is no picture.
    const fetch = {
      output: 'sum',
      normalisation: { mean: [0, 0, 0], std: [1, 1, 1] },
      sizes: [],
      keepTensor: false,
    } as const;
    await expect(pool.run('sum', ones, { fetch })).rejects.toThrow(InferenceError);
    expect((await pool.run('sum', ones)).tensors['sum']!.data).toEqual(Float32Array.of(2, 3, 4));
    expect(threads).toHaveLength(1);
  });
});

describe('feeds', () => {
  const cases: [string, Record<string, Feed>, RegExp][] = [
    ['a missing input', { a: ones.a }, /"sum" wasn't given its input "b"/],
    ['an unknown input', { ...ones, c: ones.a }, /"sum" has no input "c"/],
    ['a wrong rank', { ...ones, a: tensor([1, 2, 3], [3]) }, /"a" of the graph "sum" has the shape \[3\]/],
    ['a wrong fixed size', { ...ones, a: tensor([1, 2], [1, 2]) }, /"a" of the graph "sum" has the shape \[1, 2\]/],
    ['an empty batch', { ...ones, a: tensor([], [0, 3]) }, /has the shape \[0, 3\]/],
    [
      'sizes that disagree',
      { ...ones, b: tensor([1, 2, 3, 4, 5, 6], [2, 3]) },
      /"b".*\[2, 3\], where batch is 1 by its input "a"/,
    ],
    ['too few values', { ...ones, a: tensor([1, 2], [1, 3]) }, /has 2 values for the shape \[1, 3\]/],
    [
      'another type',
      { ...ones, a: { data: Float64Array.of(1, 2, 3) as unknown as Float32Array, dims: [1, 3] } },
      /no Float32Array/,
    ],
  ];
  it.each(cases)('with %s are refused before the run', async (_, feeds, pattern) => {
    const pool = await start();
    const error: unknown = await pool.run('sum', feeds).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FeedError);
    expect((error as FeedError).message).toMatch(pattern);
    expect((error as FeedError).remedy).toBeTypeOf('string');
    expect(pool.running).toBe(0);
  });

  it('for a graph or an output that is not there are refused', async () => {
    const pool = await start();
    await expect(pool.run('product', ones)).rejects.toMatchObject({ code: 'E_FEED', remedy: 'it has sum, work' });
    const fetch = {
      output: 'image',
      normalisation: { mean: [0, 0, 0], std: [1, 1, 1] },
      sizes: [],
      keepTensor: false,
    } as const;
    await expect(pool.run('sum', ones, { fetch })).rejects.toThrow(/no output "image"/);
  });
});

describe('the queue', () => {
  it('refuses the run after the last that may wait, and takes more once one has gone', async () => {
    const pool = await start({ maxQueue: 2 });
    const running = pool.run('work', work(LONG));
    const waiting = [pool.run('sum', ones), pool.run('sum', ones)];
    expect(pool.queueDepth).toBe(2);
    const refused = await pool.run('sum', ones).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(QueueFullError);
    expect(refused).toMatchObject({ code: 'E_QUEUE_FULL', remedy: expect.stringContaining('maxQueue') });
    await Promise.all([running, ...waiting]);
    await pool.run('sum', ones);
  });

  it('may have no place at all', async () => {
    const pool = await start({ maxQueue: 0 });
    const running = pool.run('work', work(SHORT));
    await expect(pool.run('sum', ones)).rejects.toThrow(QueueFullError);
    await running;
    await pool.run('sum', ones);
  });

  it('keeps the order of arrival', async () => {
    const order: number[] = [];
    const pool = await start();
    await Promise.all([3, 1, 2].map(async (id) => pool.run('work', work(SHORT * id)).then(() => order.push(id))));
    expect(order).toEqual([3, 1, 2]);
  });
});

describe('an AbortSignal', () => {
  it('cancels a waiting run, which never starts', async () => {
    const started: string[] = [];
    const pool = await start({ onRun: (graph) => started.push(graph) });
    const running = pool.run('work', work(LONG));
    const abort = new AbortController();
    const waiting = pool.run('sum', ones, { signal: abort.signal });
    const last = pool.run('work', work(SHORT));
    abort.abort(new Error('the stream went away'));
    await expect(waiting).rejects.toMatchObject({ code: 'E_CANCELLED', cause: new Error('the stream went away') });
    expect(pool.queueDepth).toBe(1);
    await Promise.all([running, last]);
    expect(started).toEqual(['work', 'work']);
  });

  it('frees the caller of a run that has started, and the worker goes on with the next', async () => {
    const pool = await start();
    const abort = new AbortController();
    const running = pool.run('work', work(LONG), { signal: abort.signal });
    const start0 = performance.now();
    abort.abort();
    await expect(running).rejects.toThrow(CancelledError);
    expect(performance.now() - start0).toBeLessThan(50);
    expect(pool.running).toBe(1);
    expect((await pool.run('sum', ones)).tensors['sum']!.data).toEqual(Float32Array.of(2, 3, 4));
  });

  it('may cancel many runs, with one listener', async () => {
    const pool = await start();
    const abort = new AbortController();
    const { signal } = abort;
    const running = pool.run('work', work(LONG));
    const cancelled = Array.from({ length: 20 }, async () => pool.run('sum', ones, { signal }));
    const others = pool.run('sum', ones);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    abort.abort();
    const outcomes = await Promise.allSettled(cancelled);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(pool.queueDepth).toBe(1);
    await Promise.all([running, others]);
  });

  it('is let go when its runs are done', async () => {
    const pool = await start();
    const { signal } = new AbortController();
    await Promise.all([pool.run('sum', ones, { signal }), pool.run('sum', ones, { signal })]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('that has fired before costs nothing', async () => {
    const pool = await start();
    await expect(pool.run('sum', ones, { signal: AbortSignal.abort() })).rejects.toThrow(CancelledError);
    expect(pool.running).toBe(0);
  });
});

describe('a worker that dies', () => {
  it('is replaced, and its run and the waiting ones go on', async () => {
    let spawned = 0;
    const warnings: string[] = [];
    const pool = await start({ graphs: { sum: graphs.sum }, onWarning: (message) => warnings.push(message) }, (setup) =>
      spawned++ === 0 ? pretender(setup, 'throw new Error("out of luck")') : spawnWorker(setup),
    );
    const given = { a: tensor([2, 3, 4], [1, 3]), b: ones.b };
    const results = await Promise.all([pool.run('sum', given, { transfer: true }), pool.run('sum', ones)]);
    expect(results.map(({ tensors }) => tensors['sum']!.data)).toEqual([
      Float32Array.of(3, 4, 5),
      Float32Array.of(2, 3, 4),
    ]);
    expect(spawned).toBe(2);
    expect(warnings).toEqual(['an inference worker died (out of luck); starting another one']);
  });

  it('twice with the same run fails that run alone', async () => {
    let spawned = 0;
    const pool = await start({ graphs: { sum: graphs.sum } }, (setup) =>
      spawned++ < 2 ? pretender(setup, 'throw new Error("out of luck")') : spawnWorker(setup),
    );
    const deadly = pool.run('sum', ones);
    const waiting = pool.run('sum', ones);
    await expect(deadly).rejects.toMatchObject({
      code: 'E_INFERENCE',
      message: 'an inference worker died (out of luck)',
      remedy: expect.stringContaining('again') as string,
    });
    expect((await waiting).tensors['sum']!.data).toEqual(Float32Array.of(2, 3, 4));
    expect(spawned).toBe(3);
  });

  it('while idle is replaced too', async () => {
    const threads: Worker[] = [];
    const pool = await start({}, spawnInto(threads));
    await threads[0]!.terminate();
    expect((await pool.run('sum', ones)).tensors['sum']!.data).toEqual(Float32Array.of(2, 3, 4));
    expect(threads).toHaveLength(2);
  });

  it('and cannot be replaced fails what waits, and every later run, until a replacement starts after all', async () => {
    let spawned = 0;
    let mended = false;
    const warnings: string[] = [];
    const available: boolean[] = [];
    const options = {
      graphs: { sum: graphs.sum },
      maxRestartDelayMs: 500,
      onWarning: (message: string) => warnings.push(message),
      onAvailable: (is: boolean) => available.push(is),
    };
    const pool = await start(options, (setup) => {
      spawned += 1;
      if (spawned === 1) {
        return pretender(setup, 'process.exit(9)');
      }
      return mended ? spawnWorker(setup) : new Worker('process.exit(3)', { eval: true });
    });
    const outcomes = await Promise.allSettled([pool.run('sum', ones), pool.run('sum', ones)]);
    const texts = outcomes.map((outcome) =>
      outcome.status === 'rejected' ? describeError(outcome.reason) : 'no error',
    );
    expect(texts).toEqual(Array(2).fill(expect.stringMatching(/no inference worker is left.*\[E_INFERENCE\]/)));
    expect(spawned).toBe(1 + 3);
    expect(warnings.at(-1)).toMatch(/couldn't be replaced \(try 3\).*exit code 3/);
    expect(available).toEqual([false]);
    await expect(pool.run('sum', ones)).rejects.toThrow(InferenceError);
    mended = true;
    await vi.waitFor(() => expect(available).toEqual([false, true]), { timeout: 20_000 });
    expect((await pool.run('sum', ones)).tensors['sum']!.data).toEqual(Float32Array.of(2, 3, 4));
  });
});

describe('a run that takes too long', () => {
  it('fails alone: another worker takes the next, and the one that was given up ends when it comes back', async () => {
    const threads: Worker[] = [];
    const warnings: string[] = [];
    const options = { maxRunMs: 500, onWarning: (message: string) => warnings.push(message) };
    const pool = await start(options, spawnInto(threads));
    const [long, next] = [pool.run('work', work(8 * LONG)), pool.run('sum', ones)];
    await expect(long).rejects.toMatchObject({
      code: 'E_INFERENCE',
      message: expect.stringMatching(/longer than 0.5 s/) as string,
    });
    expect((await next).tensors['sum']!.data).toEqual(Float32Array.of(2, 3, 4));
    expect(warnings).toEqual([expect.stringMatching(/"work" took longer .* given up; starting another/)]);
    await vi.waitFor(() => expect(threads.map(({ threadId }) => threadId === -1)).toEqual([true, false]), 20_000);
  });

  it('again and again ends the pool: its owner is told, and what comes is refused', async () => {
    const stuck: Error[] = [];
    const pool = await start({ maxRunMs: 50, onStuck: (error) => stuck.push(error) });
    // Long enough that the first goes on when the second is given up, on a fast machine, too.
    const runs = await Promise.allSettled([pool.run('work', work(24 * LONG)), pool.run('work', work(24 * LONG))]);
    expect(runs.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await vi.waitFor(() => expect(stuck).toHaveLength(1));
    await expect(pool.run('sum', ones)).rejects.toThrow(/no inference worker is left/);
  });
});

describe('a file that was replaced while running', () => {
  it('is not loaded: neither by a worker that takes the place of another, nor when a deferred graph is asked for', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'semcast-pool-'));
    try {
      const files = { sum: join(dir, 'sum.onnx'), work: join(dir, 'work.onnx') };
      for (const [name, file] of Object.entries(files)) {
        copyFileSync(graphs[name as keyof typeof graphs], file);
      }
      const hashes = new Map(
        await Promise.all(Object.values(files).map(async (file) => [file, await sha256OfFile(file)] as const)),
      );
      const threads: Worker[] = [];
      const available: boolean[] = [];
      const warnings: string[] = [];
      const pool = await start(
        {
          graphs: { sum: { file: files.sum, deferred: true }, work: files.work },
          hashes,
          maxRestartDelayMs: 10,
          onAvailable: (is) => available.push(is),
          onWarning: (message) => warnings.push(message),
        },
        spawnInto(threads),
      );
      // A graph of the same inputs and outputs: it would load, and compute something else.
      copyFileSync(join(fixtures, 'swapped.onnx'), files.sum);
      await expect(pool.run('sum', ones)).rejects.toThrow(/sum\.onnx isn't the file that the bundle was made with/);
      await threads[0]!.terminate();
      await vi.waitFor(() => expect(available).toEqual([false]), 20_000);
      expect(warnings.at(-1)).toMatch(/E_BUNDLE_HASH/);
      copyFileSync(graphs.sum, files.sum);
      await vi.waitFor(() => expect(available).toEqual([false, true]), 20_000);
      expect((await pool.run('sum', ones)).tensors['sum']!.data).toEqual(Float32Array.of(2, 3, 4));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('closing', () => {
  it('rejects what waits, lets what runs end, refuses what comes', async () => {
    const pool = await start();
    const running = pool.run('work', work(LONG));
    const waiting = pool.run('sum', ones);
    const closing = pool.close();
    await expect(waiting).rejects.toThrow(PoolClosedError);
    await expect(pool.run('sum', ones)).rejects.toThrow(PoolClosedError);
    expect((await running).tensors['y']!.dims).toEqual([256, 256]);
    await closing;
    await pool.close();
  });

  it('ends a replacement that has not started yet', async () => {
    const threads: Worker[] = [];
    const pool = await start({}, spawnInto(threads));
    await threads[0]!.terminate();
    await pool.close();
    expect(threads.map(({ threadId }) => threadId)).toEqual(threads.map(() => -1));
  });

  it('waits for a thread that is still loading', async () => {
    const load = join(fixtures, '../../../models/natural/decoder.onnx');
    const started = performance.now();
    // Several times, at different moments of the load: ending a thread inside ONNX Runtime would end this process.
    for (const delayMs of [20, 80]) {
      const threads: Worker[] = [];
      const pool = start({ graphs: { ...graphs, load } }, spawnInto(threads));
      // The other pool fails at once and ends its threads, one of them in the middle of loading.
      const failing = WorkerPool.start({ graphs: { load, gone: '/gone.onnx' }, workers: 2 });
      await expect(failing).rejects.toThrow(/gone\.onnx/);
      await delay(delayMs);
      await (await pool).close();
      expect(threads.map(({ threadId }) => threadId)).toEqual([-1]);
    }
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

/** A program that uses this package, compiled, in a process of its own. */
function program(body: string): string {
  return `
    import { createSessionPool } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
    import { setTimeout as delay } from 'node:timers/promises';
    const graphs = ${JSON.stringify(graphs)};
    const row = (value) => ({ data: new Float32Array(3).fill(value), dims: [1, 3] });
    const x = { data: new Float32Array(256 * 256), dims: [256, 256] };
    const work = { x, repeats: { data: Float32Array.of(${LONG}), dims: [1] } };
    ${body}`;
}

async function runProgram(
  body: string,
): Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(body)], { timeout: 20_000 });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, ...output };
}

describe('the process', () => {
  it('ends by itself once its pools are closed, or could not be made', async () => {
    const { code, stdout, stderr } = await runProgram(`
      const listeners = process.listenerCount('exit');
      const pool = await createSessionPool({ graphs, workers: 2 });
      const { sum } = (await pool.run('sum', { a: row(1), b: row(2) })).tensors;
      await pool.close();
      const missing = await createSessionPool({ graphs: { gone: '/gone.onnx' }, workers: 2 }).catch((error) => error.code);
      console.log(sum.data.join(), missing, process.listenerCount('exit') - listeners);`);
    expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: '3,3,3 E_BUNDLE_GRAPH 0', stderr: '' });
  });

  it.each([
    [
      'while a graph runs',
      `const pool = await createSessionPool({ graphs, workers: 1 }); void pool.run('work', work); await delay(20);`,
    ],
    ['while graphs load', `void createSessionPool({ graphs, workers: 2 }); await delay(30);`],
    ['before anything is loaded', `void createSessionPool({ graphs, workers: 2 });`],
  ])('can exit %s', async (_, body) => {
    const { code, stderr } = await runProgram(`${body} process.exit(7);`);
    expect({ code, stderr }).toEqual({ code: 7, stderr: '' });
  });

  it('is killed when what runs at its exit goes on and on', async () => {
    const { code, signal } = await runProgram(`
      const pool = await createSessionPool({ graphs, workers: 1 });
      void pool.run('work', { x, repeats: { data: Float32Array.of(1e6), dims: [1] } });
      await delay(20);
      process.exit(7);`);
    // Not by the SIGTERM of a test that has waited too long, nor by SIGABRT.
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('dies of its own errors, not of ours', async () => {
    const { code, stderr } = await runProgram(`
      const pool = await createSessionPool({ graphs, workers: 1 });
      void pool.run('work', work);
      await delay(20);
      throw new Error('a mistake of the caller');`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/a mistake of the caller/);
    expect(stderr).not.toMatch(/Napi/);
  });
});

describe('options', () => {
  it('are checked', async () => {
    for (const options of [{ graphs: {} }, { workers: 0 }, { workers: 1.5 }, { workers: 1000 }, { maxQueue: -1 }]) {
      await expect(start(options)).rejects.toThrow(ArgumentError);
    }
    await expect(start({ device: 'cuda', workers: 2 })).rejects.toThrow(/one worker drives a CUDA device/);
  });

  it('say at the start that a deferred graph is broken', async () => {
    const file = join(fixtures, 'toy-bundle', 'bundle.json');
    await expect(start({ graphs: { broken: { file, deferred: true } } })).rejects.toThrow(BundleGraphError);
  });

  it('ask for CUDA and get it, or are told why not', async () => {
    const outcome: unknown = await start({ device: 'cuda' }).catch((error: unknown) => error);
    const summary = outcome instanceof WorkerPool ? `available, ${outcome.workers} worker` : describeError(outcome);
    expect(summary).toMatch(/^available, 1 worker$|^CUDA can't be used: .*--device cpu.*\[E_DEVICE_UNAVAILABLE\]$/);
  });
});
