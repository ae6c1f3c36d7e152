import { describeError } from '@semcast/core';
import type { CompanionFact, CompletedFact, TransmitterFact, TransmitterLiveStatus } from '@semcast/console-messages';
import { waveforms } from '@semcast/phy';
import { allFigures, eachMetric, type QualityReport } from '@semcast/quality';
import { createEventLog, LiveFeed, type EventLog, type Logger, type Metrics } from '@semcast/service';
import type { ClientLink, LinkState } from '@semcast/wire';
import { z } from 'zod';
import type { Album } from './album.js';
import type { TransmitterConfig } from './config.js';
import type { FrameEncoder } from './encode-frame.js';
import type { DecoderOptions } from './frame-request.js';
import type { CompletedFrame, FrameOutcome, PreviewedFrame } from './outcome.js';
import type { StreamControl, StreamSettings } from './stream-control.js';
import { summariseLink } from './status.js';

/** Options of each waveform as JSON Schema, for forms. */
const WAVEFORMS = Object.fromEntries(
  Object.entries(waveforms).map(([name, { optionsSchema }]) => [name, z.toJSONSchema(optionsSchema, { io: 'input' })]),
);

/** Names that the status has. */
const MAX_PHOTOGRAPHS = 1000;

export interface TransmitterLiveParts {
  readonly config: TransmitterConfig;
  readonly stream: string;
  readonly album: Album;
  readonly control: StreamControl;
  readonly metrics: Metrics<'transmitter'>;
  readonly logger: Logger;
}

/** The one place where the transmitter tells what happens: to Prometheus, log, live feed and event log. */
export class TransmitterLive {
  readonly feed = new LiveFeed<TransmitterFact>();
  readonly #parts: TransmitterLiveParts;
  readonly #events: EventLog;
  readonly #wireBytes = { in: 0, out: 0 };
  /** Whether the newest companion was lost: the moment when that changes is an event. */
  #companionLost = false;
  #linked: 'never' | 'open' | 'lost' = 'never';

  constructor(parts: TransmitterLiveParts) {
    this.#parts = parts;
    this.#events = createEventLog({ ...parts, feed: this.feed });
    parts.control.on('change', (settings) => {
      this.#tellSettings(settings);
    });
  }

  /** For {@link ConnectLinkOptions.onTraffic}. */
  countTraffic(direction: 'in' | 'out', bytes: number): void {
    this.#parts.metrics.wireBytes.inc({ direction }, bytes);
    this.#wireBytes[direction] += bytes;
  }

