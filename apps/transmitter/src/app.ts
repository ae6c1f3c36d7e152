import { randomBytes, randomUUID } from 'node:crypto';
import { createMetricPool, defaultRate } from '@semcast/bundle';
import { describeError, type SemcastError } from '@semcast/core';
import { ConfigError } from '@semcast/config';
import { CompressedBlocks, DIGITAL_DECODER, TransportThreads } from '@semcast/digital';
import type { QualityReport } from '@semcast/quality';
import {
  addFeedRoute,
  createHttpServer,
  createLogger,
  createMetrics,
  prepareFolder,
  warnOfOpenDoors,
  type Logger,
  type Metrics,
  type Readiness,
} from '@semcast/service';
import { connectLink, DEFAULT_MAX_PAYLOAD_BYTES, type ClientLink } from '@semcast/wire';
import { Album } from './album.js';
import { chooseCsi } from './choose-csi.js';
import {
  MAX_IN_FLIGHT,
  transmitterConfigSchema,
  type TransmitterConfig,
  type TransmitterConfigInput,
} from './config.js';
import { DesignCsnr } from './design-csnr.js';
import { DigitalCompanion } from './digital-companion.js';
import { openEncoder, type FrameEncoder } from './encode-frame.js';
import type { FrameRequest } from './frame-request.js';
import { Gate } from './gate.js';
import { addTransmitterRoutes } from './http-routes.js';
import { Journal } from './journal.js';
import { TransmitterLive } from './live.js';
import type { FrameOutcome } from './outcome.js';
import { OutputFolder } from './output-folder.js';
import { DEMO_PHOTOS, listPhotos } from './photo-source.js';
import { PictureStore } from './picture-store.js';
import { QualityPool } from './quality-pool.js';
import { PendingResults } from './pending-results.js';
import { StreamControl, type StreamSettings } from './stream-control.js';
import { transmitterStatus, type TransmitterStatus } from './status.js';
import { Transmitter, type StreamTotals, type TransmitterEvents } from './transmitter.js';
import { cannotWrite } from './write-file.js';

const AGENT = 'semcast-transmitter/0.1.0';
/** How much larger than its pixels a result may be: its head, and a picture format's overhead. */
const RESULT_OVERHEAD_BYTES = 1024 ** 2;
/** ws counts its limit in signed 32 bits. */
const MAX_RESULT_BYTES = 1024 ** 3;

/** A running transmitter. */
export interface TransmitterService {
  readonly stream: string;
  /** `http://127.0.0.1:7403`: /stream, /pictures, /metrics, /healthz, /readyz. */
  readonly httpUrl: string;
  readonly metrics: Metrics<'transmitter'>;
  /** Resolves when every frame of the source has its outcome; never for an endless source. */
  readonly finished: Promise<StreamTotals>;
  /** Resolves when the transmitter can't go on: the link was refused, or outcomes can't be written. close() it then. */
  readonly failed: Promise<SemcastError>;
  /** Send a photograph and wait for its outcome: {@link Transmitter.submit}. */
  submit(request: FrameRequest): Promise<FrameOutcome>;
  /** The answer of `GET /stream`. */
  status(): TransmitterStatus;
  /** Called after every change of the settings, whoever made it. */
  onSettings(listener: (settings: StreamSettings) => void): void;
  on<Name extends keyof TransmitterEvents>(event: Name, listener: (...args: TransmitterEvents[Name]) => void): this;
  /** End everything, in order: frames, link, threads, journal, HTTP. Every submitted frame has its outcome then. */
  close(): Promise<void>;
}

export interface TransmitterDependencies {
  /** Default: JSON lines on standard error, at the configured level. */
  readonly logger?: Logger;
  /** Default: that of the configured bundle. Closed with the transmitter. */
  readonly encoder?: FrameEncoder;
}

/**
 * Start a transmitter: read the source, open the journal, load the encoder, listen for HTTP, connect, and begin to
 * send. Doesn't wait for the channel: that may come later.
 *
 * @throws ConfigError, SourceError, JournalCorruptError, JournalMismatchError, JournalLockedError, WriteError, the errors of bundles
 *   (E_BUNDLE_…, E_DEVICE_UNAVAILABLE, E_UNKNOWN_RATE), E_LINK_URL, and ListenError (E_PORT_BUSY); whatever had been
 *   started is closed again
 */
