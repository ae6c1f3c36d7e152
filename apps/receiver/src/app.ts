import { setTimeout as sleep } from 'node:timers/promises';
import { codecGeometry, findDefaultBundle, loadBundle } from '@semcast/bundle';
import { createConsoleServer, type ConsoleServer } from '@semcast/console-server';
import { connectQueue, FrameIngest, FrameWorker, RollCall, type QueueConnection } from '@semcast/frame-queue';
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
import { bucketsOf, EMBEDDED, type ReceiverConfig } from './config.js';
import { addDecoderCheck } from './decoder-check.js';
import type { Decoder } from './decoders/decoder.js';
import { decodersOf } from './decoders/registry.js';
import { loadEngine, type Engine } from './engine.js';
import { UnknownDecoderError } from './errors.js';
import { FramePath } from './frame-path.js';
import { IngestPath, type IngestPathOptions } from './ingest-path.js';
import { liveStatusOf, ReceiverLive } from './live.js';
import { statusOf, type ReceiverStatus } from './status.js';
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
  /** Resolves when the receiver can't go on and has to be closed: networks run that never end. */
  readonly failed: Promise<Error>;
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
    await parts.engine?.close();
    await parts.queue?.close();
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
  const queue =
    config.queue === EMBEDDED
      ? undefined
      : await connectQueue(config.queue, {
          name: `semcast receiver (${config.role})`,
          logger,
          replicas: config.queueReplicas,
        });
  try {
    const engine =
      config.role === 'ingest' ? undefined : await loadEngine(config, { bundle, decoders, metrics, live, logger });
    return { bundle, decoders, engine, queue, metrics, live, logger, output };
  } catch (error) {
    await queue?.close();
    throw error;
  }
}

