import { equalise, type ReceivedSymbols, type TapModel } from '@semcast/phy';
import { shownDecibels, type ReceiverFact, type ReceiverLiveStatus, type ScopeFact } from '@semcast/console-messages';
import { createEventLog, LiveFeed, observeSnr, type EventLog, type Logger, type Metrics } from '@semcast/service';
import type { DropReason, FrameHead, LinkEnd, ResultHead, ServerSession } from '@semcast/wire';
import { z } from 'zod';
import type { Decoder } from './decoders/decoder.js';
import type { ResultFacts } from './deliver-result.js';
import { knowsChannel, type DemodulatedFrame } from './demodulate-frame.js';
import type { ReceiverStatus } from './status.js';

/** Frames are shown this often at most: showing one takes demodulating it before its turn. */
const SCOPE_EVERY_MS = 100;
/** Symbols of a frame that are shown. */
const SCOPE_POINTS = 400;
/** Gains of a frame that are shown, or of carriers. */
const SCOPE_GAINS = 256;
/** Samples of a constellation are rounded to a thousandth; they have unit power. */
const SCOPE_DIGITS = 3;
/**
 * A sampler's picture explains what was received this many times worse than noise would: it has left the measurement.
 * One pass of a codec is not judged by it, as at high SNR the codec's own error is larger than the noise.
 */
const DIVERGED_RESIDUAL = 10;

export interface FrameName {
  readonly stream: string;
  readonly frame: number;
}

type MeasuredResidual = Pick<ResultFacts, 'decoder' | 'steps'> & { readonly residual: number };

/** The one place where the receiver tells what happens: to Prometheus, log, live feed and event log. */
export class ReceiverLive {
  readonly feed = new LiveFeed<ReceiverFact>();
  readonly events: EventLog;
  readonly #logger: Logger;
  readonly #metrics: Metrics<'receiver'>;
  #batchSize = 0;
  #waiting = 0;
  #scopeMs = -Infinity;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics<'receiver'> }) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.events = createEventLog({ logger, metrics, feed: this.feed });
  }

  /** Frames that shared a run of a network. */
  tellBatch(size: number): void {
    this.#batchSize = size;
    this.#metrics.schedulerBatchSize.observe(size);
  }

  /** Frames that wait for a decoder. */
  tellWaiting(frames: number): void {
    this.#waiting = frames;
    this.#metrics.schedulerQueueDepth.set(frames);
  }

  /** A frame has arrived; while somebody watches, its symbols are shown at once, however long it waits for its turn. */
  tellReceived({ stream, frame }: FrameName, demodulate: () => DemodulatedFrame): void {
    const nowMs = performance.now();
    if (this.feed.watched && nowMs - this.#scopeMs >= SCOPE_EVERY_MS) {
      this.#scopeMs = nowMs;
      this.feed.push({ kind: 'scope', stream, frame, ...scopeOf(demodulate()) }, { replaces: 'scope' });
    }
  }

  /** A frame's picture has gone, or nobody wanted it any more (`delivered`). */
  tellCompleted(
    { stream, frame, csi }: Pick<FrameHead, 'stream' | 'frame' | 'csi'>,
    facts: ResultFacts,
    delivered: boolean,
  ): void {
    const { decoder, steps, residual, csnrDb, timingsMs, lost } = facts;
    const metrics = this.#metrics;
    metrics.frames.inc({ stage: 'receiver', outcome: 'completed' });
    metrics.samplerSteps.inc({ decoder }, steps);
    if (lost !== undefined) {
      metrics.lostPictures.inc({ decoder, reason: lost });
    }
    observeSnr(metrics.snr, csnrDb);
    this.#logger.debug(
      { stream, frame, decoder, csnrDb, residual, steps, lost, timingsMs, delivered },
      'frame decoded',
    );
    this.tellPicture({ stream, frame, csi }, facts);
    if (residual !== null) {
      this.#tellRatio({ stream, frame }, { decoder, steps, residual });
    }
  }

  /** A picture has gone to its sender, whoever decoded it. */
  tellPicture(
    { stream, frame, csi }: Pick<FrameHead, 'stream' | 'frame' | 'csi'>,
    {
      decoder,
      steps,
      residual,
      csnrDb,
      timingsMs,
    }: Pick<ResultHead, 'decoder' | 'steps' | 'residual' | 'csnrDb' | 'timingsMs'>,
  ): void {
    this.feed.push({
      kind: 'decoded',
      stream,
      frame,
      decoder,
      csi,
      steps,
      residual,
      csnrDb: { ...csnrDb },
      timingsMs,
      queueDepth: this.#waiting,
      batchSize: this.#batchSize,
    });
  }

  /** The residual of a picture that has gone. */
  tellResidual({ stream, frame }: FrameName, measured: MeasuredResidual): void {
    const { decoder, residual } = measured;
    this.feed.push({ kind: 'residual', stream, frame, decoder, residual });
    this.#tellRatio({ stream, frame }, measured);
  }

  #tellRatio({ stream, frame }: FrameName, { decoder, steps, residual }: MeasuredResidual): void {
    this.#metrics.measurementResidual.observe({ decoder }, residual);
    if (steps > 0 && residual > DIVERGED_RESIDUAL) {
      const message = `${decoder} diverged: residual ${residual.toFixed(1)} after ${steps} steps`;
      this.events.record({ event: 'diverged', level: 'warn', message, stream, frame }, { decoder, residual, steps });
    }
  }

  /** A frame ended without a picture; `detail` is for people, `cause` of a fault of this side. */
  tellDropped(name: FrameName, reason: DropReason, detail: string, cause?: unknown): void {
    this.#metrics.frames.inc({ stage: 'receiver', outcome: 'dropped' });
    this.#metrics.droppedFrames.inc({ reason });
    this.tellDrop(name, reason, detail, cause);
  }

  /** The same of a frame that another process has counted. */
  tellDrop({ stream, frame }: FrameName, reason: DropReason, detail: string, cause?: unknown): void {
    if (reason === 'superseded') {
      // Its sender asked for it.
      this.#logger.debug({ stream, frame }, 'frame superseded');
      return;
    }
    const logLevel = levelOf(reason);
    this.events.record(
      { event: 'frame-dropped', level: 'warn', message: `the receiver dropped a frame: ${reason}`, stream, frame },
      { reason, detail, ...(logLevel === 'error' ? { err: cause } : {}) },
      logLevel,
    );
  }

  /** A stream's link is up, or has ended. */
  tellLink({ hello: { stream, agent }, remoteAddress }: ServerSession, sessions: number, end?: LinkEnd): void {
    this.#metrics.sessions.set(sessions);
    const [event, does] =
      end === undefined ? (['stream-joined', 'joined'] as const) : (['stream-left', 'left'] as const);
    this.events.record(
      { event, level: 'info', message: `the stream ${stream} ${does} the receiver`, stream },
      end === undefined ? { agent, remoteAddress } : { code: end.code, error: end.error?.message },
    );
  }
}