export async function createTransmitter(
  input: TransmitterConfigInput = {},
  dependencies: TransmitterDependencies = {},
): Promise<TransmitterService> {
  const config = checkConfig(input);
  // Refuses options of the waveform before anything is started.
  chooseCsi(config);
  const logger = dependencies.logger ?? createLogger({ service: 'transmitter', level: config.logLevel });
  const started: (() => Promise<void>)[] = [];
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= closeInOrder(started.toReversed());
    return closed;
  };
  try {
    return await startTransmitter(config, logger, dependencies.encoder, started, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function checkConfig(input: TransmitterConfigInput): TransmitterConfig {
  const { success, data, error } = transmitterConfigSchema.safeParse(input);
  if (success) {
    return data;
  }
  const problems = error.issues.map(({ path, message }) => ({ path: path.join('.'), message, source: undefined }));
  throw new ConfigError('transmitter', problems);
}

/** Close all of them, one after the other, also when one of them fails; the first failure is thrown in the end. */
async function closeInOrder(closers: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closers) {
    await close().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) {
    throw failures[0];
  }
}

async function startTransmitter(
  config: TransmitterConfig,
  logger: Logger,
  givenEncoder: FrameEncoder | undefined,
  started: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<TransmitterService> {
  const metrics = createMetrics('transmitter');
  const onWarning = (message: string): void => {
    logger.warn(message);
  };

  const source = await listPhotos(config.source ?? [DEMO_PHOTOS]);
  if (config.outputDir !== undefined) {
    await prepareFolder(config.outputDir).catch((cause: unknown) => {
      throw cannotWrite(config.outputDir!, cause);
    });
  }
  const { journal: file, size, maxJournalBytes: maxBytes } = config;
  const subject = { photos: source.files.length === 0 ? '' : source.fingerprint, size };
  const journal =
    file === undefined
      ? undefined
      : await Journal.open({
          ...subject,
          file,
          stream: config.stream,
          maxBytes,
          newStream: newStreamId,
          newRun: randomUUID,
        });
  if (journal !== undefined) {
    started.push(() => journal.close());
    logger.info({ stream: journal.stream, frames: journal.size }, 'journal open');
  }
  const stream = journal?.stream ?? config.stream ?? newStreamId();

  const onRun = (graph: string, seconds: number): void => {
    metrics.inference.observe({ graph }, seconds);
  };
  const encoder =
    givenEncoder ??
    (await openEncoder({
      dir: config.bundle,
      device: config.device,
      // On a GPU there may be only one worker.
      workers: config.device === 'cuda' ? 1 : config.workers,
      maxQueue: config.maxInFlight,
      maxImagePixels: config.maxImagePixels,
      onRun,
      onWarning,
    }));
  started.push(() => encoder.close());
  const coder = new TransportThreads(config.workers);
  started.push(() => coder.close());
  const cbr = config.cbr ?? defaultRate(encoder.rates);
  encoder.checkRate(cbr);

  const metricPool =
    config.metricBundles.length === 0
      ? undefined
      : await createMetricPool(config.metricBundles, {
          workers: config.qualityWorkers,
          maxQueue: config.maxInFlight,
          onRun,
          onWarning,
        });
  started.push(async () => metricPool?.close());
  const quality = new QualityPool({ workers: config.qualityWorkers, maxQueue: config.maxInFlight + 1, onWarning });
  started.push(() => quality.close());

  const album = new Album(source);
  const control: StreamControl = new StreamControl({
    config: { ...config, cbr },
    checkRate: (changed) => {
      encoder.checkRate(changed);
    },
    offered: () => link.welcome?.decoders,
    photographs: () => album.names,
  });
  const live = new TransmitterLive({ config, stream, album, control, metrics, logger });
  const link = connectConfiguredLink(
    { ...config, csi: control.settings.csi },
    { stream, run: journal?.run ?? randomUUID() },
    live,
    journal !== undefined,
  );
  warnOfOtherBundle(link, encoder, logger);
  const connectCompanion = (name: string): ClientLink =>
    connectConfiguredLink(
      { ...config, decoder: DIGITAL_DECODER, csi: control.settings.csi },
      { stream: name, run: randomUUID() },
      live,
      false,
    );
  const pictures = new PictureStore({ ended: config.keepPictures, maxBytes: config.maxPictureBytes });
  const outputFolder = (): OutputFolder | undefined =>
    config.outputDir === undefined ? undefined : new OutputFolder(config.outputDir, config.keepOutputs);
  const tools = {
    config,
    encoder,
    coder,
    blocks: new CompressedBlocks(),
    quality,
    onWarning,
    isWatched: () => live.feed.watched,
    onMeasured: (frame: number, report: QualityReport) => {
      live.tellMeasured(frame, report);
    },
    decoding: new Gate(config.maxDecodeBytes),
  };
  const companion = new DigitalCompanion({
    stream,
    tools,
    control,
    connect: connectCompanion,
    onCompleted: (outcome) => {
      pictures.addCompanion(outcome);
      live.tellCompanion(outcome);
    },
    logger,
  });
  const transmitter = new Transmitter({
    ...tools,
    stream,
    source,
    album,
    journal,
    pictures,
    control,
    companion,
    live,
    metrics,
    logger,
    design: new DesignCsnr(),
    link,
    pending: new PendingResults(),
    metricPool,
    output: outputFolder(),
    // A folder object of its own, so that as many previews as pictures are kept.
    previewOutput: config.outputPreviews ? outputFolder() : undefined,
    // On a GPU, encoding is so quick that the next photograph should be read meanwhile.
    encoding: new Gate(config.device === 'cuda' ? 2 : config.workers),
    pixels: new Gate(config.maxInFlightPixels),
  });
  started.push(() => transmitter.close());

  const status = (): TransmitterStatus =>
    transmitterStatus(transmitter, { config, link, encoder, source, pictures, control });
  const server = await createHttpServer({
    ...config,
    service: 'transmitter',
    metrics,
    ready: () => readiness(transmitter, link),
    logger,
  });
  addTransmitterRoutes(server, { status, pictures, control, transmitter, controlToken: config.controlToken });
  addFeedRoute(server, {
    feed: live.feed,
    status: () => {
      const { inFlight, queued, totals } = transmitter;
      return live.status({ inFlight, queued, completed: totals.completed, dropped: totals.dropped }, link, encoder);
    },
  });
  // The last to close: status and metrics are there until all frames have ended.
  started.unshift(() => server.close());
  const address = await server.listen();

  transmitter.start();
  warnOfOpenDoors(logger, config.host, {
    controlToken: { token: config.controlToken, allows: 'change the stream' },
  });
  const { to } = config;
  logger.info({ stream, to, http: address.url, photographs: source.files.length }, 'transmitter started');

  const service: TransmitterService = {
    stream,
    httpUrl: address.url,
    metrics,
    finished: transmitter.finished,
    failed: transmitter.failed,
    submit: (request) => transmitter.submit(request),
    status,
    onSettings: (listener) => {
      control.on('change', listener);
    },
    on: (event, listener) => {
      transmitter.on(event, listener as never);
      return service;
    },
    close,
  };
  return service;
}

function newStreamId(): string {
  return `tx-${randomBytes(2).toString('hex')}`;
}

function connectConfiguredLink(
  config: TransmitterConfig & Pick<StreamSettings, 'csi'>,
  identity: { readonly stream: string; readonly run: string },
  live: TransmitterLive,
  hasJournal: boolean,
): ClientLink {
  const { token, weight, decoder, csi, sampleFormat, resultFormat, maxImagePixels } = config;
  return connectLink(config.to, {
    hello: {
      ...identity,
      ...(token === undefined ? {} : { token }),
      role: 'transmitter',
      ...(weight === 1 ? {} : { weight }),
      agent: AGENT,
      decoder,
      csi,
      sampleFormat,
      result: { format: resultFormat },
    },
    // With a journal the receiver keeps an outcome until it is on the disk here.
    acknowledge: hasJournal ? 'manual' : 'auto',
    maxWaiting: MAX_IN_FLIGHT,
    maxPayloadBytes: maxResultBytes(maxImagePixels),
    onTraffic: (direction, bytes) => {
      live.countTraffic(direction, bytes);
    },
  });
}

/** A raw picture of the largest size fits, within what a WebSocket message may have. */
function maxResultBytes(maxImagePixels: number): number {
  const wanted = Math.max(DEFAULT_MAX_PAYLOAD_BYTES, 3 * maxImagePixels + RESULT_OVERHEAD_BYTES);
  return Math.min(wanted, MAX_RESULT_BYTES);
}

/** Frames would be dropped one by one as `wrong-bundle`; report the cause at once. */
function warnOfOtherBundle(link: ClientLink, encoder: FrameEncoder, logger: Logger): void {
  link.on('welcome', ({ bundle }) => {
    if (bundle.digest !== encoder.bundle.digest) {
      const ours = `${encoder.bundle.name} ${encoder.bundle.version}`;
      const theirs = `${bundle.name} ${bundle.version}`;
      logger.warn({ ours, theirs }, 'the receiver has another bundle: give both ends the same one (bundle)');
    }
  });
}

function readiness(transmitter: Transmitter, { state, url }: ClientLink): Readiness {
  const reasons: string[] = [];
  if (transmitter.failure !== undefined) {
    reasons.push(describeError(transmitter.failure));
  } else if (state.name === 'connecting') {
    reasons.push(`the link to ${url} is being made`);
  } else if (state.name === 'waiting') {
    reasons.push(`there is no link to ${url}: ${describeError(state.error)}`);
  } else if (state.name === 'closed') {
    reasons.push('the link is closed');
  }
  return { ready: reasons.length === 0, reasons };
}
