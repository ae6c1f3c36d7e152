import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ArgumentError, describeError, type SemcastError } from '@semcast/core';
import { cudaUnavailable } from './cuda.js';
import {
  BundleGraphError,
  BundleHashError,
  CancelledError,
  FeedError,
  InferenceError,
  PoolClosedError,
  QueueFullError,
} from './errors.js';
import { checkFeeds, packFeeds } from './feeds.js';
import { tellsOfLinks } from './linked-weights.js';
import { createGuardMemory, NativeGuard, unwatchExit, watchExit } from './native-guard.js';
import type { GraphToLoad, LoadFailure, RunRequest, WorkerReply, WorkerSetup } from './protocol.js';
import { checkSignature } from './signatures.js';
import type {
  Device,
  ExpectedSignature,
  Feed,
  GraphSignature,
  ImageFetch,
  RunOptions,
  RunResult,
  SessionPoolOptions,
} from './types.js';

const DEFAULT_MAX_QUEUE = 64;
const MAX_WORKERS = 256;
/** A slot counts as lost when this many replacements in a row couldn't load their graphs; more attempts follow. */
const MAX_FAILED_STARTS = 3;
const RESTART_DELAY_MS = 200;
const DEFAULT_MAX_RESTART_DELAY_MS = 30_000;
/** A run that this many workers died with isn't given to another one. */
const MAX_DEATHS = 2;

/** Starts a worker thread; replaceable, so that tests have the thread and can kill it. */
export type SpawnWorker = (setup: WorkerSetup) => Worker;

/** The compiled worker, also when this module itself runs from source (tests, tsx): a thread has no TypeScript. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? '../dist/worker.js' : './worker.js', import.meta.url);
}

export function spawnWorker(setup: WorkerSetup): Worker {
  // No inherited flags: a loader or an inspector of the parent isn't meant for this thread.
  return new Worker(workerUrl(), { workerData: setup, execArgv: [], name: 'semcast-inference' });
}

interface Job {
  readonly request: RunRequest;
  /** Workers that died with it. */
  deaths: number;
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: unknown) => void;
  readonly onLoad: ((seconds: number) => void) | undefined;
}

/** A worker thread, from its spawn to its exit. */
interface Thread {
  readonly worker: Worker;
  readonly guard: NativeGuard;
  readonly exited: Promise<void>;
}

/** End a thread, as soon as it is outside ONNX Runtime, and wait until it is gone. */
async function endThread({ worker, guard, exited }: Thread): Promise<void> {
  if (guard.requestStop()) {
    await worker.terminate();
  }
  await exited;
}

