import {
  createCodec,
  createSessionPool,
  findDefaultBundle,
  graphsAt,
  loadBundle,
  type Bundle,
  type GraphName,
  type GraphSource,
  type SessionPool,
} from '@semcast/bundle';
import { decodePicture, TransportThreads } from '@semcast/digital';
import { createConsoleServer, type ConsoleServer } from '@semcast/console-server';
import { StepScheduler } from '@semcast/scheduler';
import {
  addFeedRoute,
  createHttpServer,
  createLogger,
  createMetrics,
  documented,
  warnOfOpenDoors,
  type HttpAddress,
  type HttpServer,
  type Logger,
  type Metrics,
} from '@semcast/service';
import { InboundStreams, serveLinks, LinkError, type ServedLinks, type ServerSession } from '@semcast/wire';
import sharp from 'sharp';
import { bucketsOf, schedulerOptionsOf, workerCount, type ReceiverConfig } from './config.js';
import { addDecoderCheck } from './decoder-check.js';
import type { Decoder } from './decoders/decoder.js';
import { decodersOf, graphsOf } from './decoders/registry.js';
import { UnknownDecoderError } from './errors.js';
import { FramePath } from './frame-path.js';
import { liveStatusOf, ReceiverLive } from './live.js';
import { createBatchNetworks, type DecodeTransport } from './networks/batch-networks.js';
import { statusOf, type ReceiverStatus } from './status.js';
import { StepRunner, type StepRunnerOptions } from './step-runner.js';
import { warmUp } from './warm-up.js';
import { fairWindow } from './windows.js';
import { createOutputFolder } from './write-output.js';

/** A running receiver. */
export interface ReceiverService {
  /** `http://127.0.0.1:7402` */
  readonly httpUrl: string;
  /** `ws://127.0.0.1:7402`: what channels (or transmitters) connect to. */
  readonly wsUrl: string;
  readonly metrics: Metrics<'receiver'>;
  /** As `GET /status` tells it. */
  status(): ReceiverStatus;
  /** End all links (clients are told to try again), stop decoding, then stop listening. */
  close(): Promise<void>;
}

export interface ReceiverOptions {
  readonly logger?: Logger;
  /** Decoders to offer instead of those of the registry that the bundle has graphs for. */
  readonly decoders?: ReadonlyMap<string, Decoder>;
}

/**
 * Start a receiver: load the bundle into its workers, then listen.
 *
 * @throws SemcastError when the bundle is missing or broken, the device isn't there, the output folder can't be
 *   written to, or the port is busy
 */
export async function createReceiver(config: ReceiverConfig, options: ReceiverOptions = {}): Promise<ReceiverService> {
  const parts = await loadParts(config, options);
  try {
    return await listen(config, parts);
  } catch (error) {
    await Promise.all([parts.coder.close(), parts.pool.close()]);
    throw error;
  }
}

type Parts = Awaited<ReturnType<typeof loadParts>>;

