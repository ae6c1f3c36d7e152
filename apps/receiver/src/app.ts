import {
  createCodec,
  createSessionPool,
  findDefaultBundle,
  loadBundle,
  type Bundle,
  type SessionPool,
} from '@semcast/bundle';
import { createHub, type Hub } from '@semcast/hub';
import {
  addFeedRoute,
  createHttpServer,
  createLogger,
  createMetrics,
  type HttpAddress,
  type Logger,
  type Metrics,
} from '@semcast/service';
import { InboundStreams, serveLinks, type ServedLinks, type ServerSession } from '@semcast/wire';
import sharp from 'sharp';
import { workerCount, type ReceiverConfig } from './config.js';
import { addDecoderCheck } from './decoder-check.js';
import type { Decoder } from './decoders/decoder.js';
import { decodersOf } from './decoders/registry.js';
import { DecodeQueue } from './enqueue-frame.js';
import { UnknownDecoderError } from './errors.js';
import { FramePath } from './frame-path.js';
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
  const logger = options.logger ?? createLogger({ service: 'receiver', level: config.logLevel });
  const metrics = createMetrics('receiver');
  const output = config.outputDir === undefined ? undefined : await createOutputFolder(config.outputDir);
  const bundle = await loadBundle(config.bundle ?? findDefaultBundle());
  const pool = await startPool(config, bundle, metrics, logger);
  try {
    return await listen(config, { bundle, pool, metrics, logger, output, decoders: options.decoders });
  } catch (error) {
    await pool.close();
    throw error;
  }
}

async function startPool(
  config: ReceiverConfig,
  { graphs: { encoder, decoder } }: Bundle,
  metrics: Metrics<'receiver'>,
  logger: Logger,
): Promise<SessionPool> {
  return createSessionPool({
    graphs: { encoder, decoder },
    device: config.device,
    workers: workerCount(config),
    // Frames have their own queue, which takes turns; this one only ever holds what that one let through.
    maxQueue: config.maxQueue,
    onRun: (graph, seconds) => {
      metrics.inference.observe({ graph }, seconds);
    },
    onWarning: (message) => {
      logger.warn(message);
    },
  });
}

interface Parts {
  readonly bundle: Bundle;
  readonly pool: SessionPool;
  readonly metrics: Metrics<'receiver'>;
  readonly logger: Logger;
  readonly output: Awaited<ReturnType<typeof createOutputFolder>> | undefined;
  readonly decoders: ReadonlyMap<string, Decoder> | undefined;
}

async function listen(config: ReceiverConfig, parts: Parts): Promise<ReceiverService> {
  const { bundle, pool, metrics, logger, output } = parts;
  const decoders = parts.decoders ?? decodersOf(bundle);
  // Pictures are written in threads of libvips; a picture gets one, as the networks have the other cores.
  sharp.concurrency(1);

  const queue = new DecodeQueue({
    // One more than there are workers, so that none is idle while a frame is demodulated or its picture is written.
    places: pool.workers + 1,
    onDepth: (waiting) => {
      metrics.schedulerQueueDepth.set(waiting);
    },
  });
  const live = new ReceiverLive({ logger, metrics });
  const path = new FramePath({
    bundle,
    codec: createCodec(bundle, pool, { maxImagePixels: config.maxImagePixels }),
    decoders,
    queue,
    maxImagePixels: config.maxImagePixels,
    maxQueueBytes: config.maxQueueBytes,
    residual: config.residual,
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
      metrics.frames.inc({ stage: 'receiver', outcome: 'dropped' });
      metrics.droppedFrames.inc({ reason });
      live.noteDropped(reason, { stream, frame });
      logger.warn({ event: 'frame-dropped', stream, frame, reason }, 'frame dropped: its sender exceeds its credits');
    },
  });

  let closing = false;
  const http = await createHttpServer({
    service: 'receiver',
    host: config.host,
    port: config.port,
    metrics,
    logger,
    ready: () => ({ ready: !closing, reasons: closing ? ['the receiver is shutting down'] : [] }),
  });
  const links = serveStreams(config, { ...parts, decoders, streams, live, server: http.server });
  const status = (): ReceiverStatus => statusOf({ bundle, decoders, pool, links, streams, queue, path });
  http.app.get('/status', status);
  addDecoderCheck(http, decoders);
  addFeedRoute(http, { feed: live.feed, status: () => liveStatusOf(status(), decoders) });
  let ownUrl = '';
  let hub: Hub | undefined;
  if (config.console.enabled) {
    hub = await createHub({
      http,
      config: config.console,
      receiverUrl: () => ownUrl,
      logger,
      events: live.events,
    });
  }

  async function close(): Promise<void> {
    closing = true;
    await hub?.close();
    // Links first, so that no client is told of a drop: it keeps its frames, and sends them again when it is back.
    await links.close();
    streams.close();
    await path.settled();
    await pool.close();
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
  logger.info(
    { url: address.wsUrl, bundle: bundle.dir, digest: bundle.digest, device: pool.device, workers: pool.workers },
    'receiver listens',
  );
  return { httpUrl: address.url, wsUrl: address.wsUrl, metrics, status, close };
}

interface LinkParts extends Parts {
  readonly decoders: ReadonlyMap<string, Decoder>;
  readonly streams: InboundStreams;
  readonly live: ReceiverLive;
  readonly server: Parameters<typeof serveLinks>[0]['server'];
}

/** Greet links, and attach each to its stream. */
function serveStreams(
  config: ReceiverConfig,
  { bundle, metrics, logger, decoders, streams, live, server }: LinkParts,
): ServedLinks {
  const { name, version } = bundle.manifest;
  /** What each session was told in its welcome. */
  const promised = new WeakMap<ServerSession, number>();

  function fitWindows(): void {
    const window = fairWindow(streams.size, config);
    if (window !== streams.window) {
      streams.setWindow(window);
    }
  }

  const links = serveLinks({
    server,
    ...(config.token === undefined ? {} : { token: config.token }),
    helloTimeoutMs: config.helloTimeoutMs,
    keepAliveMs: config.pingIntervalMs,
    maxSessions: config.maxSessions,
    maxPayloadBytes: config.maxPayloadBytes,
    onTraffic: (direction, bytes) => {
      metrics.wireBytes.inc({ direction }, bytes);
    },
    welcome: ({ decoder }, session) => {
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
      const log = logger.child({ stream: session.hello.stream });
      streams.attach(session);
      if (!session.isOpen) {
        // No place left for its stream; it has been told.
        return;
      }
      fitWindows();
      if (promised.get(session) !== streams.window) {
        session.send('credit', { credits: streams.window });
      }
      metrics.sessions.set(links.sessions.size);
      live.noteStream(session.hello.stream, true);
      const { agent } = session.hello;
      log.info({ event: 'stream-joined', agent, remoteAddress: session.remoteAddress }, 'stream linked');
      session.on('refused', ({ frame, reason, detail }) => {
        metrics.frames.inc({ stage: 'receiver', outcome: 'dropped' });
        metrics.droppedFrames.inc({ reason });
        live.noteDropped(reason, { stream: session.hello.stream, frame });
        log.warn({ event: 'frame-dropped', frame, reason, detail }, 'frame dropped');
      });
      session.on('close', ({ code, error }) => {
        fitWindows();
        metrics.sessions.set(links.sessions.size);
        live.noteStream(session.hello.stream, false);
        log.info({ event: 'stream-left', code, error: error?.message }, 'stream unlinked');
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