async function listen(config: ReceiverConfig, parts: Parts): Promise<ReceiverService> {
  const { bundle, decoders, engine, queue, metrics, live, logger } = parts;
  // Pictures are written in threads of libvips; a picture gets one, as the networks have the other cores.
  sharp.concurrency(1);

  const rules = {
    bundle,
    codec: codecGeometry(bundle.manifest),
    decoders,
    maxImagePixels: config.maxImagePixels,
    maxMinSteps: config.maxMinSteps,
    maxQueueBytes: config.maxQueueBytes,
    hasToken: config.token !== undefined,
    live,
  };
  const path =
    engine &&
    new FramePath({
      ...rules,
      ...parts,
      runner: engine.runner,
      // An ingest has them while a frame waits, too.
      timesDeadlines: queue === undefined,
      residual: config.residual,
      residualFirst: config.residualFirst,
    });
  const ingest = queue && config.role !== 'decode' ? startIngest(config, { ...parts, rules, queue }) : undefined;
  const frames = ingest?.path ?? path!;
  const streams =
    config.role === 'decode'
      ? undefined
      : new InboundStreams({
          window: fairWindow(1, config),
          maxStreams: config.maxStreams,
          maxInProgress: 2 * config.creditsPerStream,
          retainMs: config.streamIdleTtlMs,
          maxStoredBytes: config.maxUnreadBytes,
          onFrame: (delivery) => {
            // Its sender keeps it, and sends it to whoever answers next.
            if (!closing) {
              frames.take(delivery);
            }
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
        ...(engine?.workers.available === false ? [NO_WORKER_LEFT] : []),
        ...(ingest?.workers.workers.length === 0 ? [NO_WORKER_AT_QUEUE] : []),
        ...(queue?.isConnected === false ? ['the connection to the queue is lost'] : []),
      ];
      return { ready: reasons.length === 0, reasons };
    },
  });
  const links =
    streams &&
    serveStreams(config, {
      ...parts,
      streams,
      upgrades: http.upgrades,
      offered: () => {
        if (closing) {
          throw new LinkError('E_TRY_AGAIN', 'the receiver is shutting down');
        }
        if (ingest !== undefined) {
          const { decoders: present } = ingest.workers;
          if (present.size === 0) {
            throw noWorker(NO_WORKER_AT_QUEUE);
          }
          return [...decoders.keys()].filter((name) => present.has(name));
        }
        if (engine?.workers.available === false) {
          throw noWorker(NO_WORKER_LEFT);
        }
        return [...decoders.keys()];
      },
    });
  let worker: FrameWorker | undefined;
  const failed = new Promise<Error>((resolve) => {
    if (engine !== undefined) {
      engine.workers.onStuck = resolve;
    }
  });
  if (engine !== undefined) {
    engine.workers.onChange = (available) => {
      worker?.pause(!available);
      if (available) {
        logger.info('a worker is there again: the receiver is ready');
        return;
      }
      logger.error(NO_WORKER_LEFT);
      if (ingest === undefined) {
        // As when it closes: no client is told of a drop, so it keeps its frames and sends them again when it is let in.
        const error = noWorker(NO_WORKER_LEFT);
        for (const session of links?.sessions.values() ?? []) {
          session.close(error.closeCode, error);
        }
        streams?.close();
      }
    };
  }
  const status = (): ReceiverStatus => {
    const crew = ingest?.workers.workers ?? [];
    const scheduler = engine?.runner.stats() ?? null;
    const waiting = ingest?.queue.frames.waiting ?? engine?.runner.waiting ?? 0;
    return statusOf({
      role: config.role,
      bundle,
      decoders,
      links,
      streams,
      device: engine?.pool.device ?? crew[0]?.device ?? 'cpu',
      workers: engine?.pool.workers ?? crew.reduce((sum, { workers }) => sum + workers, 0),
      crew,
      queue: {
        waiting,
        decoding: ingest?.queue.frames.taken ?? frames.frames - waiting,
        residuals: engine?.runner.spare ?? 0,
        bytes: frames.bytes,
        pixels: scheduler?.pixels ?? 0,
        maxPixels: engine?.runner.maxPixels ?? 0,
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

  /** Frames that have begun may come to their end, for a while. */
  async function drain(): Promise<void> {
    if (config.role === 'decode') {
      await worker?.close(config);
      return;
    }
    if (config.drainMs === 0 || frames.frames === 0) {
      return;
    }
    if (queue === undefined) {
      path?.handBackWaiting('the receiver is shutting down');
    }
    logger.info({ frames: frames.frames, drainMs: config.drainMs }, 'frames that have begun come to their end');
    const untilMs = performance.now() + config.drainMs;
    while (frames.frames > 0 && performance.now() < untilMs) {
      await sleep(Math.min(DRAIN_POLL_MS, untilMs - performance.now()));
    }
  }

  async function close(): Promise<void> {
    closing = true;
    await consoleServer?.close();
    await drain();
    // Links first, so that no client is told of a drop: it keeps its frames, and sends them again when it is back.
    await links?.close();
    streams?.close();
    if (config.role !== 'decode') {
      await worker?.close();
    }
    await Promise.all([ingest?.path.settled(), path?.settled()]);
    ingest?.close();
    await Promise.all([engine?.close(), queue?.close()]);
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
  if (queue !== undefined && engine !== undefined) {
    worker = startWorker(config, { ...parts, queue, engine, path: path! });
  }
  warnOfOpenDoors(logger, config.host, {
    ...(links && { token: { token: config.token, allows: 'send frames' } }),
    ...(config.console.enabled && {
      'console.controlToken': { token: config.console.controlToken, allows: 'use the controls of the console' },
    }),
  });
  logger.info(
    {
      url: address.wsUrl,
      bundle: bundle.dir,
      digest: bundle.digest,
      role: config.role,
      ...(engine && { device: engine.pool.device, workers: engine.pool.workers }),
      ...(queue && { queue: config.queue }),
      decoders: [...decoders.keys()],
    },
    'receiver listens',
  );
  return { httpUrl: address.url, wsUrl: address.wsUrl, metrics, status, failed, close };
}

const DRAIN_POLL_MS = 20;

const NO_WORKER_LEFT =
  'no inference worker is left: each died, and could not be replaced; the receiver goes on trying (workerRetryMs)';

const NO_WORKER_AT_QUEUE = 'no decode worker with this bundle is at the queue';

function noWorker(why: string): LinkError {
  const remedy =
    why === NO_WORKER_LEFT
      ? "see the receiver's log for why they died"
      : 'start one with the same bundle (semcast receiver --role decode)';
  return new LinkError('E_TRY_AGAIN', why, { remedy: `${remedy}; clients connect again by themselves` });
}

/** The side of the queue that has the senders. */
function startIngest(
  { maxBacklogMs }: ReceiverConfig,
  {
    queue: connection,
    bundle,
    metrics,
    logger,
    rules,
  }: Parts & { readonly queue: QueueConnection; readonly rules: Omit<IngestPathOptions, 'queue' | 'workers'> },
) {
  const queue = new FrameIngest(connection, { logger, metrics, maxWaitMs: maxBacklogMs });
  const workers = new RollCall(connection, {
    bundleDigest: bundle.digest,
    onChange: (present) => {
      metrics.queueWorkers.set(present.length);
      logger.info({ workers: present.length }, 'decode workers come or go');
    },
  });
  return {
    queue,
    workers,
    path: new IngestPath({ ...rules, queue, workers }),
    close: (): void => {
      queue.close();
      workers.close();
    },
  };
}

/** The side of the queue that decodes. */
function startWorker(
  config: ReceiverConfig,
  {
    queue,
    engine: { pool, runner },
    path,
    bundle,
    decoders,
    metrics,
    logger,
  }: Parts & { readonly queue: QueueConnection; readonly engine: Engine; readonly path: FramePath },
): FrameWorker {
  const { name, version } = bundle.manifest;
  return new FrameWorker(queue, {
    logger,
    metrics,
    describe: () => {
      const { finished, busyMs } = runner.stats().totals;
      return {
        bundle: { name, version, digest: bundle.digest },
        decoders: [...decoders.keys()],
        device: pool.device,
        workers: pool.workers,
        finished,
        busySeconds: busyMs / 1000,
      };
    },
    // Batches that run, and as many frames that wait for the next: more would only wait here instead of elsewhere.
    capacity: 2 * pool.workers * Math.max(...bucketsOf(config)),
    hasMemory: () => path.bytes + config.maxPayloadBytes <= config.maxQueueBytes,
    take: (delivery) => {
      path.take(delivery);
    },
    supersede: (delivery, by) => {
      path.supersede(delivery, by);
    },
    hasBegun: (delivery) => path.hasBegun(delivery),
    redeliverAfterMs: config.redeliverAfterMs,
  });
}

interface LinkParts extends Parts {
  readonly streams: InboundStreams;
  readonly upgrades: HttpServer['upgrades'];
  /** The decoders that frames may ask for. @throws LinkError where there are none at the moment */
  readonly offered: () => readonly string[];
}

/** Greet links, and attach each to its stream. */
function serveStreams(
  config: ReceiverConfig,
  { bundle, metrics, logger, streams, live, upgrades, offered }: LinkParts,
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
    maxUnreadBytes: config.maxUnreadBytes,
    onTraffic: (direction, bytes) => {
      metrics.wireBytes.inc({ direction }, bytes);
    },
    welcome: ({ decoder }, session) => {
      const names = offered();
      if (!names.includes(decoder)) {
        throw new UnknownDecoderError(decoder, names);
      }
      // As if the stream were new; if it isn't, a larger window follows.
      const credits = fairWindow(streams.size + 1, config);
      promised.set(session, credits);
      return {
        credits,
        limits: { maxPayloadBytes: config.maxPayloadBytes, maxImagePixels: config.maxImagePixels },
        decoders: [...names],
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