/** Everything that doesn't listen. */
async function loadParts(config: ReceiverConfig, options: ReceiverOptions) {
  const logger = options.logger ?? createLogger({ service: 'receiver', level: config.logLevel });
  const metrics = createMetrics('receiver');
  const live = new ReceiverLive({ logger, metrics });
  const output = config.outputDir === undefined ? undefined : await createOutputFolder(config.outputDir);
  const bundle = await loadBundle(config.bundle ?? findDefaultBundle());
  const decoders = options.decoders ?? decodersOf(bundle, config.decoders);
  const sources = graphsAt(bundle, config.precision, config.device);
  // Runs before the first frame are in no metric.
  let observed = false;
  /** Whether there are workers, and who is told when that changes. */
  const workers = { available: true, onChange: (_available: boolean): void => {} };
  const count = workerCount(config);
  const pool = await createSessionPool({
    // Only what the offered decoders need: every worker loads all of it.
    graphs: Object.fromEntries([...graphsOf(decoders, config)].flatMap((name) => loadable(name, sources, config))),
    device: config.device,
    workers: count,
    // The scheduler gives each worker one run at a time. One waits here only while a worker that died is replaced.
    maxQueue: count,
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
    return { bundle, decoders, pool, coder, workers, runner, metrics, live, logger, output };
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

async function listen(config: ReceiverConfig, parts: Parts): Promise<ReceiverService> {
  const { bundle, decoders, pool, coder, workers, runner, metrics, live, logger, output } = parts;
  // Pictures are written in threads of libvips; a picture gets one, as the networks have the other cores.
  sharp.concurrency(1);

  const path = new FramePath({
    bundle,
    codec: createCodec(bundle, pool, { maxImagePixels: config.maxImagePixels }),
    decoders,
    runner,
    maxImagePixels: config.maxImagePixels,
    maxMinSteps: config.maxMinSteps,
    hasToken: config.token !== undefined,
    maxQueueBytes: config.maxQueueBytes,
    residual: config.residual,
    residualFirst: config.residualFirst,
    output,
    metrics,
    live,
    logger,
  });
  const streams = new InboundStreams({
    window: fairWindow(1, config),
    maxStreams: config.maxStreams,
    maxInProgress: 2 * config.creditsPerStream,
    retainMs: config.streamIdleTtlMs,
    onFrame: (delivery) => {
      path.take(delivery);
    },
    onRefused: (stream, frame, reason) => {
      live.tellDropped({ stream, frame }, reason, 'its sender exceeds its credits');
    },
  });

  let closing = false;
  const http = await createHttpServer({
    ...config,
    service: 'receiver',
    metrics,
    logger,
    ready: () => {
      const reasons = [
        ...(closing ? ['the receiver is shutting down'] : []),
        ...(workers.available ? [] : [NO_WORKER_LEFT]),
      ];
      return { ready: reasons.length === 0, reasons };
    },
  });
  const links = serveStreams(config, { ...parts, streams, upgrades: http.upgrades });
  workers.onChange = (available) => {
    if (available) {
      logger.info('a worker is there again: the receiver is ready');
      return;
    }
    logger.error(NO_WORKER_LEFT);
    // As when it closes: no client is told of a drop, so it keeps its frames and sends them again when it is let in.
    const error = noWorkerLeft();
    for (const session of links.sessions.values()) {
      session.close(error.closeCode, error);
    }
    streams.close();
  };
  const status = (): ReceiverStatus => {
    const scheduler = runner.stats();
    return statusOf({
      bundle,
      decoders,
      links,
      streams,
      device: pool.device,
      workers: pool.workers,
      queue: {
        waiting: runner.waiting,
        decoding: path.frames - runner.waiting,
        residuals: runner.spare,
        bytes: path.bytes,
        pixels: scheduler.pixels,
        maxPixels: runner.maxPixels,
      },
      scheduler,
    });
  };
  http.app.get('/status', { schema: documented('The state of the receiver') }, status);
  addDecoderCheck(http, decoders, config);
  addFeedRoute(http, { feed: live.feed, status: () => liveStatusOf(status(), decoders) });
  let ownUrl = '';
  let consoleServer: ConsoleServer | undefined;
  if (config.console.enabled) {
    consoleServer = await createConsoleServer({
      http,
      config: config.console,
      receiverUrl: () => ownUrl,
      logger,
      events: live.events,
    });
  }

  async function close(): Promise<void> {
    closing = true;
    await consoleServer?.close();
    // Links first, so that no client is told of a drop: it keeps its frames, and sends them again when it is back.
    await links.close();
    streams.close();
    await path.settled();
    await Promise.all([coder.close(), pool.close()]);
    await http.close();
  }

  let address: HttpAddress;
  try {
    address = await http.listen();
  } catch (error) {
    await close();
    throw error;
  }
  ownUrl = address.url;
  warnOfOpenDoors(logger, config.host, {
    token: { token: config.token, allows: 'send frames' },
    ...(config.console.enabled && {
      'console.controlToken': { token: config.console.controlToken, allows: 'use the controls of the console' },
    }),
  });
  logger.info(
    {
      url: address.wsUrl,
      bundle: bundle.dir,
      digest: bundle.digest,
      device: pool.device,
      workers: pool.workers,
      decoders: [...decoders.keys()],
    },
    'receiver listens',
  );
  return { httpUrl: address.url, wsUrl: address.wsUrl, metrics, status, close };
}

const NO_WORKER_LEFT =
  'no inference worker is left: each died, and could not be replaced; the receiver goes on trying (workerRetryMs)';

function noWorkerLeft(): LinkError {
  return new LinkError('E_TRY_AGAIN', NO_WORKER_LEFT, {
    remedy: "see the receiver's log for why they died; clients connect again by themselves",
  });
}

interface LinkParts extends Parts {
  readonly streams: InboundStreams;
  readonly upgrades: HttpServer['upgrades'];
}

/** Greet links, and attach each to its stream. */
function serveStreams(
  config: ReceiverConfig,
  { bundle, workers, metrics, logger, decoders, streams, live, upgrades }: LinkParts,
): ServedLinks {
  const { name, version } = bundle.manifest;
  /** The window that each session got in its welcome. */
  const promised = new WeakMap<ServerSession, number>();

  function fitWindows(): void {
    const window = fairWindow(streams.size, config);
    if (window !== streams.window) {
      streams.setWindow(window);
    }
  }

  const links = serveLinks({
    upgrades,
    token: config.token,
    helloTimeoutMs: config.helloTimeoutMs,
    keepAliveMs: config.pingIntervalMs,
    // Each link is of a stream of its own, so that one limit does for both.
    maxSessions: config.maxStreams,
    maxPayloadBytes: config.maxPayloadBytes,
    maxUnfinishedBytes: config.maxUnfinishedBytes,
    onTraffic: (direction, bytes) => {
      metrics.wireBytes.inc({ direction }, bytes);
    },
    welcome: ({ decoder }, session) => {
      if (!workers.available) {
        throw noWorkerLeft();
      }
      if (!decoders.has(decoder)) {
        throw new UnknownDecoderError(decoder, [...decoders.keys()]);
      }
      // As if the stream were new; if it isn't, a larger window follows.
      const credits = fairWindow(streams.size + 1, config);
      promised.set(session, credits);
      return {
        credits,
        limits: { maxPayloadBytes: config.maxPayloadBytes, maxImagePixels: config.maxImagePixels },
        decoders: [...decoders.keys()],
        bundle: { name, version, digest: bundle.digest },
      };
    },
    onSession: (session) => {
      streams.attach(session);
      fitWindows();
      if (promised.get(session) !== streams.window) {
        session.send('credit', { credits: streams.window });
      }
      live.tellLink(session, links.sessions.size);
      session.on('refused', ({ frame, reason, detail }) => {
        live.tellDropped({ stream: session.hello.stream, frame }, reason, detail);
      });
      session.on('close', (end) => {
        fitWindows();
        live.tellLink(session, links.sessions.size, end);
      });
    },
    onRefused: ({ error, remoteAddress, stream }) => {
      logger.warn({ code: error.code, remoteAddress, stream }, error.message);
    },
    onFailure: (error, session) => {
      logger.error({ err: error, stream: session.hello.stream }, 'a session failed');
    },
  });
  return links;
}