/** Faults of this side are errors, faults of the sender warnings; the rest is traffic. */
function levelOf(reason: DropReason): 'error' | 'warn' | 'info' {
  switch (reason) {
    case 'decode-failed':
    case 'encode-failed':
      return 'error';
    case 'deadline':
    case 'cancelled':
      return 'info';
    default:
      return 'warn';
  }
}

/** The part of a receiver's status that a console shows. */
export function liveStatusOf(
  { bundle, device, workers, queue, streams }: ReceiverStatus,
  decoders: ReadonlyMap<string, Decoder>,
): ReceiverLiveStatus {
  const { name, version, digest, csnrDb } = bundle;
  return {
    decoders: [...decoders.values()].map((decoder) => ({
      name: decoder.name,
      summary: decoder.summary,
      samples: decoder.refinement !== undefined,
      options: z.toJSONSchema(decoder.optionsSchema, { io: 'input', unrepresentable: 'any' }),
    })),
    bundle: { name, version, digest, csnrDb: { ...csnrDb } },
    device,
    workers,
    queue: { waiting: queue.waiting, decoding: queue.decoding },
    streams: streams.linked.slice(0, 1000).map(({ stream, agent, role, csi, remoteAddress }) => ({
      stream,
      agent,
      role,
      csi,
      remoteAddress,
    })),
  };
}

/** A sample of a frame's symbols, evenly spaced: as received, and after the equaliser. */
export function scopeOf(frame: DemodulatedFrame): Omit<ScopeFact, 'kind' | 'stream' | 'frame'> {
  const { modem } = frame;
  const { y, h, noiseVariance, source } = frame.symbols;
  const count = noiseVariance.length;
  const chosen = spread(count, SCOPE_POINTS);
  const known = knowsChannel(frame);
  const model = modem.tapModel(count);
  const onCarriers = model.fftSize > 1;
  const some: ReceivedSymbols = {
    y: pick(y, chosen),
    h: h === null ? null : pick(h, chosen),
    noiseVariance: Float64Array.from(chosen, (k) => noiseVariance[k]!),
  };
  return {
    received: rounded(some.y),
    equalised: known ? rounded(equalise(some, modem.equaliser).symbols) : null,
    source: modem.blind ? 'blind' : source,
    gainDb: onCarriers || h === null ? null : spread(count, SCOPE_GAINS).map((k) => shownDecibels(powerAt(h, k))),
    carriers: onCarriers && h !== null ? gainsByCarrier(h, model) : null,
    samples: count,
    snrDb: frame.csnrDb.configured ?? null,
    noiseVariance: known ? noiseVariance[0]! : null,
    effectiveSnrDb: frame.csnrDb.effective ?? null,
    estimatedSnrDb: frame.csnrDb.estimated,
  };
}

function powerAt(h: Float32Array, k: number): number {
  return h[2 * k]! ** 2 + h[2 * k + 1]! ** 2;
}

/** The mean of |h|² over the symbols of each carrier, by frequency. */
function gainsByCarrier(h: Float32Array, { fftSize, carriers }: TapModel): ScopeFact['carriers'] {
  const sums = new Float64Array(fftSize);
  const counts = new Float64Array(fftSize);
  for (const [k, carrier] of carriers.entries()) {
    sums[carrier]! += powerAt(h, k);
    counts[carrier]!++;
  }
  const lowest = -Math.floor(fftSize / 2);
  const bins = Array.from({ length: fftSize }, (_, i) => lowest + i).filter((bin) => counts.at(bin)! > 0);
  const shown = spread(bins.length, SCOPE_GAINS).map((i) => bins[i]!);
  return {
    frequencies: shown.map((bin) => round(bin / fftSize, 5)),
    gainDb: shown.map((bin) => shownDecibels(sums.at(bin)! / counts.at(bin)!)),
  };
}

/** `most` indices at even distances, or all there are. */
function spread(count: number, most: number): number[] {
  const length = Math.min(count, most);
  return Array.from({ length }, (_, i) => Math.floor((i * count) / length));
}

function pick(values: Float32Array, indices: readonly number[]): Float32Array {
  const picked = new Float32Array(2 * indices.length);
  for (const [i, k] of indices.entries()) {
    picked[2 * i] = values[2 * k]!;
    picked[2 * i + 1] = values[2 * k + 1]!;
  }
  return picked;
}

function rounded(values: Float32Array): number[] {
  return Array.from(values, (value) => round(value, SCOPE_DIGITS));
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