  status(frames: TransmitterLiveStatus['frames'], link: ClientLink, encoder: FrameEncoder): TransmitterLiveStatus {
    const { config, stream, album, control } = this.#parts;
    const { decoderOptions = {}, waveformOptions = {}, csi, ...settings } = control.settings;
    return {
      stream,
      to: config.to,
      link: summariseLink(link.state),
      settings: { ...settings, decoderOptions: { ...decoderOptions }, waveformOptions: { ...waveformOptions } },
      csi,
      waveforms: WAVEFORMS,
      rates: [...encoder.rates],
      photographs: album.names.slice(0, MAX_PHOTOGRAPHS),
      decoders: link.welcome === undefined ? null : [...link.welcome.decoders],
      frames,
      wireBytes: { ...this.#wireBytes },
    };
  }

  /** A preview or an intermediate picture came. */
  tellPreview({ stage: given, ...preview }: PreviewedFrame): void {
    const { frame, name, width, height, decoder, steps, csnrDb, supersedes, endToEndMs } = preview;
    // A final picture is an outcome.
    const stage = given === 'final' ? 'intermediate' : given;
    const picture = { frame, name, width, height, decoder, steps, csnrDb: { ...csnrDb }, supersedes, endToEndMs };
    this.feed.push({ kind: 'partial', stage, ...picture });
  }

  /** A preview was measured, while somebody watches. */
  tellMeasured(frame: number, report: QualityReport): void {
    this.feed.push({ kind: 'measured', frame, figures: allFigures({ ...report, metrics: {} }) });
  }

  /** A frame came to its end. A drop that channel or receiver decided (`decidedHere` false) is counted by reason there. */
  tellOutcome(outcome: FrameOutcome, decidedHere: boolean): void {
    const { metrics, logger } = this.#parts;
    const { kind, stream, frame, name } = outcome;
    metrics.frames.inc({ stage: 'transmitter', outcome: kind });
    if (kind === 'dropped') {
      const { reason, detail } = outcome;
      if (decidedHere) {
        metrics.droppedFrames.inc({ reason });
      }
      this.feed.push({ kind, frame, name, reason });
      if (reason === 'superseded') {
        logger.debug({ stream, frame, name }, 'frame superseded');
        return;
      }
      const message = `a frame ended without a picture: ${reason}`;
      this.#events.record({ event: 'frame-dropped', level: 'warn', message, stream, frame }, { name, reason, detail });
      return;
    }
    const { decoder, lost, endToEndMs, previewPsnrDb, timingsMs } = outcome;
    metrics.endToEndLatency.observe({ decoder }, endToEndMs / 1000);
    metrics.previewPsnr.observe({ decoder }, previewPsnrDb);
    eachMetric((metric) => {
      metrics[`reconstruction.${metric}`].observe({ decoder }, outcome[metric]);
    });
    logger.info(
      { stream, frame, name, decoder, lost, ...allFigures(outcome), endToEndMs, timingsMs },
      'frame completed',
    );
    this.feed.push(completedFact(outcome));
  }

  /** The companion of a frame came back: by the digital link, as another stream. */
  tellCompanion(outcome: CompletedFrame): void {
    const { stream, logger } = this.#parts;
    const { frame, lost, designCsnrDb, csnrDb } = outcome;
    logger.debug({ stream, frame, lost, ...allFigures(outcome), timingsMs: outcome.timingsMs }, 'companion completed');
    this.feed.push(companionFact(outcome));
    const isLost = lost !== undefined;
    if (isLost !== this.#companionLost) {
      this.#companionLost = isLost;
      const metDb = csnrDb.effective ?? csnrDb.estimated;
      const met = metDb === null ? '' : ` at ${metDb.toFixed(1)} dB`;
      const message = `the digital link, sent for ${designCsnrDb.toFixed(1)} dB, ${isLost ? 'lost its picture' : 'brings its picture again'}${met}`;
      const event = isLost ? 'digital-lost' : 'digital-regained';
      this.#events.record({ event, level: isLost ? 'warn' : 'info', message, stream, frame });
    }
  }

  /** The link went up or down. Down is an event once, however often it is tried again. */
  tellLink(state: LinkState): void {
    const { stream, config, metrics, logger } = this.#parts;
    const { to } = config;
    metrics.sessions.set(state.name === 'open' ? 1 : 0);
    if (state.name === 'open') {
      if (this.#linked === 'lost') {
        const message = `the link to ${to} is up again`;
        this.#events.record({ event: 'link-restored', level: 'info', message, stream }, { to });
      } else {
        logger.info({ stream, to }, 'link open');
      }
      this.#linked = 'open';
    } else if (state.name === 'waiting') {
      const { attempt, error } = state;
      const details = { to, attempt, code: error.code };
      if (this.#linked === 'open') {
        this.#linked = 'lost';
        const message = `the link to ${to} went down: ${describeError(error)}`;
        this.#events.record({ event: 'link-lost', level: 'warn', message, stream }, details);
      } else {
        // A line for every attempt would fill the log during a night without a channel.
        logger[attempt === 1 ? 'warn' : 'debug']({ stream, ...details }, describeError(error));
      }
    }
  }

  #tellSettings(settings: StreamSettings): void {
    const { decoder, decoderOptions, cbr, waveform, waveformOptions, fps, paused } = settings;
    const pace = paused ? 'paused' : fps === 0 ? 'as fast as they get through' : `${fps} frames/s`;
    const message = `the stream is ${withOptions(decoder, decoderOptions)}, ${withOptions(waveform, waveformOptions)}, CBR ${cbr}, ${pace}`;
    this.#events.record({ event: 'stream-changed', level: 'info', message, stream: this.#parts.stream });
  }
}

/** `ofdm prefix=8` */
function withOptions(name: string, options: DecoderOptions = {}): string {
  return [name, ...Object.entries(options).map(([option, value]) => `${option}=${value}`)].join(' ');
}

function companionFact(outcome: CompletedFrame): CompanionFact {
  const { frame, name, lost, designCsnrDb, csnrDb, endToEndMs } = outcome;
  return {
    kind: 'companion',
    frame,
    name,
    ...(lost === undefined ? {} : { lost }),
    designCsnrDb,
    csnrDb,
    figures: allFigures(outcome),
    endToEndMs,
  };
}

function completedFact(outcome: CompletedFrame): CompletedFact {
  const { read, encode, credit, air } = outcome.timingsMs;
  return {
    kind: 'completed',
    frame: outcome.frame,
    name: outcome.name,
    width: outcome.width,
    height: outcome.height,
    cbr: outcome.cbr,
    channelUses: outcome.channelUses,
    decoder: outcome.decoder,
    decoderOptions: { ...outcome.decoderOptions },
    waveform: outcome.waveform,
    waveformOptions: { ...outcome.waveformOptions },
    supersedes: outcome.supersedes,
    steps: outcome.steps,
    reducedSteps: outcome.reducedSteps,
    ...(outcome.lost === undefined ? {} : { lost: outcome.lost }),
    figures: allFigures(outcome),
    previewPsnrDb: outcome.previewPsnrDb,
    residual: outcome.residual,
    csnrDb: outcome.csnrDb,
    endToEndMs: outcome.endToEndMs,
    previewLatencyMs: outcome.previewLatencyMs,
    decodeMs: outcome.decodeMs,
    timingsMs: { read, encode, credit, air },
  };
}