/** The place of one worker; the thread in it may be replaced. */
interface Slot {
  state: 'starting' | 'idle' | 'busy';
  /** Replacements in a row that couldn't load their graphs. */
  failedStarts: number;
  thread: Thread | undefined;
  job: Job | undefined;
  /** Gives a run up that takes too long. */
  patience: NodeJS.Timeout | undefined;
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Promise.withResolvers, which Node has from 22 on. */
function defer<T>(): Deferred<T> {
  const callbacks = {} as { resolve: Deferred<T>['resolve']; reject: Deferred<T>['reject'] };
  const promise = new Promise<T>((resolve, reject) => {
    Object.assign(callbacks, { resolve, reject });
  });
  return { promise, ...callbacks };
}

interface Settings {
  readonly graphs: ReadonlyMap<string, Omit<GraphToLoad, 'name'> & { readonly expect: ExpectedSignature | undefined }>;
  readonly device: Device;
  readonly hashes: ReadonlyMap<string, string>;
  readonly deviceId: number;
  readonly workers: number;
  readonly maxQueue: number;
  readonly maxRunMs: number;
  readonly maxRestartDelayMs: number;
}

function readSettings(options: SessionPoolOptions): Settings {
  const device = options.device ?? 'cpu';
  const graphs = new Map(
    Object.entries(options.graphs).map(([name, source]) => {
      const { file, cpuFile = file, expect, deferred = false } = typeof source === 'string' ? { file: source } : source;
      // On a GPU loading is part of warming up: a first run that compiles kernels would hold up everybody's frames.
      return [name, device === 'cpu' ? { file: cpuFile, expect, deferred } : { file, expect, deferred: false }];
    }),
  );
  const workers = options.workers ?? (device === 'cuda' ? 1 : Math.min(availableParallelism(), MAX_WORKERS));
  const maxQueue = options.maxQueue ?? DEFAULT_MAX_QUEUE;
  const maxRestartDelayMs = options.maxRestartDelayMs ?? DEFAULT_MAX_RESTART_DELAY_MS;
  if (graphs.size === 0) {
    throw new ArgumentError('a session pool needs at least one graph');
  }
  if (!Number.isInteger(workers) || workers < 1 || workers > MAX_WORKERS) {
    throw new ArgumentError(`workers must be an integer from 1 to ${MAX_WORKERS}, not ${workers}`, {
      remedy: 'leave "workers" away for one a core',
    });
  }
  if (device === 'cuda' && workers !== 1) {
    throw new ArgumentError(`one worker drives a CUDA device, not ${workers}`, {
      remedy: 'leave "workers" away, and raise the batch instead',
    });
  }
  if (!Number.isInteger(maxQueue) || maxQueue < 0) {
    throw new ArgumentError(`maxQueue must be a non-negative integer, not ${maxQueue}`);
  }
  const { deviceId = 0, hashes = new Map(), maxRunMs = Infinity } = options;
  return { graphs, hashes, device, deviceId, workers, maxQueue, maxRunMs, maxRestartDelayMs };
}

/** What to do where weights are links and couldn't be copied for loading. */
function linksRemedy(file: string): string {
  return (
    'make room there, or name another folder in the environment variable TMPDIR; ' +
    `or use a copy of the bundle that has files in the place of links: cp -rL ${dirname(file)} COPY`
  );
}

function loadError({ fault, graph, file, message }: LoadFailure): SemcastError {
  if (fault === 'device') {
    return cudaUnavailable(message);
  }
  if (fault === 'changed') {
    return new BundleHashError(message, {
      remedy: 'put back the bundle that this process was started with, or restart it with the new one',
    });
  }
  return new BundleGraphError(`ONNX Runtime can't load the graph "${graph}" from ${file}: ${message}`, {
    remedy: tellsOfLinks(message)
      ? linksRemedy(file)
      : 'export the graph again, or restore the bundle (a file cut short or overwritten looks like this)',
  });
}

function noWorkerLeft(): InferenceError {
  return new InferenceError(
    `no inference worker is left: each died, and could not be replaced in ${MAX_FAILED_STARTS} tries`,
    {
      remedy: 'see the log for the reasons; the service goes on trying, and may be restarted',
    },
  );
}

function cancelled(graph: string, signal: AbortSignal): CancelledError {
  return new CancelledError(`the run of "${graph}" was cancelled`, { cause: signal.reason });
}

/** Loaded graphs behind worker threads. Runs are taken in order of arrival by whichever worker is free. */
export type SessionPool = Pick<
  WorkerPool,
  'device' | 'workers' | 'signatures' | 'queueDepth' | 'running' | 'run' | 'close'
>;

/**
 * One slot for each worker; a slot has at most one run inside its worker and everything else waits here, where it can
 * still be cancelled.
 */
export class WorkerPool {
  readonly #settings: Settings;
  readonly #spawn: SpawnWorker;
  readonly #onRun: ((graph: string, seconds: number) => void) | undefined;
  readonly #onWarning: ((message: string) => void) | undefined;
  readonly #onAvailable: ((available: boolean) => void) | undefined;
  readonly #onStuck: ((error: Error) => void) | undefined;
  readonly #slots: readonly Slot[];
  readonly #queue = new Set<Job>();
  readonly #watches = new Map<AbortSignal, { readonly jobs: Set<Job>; readonly onAbort: () => void }>();
  readonly #ending = new AbortController();
  /** Threads that were given up, until they come back and end. */
  readonly #givenUp = new Set<Thread>();
  #signatures: Readonly<Record<string, GraphSignature>> = {};
  /** Whether there is a worker, or will soon be one as far as is known. */
  #available = true;
  #closed: Promise<void> | undefined;
  #whenQuiet: (() => void) | undefined;

