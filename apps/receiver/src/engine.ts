import {
  createSessionPool,
  graphsAt,
  type Bundle,
  type GraphName,
  type GraphSource,
  type SessionPool,
} from '@semcast/bundle';
import { decodePicture, TransportThreads } from '@semcast/digital';
import { StepScheduler } from '@semcast/scheduler';
import type { Logger, Metrics } from '@semcast/service';
import { bucketsOf, schedulerOptionsOf, workerCount, type ReceiverConfig } from './config.js';
import type { Decoder } from './decoders/decoder.js';
import { graphsOf } from './decoders/registry.js';
import type { ReceiverLive } from './live.js';
import { createBatchNetworks, type DecodeTransport } from './networks/batch-networks.js';
import { StepRunner, type StepRunnerOptions } from './step-runner.js';
import { warmUp } from './warm-up.js';

/** What computes: networks in their threads, and the scheduler that says what they run. */
export interface Engine {
  readonly pool: SessionPool;
  readonly runner: StepRunner;
  /** Whether there are threads that run networks, and who is told when that changes. */
  readonly workers: {
    available: boolean;
    onChange: (available: boolean) => void;
    /** Threads that run networks don't come back: only a new process helps. */
    onStuck: (error: Error) => void;
  };
  close(): Promise<void>;
}

interface EngineParts {
  readonly bundle: Bundle;
  readonly decoders: ReadonlyMap<string, Decoder>;
  readonly metrics: Metrics<'receiver'>;
  readonly live: ReceiverLive;
  readonly logger: Logger;
}

/** Load a bundle's networks. @throws SemcastError when the bundle is broken, or the device isn't there */
export async function loadEngine(
  config: ReceiverConfig,
  { bundle, decoders, metrics, live, logger }: EngineParts,
): Promise<Engine> {
  const sources = graphsAt(bundle, config.precision, config.device);
  // Runs before the first frame are in no metric.
  let observed = false;
  const workers: Engine['workers'] = { available: true, onChange: () => {}, onStuck: () => {} };
  const count = workerCount(config);
  const pool = await createSessionPool({
    // Only what the offered decoders need: every worker loads all of it.
    graphs: Object.fromEntries([...graphsOf(decoders, config)].flatMap((name) => loadable(name, sources, config))),
    device: config.device,
    workers: count,
    // The scheduler gives each worker one run at a time. One waits here only while a worker that died is replaced.
    maxQueue: count,
    hashes: bundle.hashes,
    maxRunMs: config.maxRunMs,
    onStuck: (error) => {
      workers.onStuck(error);
    },
    maxRestartDelayMs: config.workerRetryMs,
    onRun: (graph, seconds) => {
      if (observed) {
        metrics.inference.observe({ graph }, seconds);
      }
    },
    onAvailable: (available) => {
      workers.available = available;
      workers.onChange(available);
    },
    onWarning: (message) => {
      logger.warn(message);
    },
  });
  const coder = new TransportThreads(count);
  try {
    const decodeTransport: DecodeTransport = async ({ received, format, ...size }) =>
      await decodePicture(received, format, size, { coder });
    const runner = await startRunner(config, bundle, pool, decodeTransport, {
      onBatch: (rows) => {
        live.tellBatch(rows);
      },
      onLoad: (graph, seconds) => {
        logger.info({ graph, seconds }, 'a worker has loaded a graph that frames ask for');
      },
      onWaiting: (frames) => {
        live.tellWaiting(frames);
      },
    });
    observed = true;
    const close = async (): Promise<void> => {
      await Promise.all([coder.close(), pool.close()]);
    };
    return { pool, runner, workers, close };
  } catch (error) {
    await Promise.all([coder.close(), pool.close()]);
    throw error;
  }
}

/**
 * The graphs of every frame and of the residuals. A worker on a CPU loads the others when a frame first needs one, unless
 * the configuration names the decoders that need them: they take most of the memory, and many receivers never use them.
 */
const EARLY_GRAPHS: ReadonlySet<GraphName> = new Set(['decoder', 'encoder']);

function loadable(
  name: GraphName,
  graphs: Bundle['graphs'],
  { decoders }: Pick<ReceiverConfig, 'decoders'>,
): [GraphName, GraphSource][] {
  const source = graphs[name];
  return source === undefined ? [] : [[name, { ...source, deferred: isLate(name, decoders) }]];
}

function isLate(name: GraphName, decoders: ReceiverConfig['decoders']): boolean {
  return decoders === undefined && !EARLY_GRAPHS.has(name);
}

/** The most that warming up may hold up the start on a CPU, where it only teaches the scheduler what runs take. */
const CPU_WARM_UP_MS = 2000;

/** Pictures whose residual waits for a worker: a diagnosis, for which the newest suffice. */
const MAX_RESIDUALS = 16;

async function startRunner(
  config: ReceiverConfig,
  { manifest }: Bundle,
  pool: SessionPool,
  decodeTransport: DecodeTransport,
  events: Pick<StepRunnerOptions, 'onBatch' | 'onLoad' | 'onWaiting'>,
): Promise<StepRunner> {
  const networks = createBatchNetworks(manifest, pool, decodeTransport);
  const runner = new StepRunner({
    scheduler: new StepScheduler(schedulerOptionsOf(config, pool.workers)),
    networks,
    planAhead: pool.device === 'cuda',
    maxSpare: { pictures: MAX_RESIDUALS, pixels: config.maxImagePixels },
    ...events,
  });
  if (config.warmUp) {
    const onGpu = pool.device === 'cuda';
    await warmUp(networks, manifest, {
      // A warm-up would load the graphs that are to be loaded later.
      graphs: (Object.keys(pool.signatures) as GraphName[]).filter((name) => onGpu || !isLate(name, config.decoders)),
      buckets: onGpu ? bucketsOf(config) : [1],
      passes: onGpu ? 2 : 1,
      budgetMs: onGpu ? Infinity : CPU_WARM_UP_MS,
      observe: (...measured) => {
        runner.observe(...measured);
      },
    });
  }
  return runner;
}
