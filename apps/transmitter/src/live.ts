import { describeError } from '@semcast/core';
import type { CompletedFact, PartialFact, TransmitterFact, TransmitterLiveStatus } from '@semcast/console-messages';
import { allFigures } from '@semcast/quality';
import { createEventLog, LiveFeed, type EventLog, type Logger, type Metrics } from '@semcast/service';
import type { ClientLink, LinkState } from '@semcast/wire';
import type { TransmitterConfig } from './config.js';
import type { FrameEncoder } from './encode-frame.js';
import type { CompletedFrame, FrameOutcome, PreviewedFrame } from './outcome.js';
import type { StreamControl, StreamSettings } from './stream-control.js';
import { summariseLink } from './status.js';
import type { Transmitter } from './transmitter.js';

export interface TransmitterLiveParts {
  readonly config: TransmitterConfig;
  readonly stream: string;
  readonly control: StreamControl;
  readonly metrics: Metrics<'transmitter'>;
  readonly logger: Logger;
}

/** What the transmitter tells whoever watches it, and its notable moments. */
export class TransmitterLive {
  readonly feed = new LiveFeed<TransmitterFact>();
  readonly #parts: TransmitterLiveParts;
  readonly #events: EventLog;
  readonly #wireBytes = { in: 0, out: 0 };
  #linked: 'never' | 'open' | 'lost' = 'never';

  constructor(parts: TransmitterLiveParts) {
    this.#parts = parts;
    const { logger, metrics, control } = parts;
    this.#events = createEventLog({
      logger,
      counter: metrics.events,
      onEvent: (event) => {
        this.feed.push({ kind: 'event', ...event });
      },
    });
    control.on('change', (settings) => {
      this.#noteSettings(settings);
    });
  }

  /** For {@link ConnectLinkOptions.onTraffic}. */
  countTraffic(direction: 'in' | 'out', bytes: number): void {
    this.#parts.metrics.wireBytes.inc({ direction }, bytes);
    this.#wireBytes[direction] += bytes;
  }

  watch(transmitter: Transmitter): void {
    transmitter.on('preview', (preview) => {
      this.feed.push(partialFact(preview));
    });
    transmitter.on('outcome', (outcome) => {
      this.#noteOutcome(outcome);
    });
    transmitter.on('state', (state) => {
      this.#noteLink(state);
    });
  }

  status(transmitter: Transmitter, link: ClientLink, encoder: FrameEncoder): TransmitterLiveStatus {
    const { config, stream, control } = this.#parts;
    const { decoderOptions = {}, ...settings } = control.settings;
    const { completed, dropped } = transmitter.totals;
    return {
      stream,
      to: config.to,
      link: summariseLink(link.state),
      settings: { ...settings, decoderOptions: { ...decoderOptions } },
      csi: config.csi,
      rates: [...encoder.rates],
      decoders: link.welcome === undefined ? null : [...link.welcome.decoders],
      frames: { completed, dropped, inFlight: transmitter.inFlight, queued: transmitter.queued },
      wireBytes: { ...this.#wireBytes },
    };
  }

  #noteOutcome(outcome: FrameOutcome): void {
    if (outcome.kind === 'completed') {
      this.feed.push(completedFact(outcome));
      return;
    }
    const { frame, name, reason } = outcome;
    this.feed.push({ kind: 'dropped', frame, name, reason });
    const { stream } = this.#parts;
    const words = `a frame ended without a picture: ${reason}`;
    this.#events.note({ event: 'frame-dropped', level: 'warn', words, stream, frame });
  }

  /** Down is told once, however often it is tried again. */
  #noteLink(state: LinkState): void {
    const { stream, config } = this.#parts;
    if (state.name === 'open') {
      if (this.#linked === 'lost') {
        const words = `the link to ${config.to} is up again`;
        this.#events.note({ event: 'link-restored', level: 'info', words, stream });
      }
      this.#linked = 'open';
    } else if (state.name === 'waiting' && this.#linked === 'open') {
      this.#linked = 'lost';
      const words = `the link to ${config.to} went down: ${describeError(state.error)}`;
      this.#events.note({ event: 'link-lost', level: 'warn', words, stream });
    }
  }

  #noteSettings({ decoder, decoderOptions, cbr, fps, paused }: StreamSettings): void {
    const options = Object.entries(decoderOptions ?? {}).map(([name, value]) => ` ${name}=${value}`);
    const pace = paused ? 'paused' : fps === 0 ? 'as fast as they get through' : `${fps} frames/s`;
    const words = `the stream is ${decoder}${options.join('')}, CBR ${cbr}, ${pace}`;
    this.#events.record({ event: 'stream-changed', level: 'info', words, stream: this.#parts.stream });
  }
}

function partialFact({ frame, name, stage, decoder, steps, width, height }: PreviewedFrame): PartialFact {
  // A final picture is an outcome.
  return {
    kind: 'partial',
    frame,
    name,
    stage: stage === 'final' ? 'intermediate' : stage,
    decoder,
    steps,
    width,
    height,
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
    steps: outcome.steps,
    reducedSteps: outcome.reducedSteps,
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