  private constructor(options: SessionPoolOptions, spawn: SpawnWorker) {
    this.#settings = readSettings(options);
    this.#spawn = spawn;
    this.#onRun = options.onRun;
    this.#onWarning = options.onWarning;
    this.#onAvailable = options.onAvailable;
    this.#onStuck = options.onStuck;
    this.#slots = Array.from({ length: this.#settings.workers }, () => ({
      state: 'starting',
      failedStarts: 0,
      thread: undefined,
      job: undefined,
      patience: undefined,
    }));
  }

  /** Start all workers; resolves once each has loaded all graphs. On any failure no thread is left behind. */
  static async start(options: SessionPoolOptions, spawn: SpawnWorker = spawnWorker): Promise<WorkerPool> {
    const pool = new WorkerPool(options, spawn);
    try {
      await Promise.all(pool.#slots.map(async (slot) => pool.#startWorker(slot)));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  get device(): Device {
    return this.#settings.device;
  }

  /** Number of worker threads. */
  get workers(): number {
    return this.#settings.workers;
  }

  /** What each graph takes and gives. */
  get signatures(): Readonly<Record<string, GraphSignature>> {
    return this.#signatures;
  }

  /** Runs waiting for a worker, not counting those that run. */
  get queueDepth(): number {
    return this.#queue.size;
  }

  /** Runs inside a worker. */
  get running(): number {
    return this.#slots.filter(({ state }) => state === 'busy').length;
  }

  /**
   * Run a graph on tensors (or pictures).
   *
   * @throws FeedError (E_FEED), QueueFullError (E_QUEUE_FULL), CancelledError (E_CANCELLED), InferenceError
   *   (E_INFERENCE), PoolClosedError (E_POOL_CLOSED); always as a rejection.
   */
  async run(
    graph: string,
    feeds: Readonly<Record<string, Feed>>,
    { fetch, signal, transfer = false, onLoad }: RunOptions = {},
  ): Promise<RunResult> {
    this.#checkRun(graph, feeds, fetch);
    if (signal?.aborted === true) {
      throw cancelled(graph, signal);
    }
    const packed = packFeeds(feeds, transfer);
    const { promise, resolve, reject } = defer<RunResult>();
    const job: Job = { request: { graph, feeds: packed, fetch }, deaths: 0, resolve, reject, onLoad };
    const forget = signal === undefined ? undefined : this.#cancelWith(signal, job);
    try {
      this.#queue.add(job);
      this.#dispatch();
      return await promise;
    } finally {
      forget?.();
    }
  }

  /** Refuse new runs, reject waiting ones (E_POOL_CLOSED), let running ones end, then end the threads. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#ending.abort();
    this.#rejectQueue(new PoolClosedError('the session pool was closed before this run started'));
    if (this.running > 0) {
      await new Promise<void>((resolve) => {
        this.#whenQuiet = resolve;
      });
    }
    await Promise.all(this.#slots.map(async ({ thread }) => thread && endThread(thread)));
  }

  /**
   * Cancel a job when its signal fires, until the returned function is called. One listener a signal, however many
   * of its jobs there are: a stream has one signal for all its frames, and Node warns of more than ten listeners.
   */
  #cancelWith(signal: AbortSignal, job: Job): () => void {
    let watch = this.#watches.get(signal);
    if (watch === undefined) {
      const jobs = new Set<Job>();
      const onAbort = (): void => {
        for (const { request, reject } of jobs) {
          reject(cancelled(request.graph, signal));
        }
        // Those that wait never start; those that run go on to their end, and their results are discarded.
        jobs.forEach((each) => this.#queue.delete(each));
      };
      watch = { jobs, onAbort };
      this.#watches.set(signal, watch);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    const { jobs, onAbort } = watch;
    jobs.add(job);
    return () => {
      jobs.delete(job);
      if (jobs.size === 0) {
        signal.removeEventListener('abort', onAbort);
        this.#watches.delete(signal);
      }
    };
  }

  /** Everything that can be wrong with a run before it has cost anything. */
  #checkRun(graph: string, feeds: Readonly<Record<string, Feed>>, fetch: ImageFetch | undefined): void {
    if (this.#ending.signal.aborted) {
      throw new PoolClosedError('the session pool is closed');
    }
    const signature = this.#signatures[graph];
    if (signature === undefined) {
      throw new FeedError(`the session pool has no graph "${graph}"`, {
        remedy: `it has ${Object.keys(this.#signatures).join(', ')}`,
      });
    }
    checkFeeds(graph, signature, feeds);
    if (fetch !== undefined && !signature.outputs.some(({ name }) => name === fetch.output)) {
      throw new FeedError(`the graph "${graph}" has no output "${fetch.output}"`, {
        remedy: `it has ${signature.outputs.map(({ name }) => name).join(', ')}`,
      });
    }
    if (!this.#available) {
      throw noWorkerLeft();
    }
    const idle = this.#slots.some(({ state }) => state === 'idle');
    if (!idle && this.#queue.size >= this.#settings.maxQueue) {
      throw new QueueFullError(`${this.#queue.size} runs wait for an inference worker, and no more may`, {
        remedy: 'try again later, send less, or raise "maxQueue" or "workers"',
      });
    }
  }

  /** Give waiting runs to idle workers, oldest first. */
  #dispatch(): void {
    for (const slot of this.#slots) {
      const [job] = this.#queue;
      if (job === undefined) {
        return;
      }
      if (slot.state !== 'idle' || slot.thread === undefined) {
        continue;
      }
      this.#queue.delete(job);
      slot.state = 'busy';
      slot.job = job;
      // Nothing is moved, as another worker may need it.
      slot.thread.worker.postMessage(job.request, []);
      if (this.#settings.maxRunMs < Infinity) {
        slot.patience = setTimeout(() => this.#giveUp(slot), this.#settings.maxRunMs);
      }
    }
  }

  /** Start a worker in a slot; resolves when it is ready for runs, rejects when it never will be. */
  async #startWorker(slot: Slot): Promise<void> {
    const { device, deviceId, graphs, hashes } = this.#settings;
    const guard = new NativeGuard(createGuardMemory());
    const worker = this.#spawn({
      graphs: Array.from(graphs, ([name, { file, deferred }]) => ({ name, file, deferred })),
      hashes,
      device,
      deviceId,
      guard: guard.memory,
    });
    watchExit(guard);
    const exit = defer<void>();
    const thread: Thread = { worker, guard, exited: exit.promise };
    slot.thread = thread;
    const { promise, resolve, reject } = defer<readonly string[]>();
    let crash: unknown;
    worker.on('message', (message: WorkerReply) => {
      if (message.type === 'ready') {
        try {
          this.#acceptSignatures(message.signatures);
          slot.state = 'idle';
          resolve(message.warnings);
        } catch (error) {
          reject(error);
        }
      } else if (message.type === 'unready') {
        reject(loadError(message.failure));
      } else if (slot.thread === thread) {
        this.#finish(slot, message);
      }
    });
    worker.on('error', (error) => {
      crash = error;
    });
    worker.on('exit', (exitCode) => {
      unwatchExit(guard);
      exit.resolve();
      this.#givenUp.delete(thread);
      if (slot.thread !== thread) {
        return;
      }
      slot.thread = undefined;
      const why = crash instanceof Error ? crash.message : `exit code ${exitCode}`;
      const error = new InferenceError(`an inference worker died (${why})`, {
        cause: crash,
        workerDied: true,
        remedy: 'send the frame again: the worker is being replaced',
      });
      reject(error);
      if (slot.state !== 'starting') {
        this.#lose(slot, error);
      }
    });
    const warnings = await promise;
    warnings.forEach((warning) => this.#onWarning?.(warning));
    this.#dispatch();
  }

  #acceptSignatures(signatures: Readonly<Record<string, GraphSignature>>): void {
    for (const [name, { file, expect }] of this.#settings.graphs) {
      if (expect !== undefined) {
        checkSignature(name, file, signatures[name]!, expect);
      }
    }
    this.#signatures = signatures;
  }

  /** A worker has answered. */
  #finish(slot: Slot, message: Extract<WorkerReply, { type: 'done' | 'failed' }>): void {
    const { job } = slot;
    clearTimeout(slot.patience);
    slot.job = undefined;
    slot.state = 'idle';
    this.#dispatch();
    this.#noteQuiet();
    if (job === undefined) {
      return;
    }
    const { graph } = job.request;
    if (message.type === 'failed') {
      job.reject(
        new InferenceError(`the graph "${graph}" failed: ${message.message}`, {
          remedy: tellsOfLinks(message.message)
            ? linksRemedy(this.#settings.graphs.get(graph)!.file)
            : 'if memory ran out, send smaller pictures; otherwise restore the bundle, or export it again',
        }),
      );
      return;
    }
    if (message.loadSeconds > 0) {
      job.onLoad?.(message.loadSeconds);
    }
    job.resolve(message.result);
    this.#onRun?.(graph, message.seconds);
  }

  /**
   * A worker that had been ready is gone. Unless the pool closes, another one takes its place, and its run begins anew,
   * once, before those that wait.
   */
  #lose(slot: Slot, error: InferenceError): void {
    const { job } = slot;
    clearTimeout(slot.patience);
    slot.job = undefined;
    slot.state = 'starting';
    const again = job !== undefined && ++job.deaths < MAX_DEATHS && !this.#ending.signal.aborted;
    if (!again) {
      job?.reject(error);
    }
    this.#noteQuiet();
    if (this.#ending.signal.aborted) {
      return;
    }
    if (again) {
      const waiting = [...this.#queue];
      this.#queue.clear();
      [job, ...waiting].forEach((each) => this.#queue.add(each));
      this.#dispatch();
    }
    this.#onWarning?.(`${error.message}; starting another one`);
    // It handles its own failures; a rejection here would be a bug and should be seen as one.
    void this.#replaceWorker(slot);
  }

  /** A run takes too long: it fails, and its thread is left to itself. */
  #giveUp(slot: Slot): void {
    const { job, thread } = slot;
    if (job === undefined || thread === undefined) {
      return;
    }
    const what = `a run of the graph "${job.request.graph}" took longer than ${this.#settings.maxRunMs / 1000} s`;
    thread.guard.requestStop();
    this.#givenUp.add(thread);
    slot.thread = undefined;
    slot.job = undefined;
    slot.state = 'starting';
    job.reject(
      new InferenceError(what, { remedy: 'send smaller pictures, or raise maxRunMs; otherwise mend the bundle' }),
    );
    this.#noteQuiet();
    if (this.#ending.signal.aborted) {
      return;
    }
    if (this.#givenUp.size <= this.#settings.workers) {
      this.#onWarning?.(`${what}: its worker is given up; starting another one`);
      void this.#replaceWorker(slot);
      return;
    }
    // For good: trying again would take one more core for each try.
    slot.failedStarts = Infinity;
    // Whoever waits for the run is told first: it must not be given to another process as one that was lost.
    setImmediate(() => {
      this.#onStuck?.(new InferenceError(`${what}, as ${this.#givenUp.size - 1} did before, which still go on`));
      this.#noteAvailable();
    });
  }

  async #replaceWorker(slot: Slot): Promise<void> {
    const { signal } = this.#ending;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#startWorker(slot);
        slot.failedStarts = 0;
        this.#noteAvailable();
        return;
      } catch (error) {
        await (slot.thread && endThread(slot.thread));
        if (signal.aborted) {
          return;
        }
        this.#onWarning?.(`an inference worker couldn't be replaced (try ${attempt}): ${describeError(error)}`);
      }
      slot.failedStarts = attempt;
      this.#noteAvailable();
      const delayMs = Math.min(RESTART_DELAY_MS * 2 ** (attempt - 1), this.#settings.maxRestartDelayMs);
      // Resolves early when the pool closes.
      await delay(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** A slot was lost, or has a worker again. */
  #noteAvailable(): void {
    const available = this.#slots.some(({ failedStarts }) => failedStarts < MAX_FAILED_STARTS);
    if (available === this.#available) {
      return;
    }
    this.#available = available;
    // Before waiting runs are rejected, as the owner of the pool may want to handle them first.
    this.#onAvailable?.(available);
    if (!available) {
      this.#rejectQueue(noWorkerLeft());
    }
  }

  #rejectQueue(error: SemcastError): void {
    for (const job of this.#queue) {
      job.reject(error);
    }
    this.#queue.clear();
  }

  #noteQuiet(): void {
    if (this.running === 0) {
      this.#whenQuiet?.();
    }
  }
}
