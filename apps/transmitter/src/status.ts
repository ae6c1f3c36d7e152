import { describeError } from '@semcast/core';
import type { ClientLink, LinkState, WelcomeHead } from '@semcast/wire';
import type { TransmitterConfig } from './config.js';
import type { FrameEncoder } from './encode-frame.js';
import type { OutcomeSummary } from './outcome.js';
import type { PhotoSource } from './photo-source.js';
import type { PictureStore, StoredFrame } from './picture-store.js';
import type { StreamControl, StreamSettings } from './stream-control.js';
import type { StreamTotals, Transmitter } from './transmitter.js';

/** The answer of `GET /stream`. */
export interface TransmitterStatus {
  readonly stream: string;
  readonly to: string;
  readonly link: LinkSummary;
  readonly frames: StreamTotals & {
    /** From admission to outcome. */
    readonly inFlight: number;
    /** Waiting to be admitted. */
    readonly queued: number;
    /** Sent, without an acknowledged outcome. */
    readonly unresolved: number;
    /** The receiver's window: how many may be unresolved. */
    readonly credits: number;
  };
  readonly source: {
    readonly photographs: number;
    /** All frames of the source; null for a source without end. */
    readonly frames: number | null;
  };
  /** Those of StreamSettings can be changed by `PUT /stream`. */
  readonly settings: Pick<TransmitterConfig, 'size' | 'sampleFormat' | 'resultFormat' | 'designCsnrDb'> &
    StreamSettings;
  readonly bundle: FrameEncoder['bundle'];
  /** What the receiver said of itself; null before the first welcome. */
  readonly receiver: Pick<WelcomeHead, 'decoders' | 'limits' | 'bundle'> | null;
  /** Why the transmitter can't go on; null when it can. */
  readonly failure: string | null;
  /** The newest outcomes, oldest first. */
  readonly recent: readonly OutcomeSummary[];
  /** The newest frames whose pictures are at `/pictures/FRAME/STAGE`, the one that was sent last at the end. */
  readonly pictures: readonly StoredFrame[];
}

/** A link's state in JSON. */
export interface LinkSummary {
  readonly state: LinkState['name'];
  readonly attempt?: number;
  readonly error?: string;
}

export function summariseLink(state: LinkState): LinkSummary {
  return {
    state: state.name,
    ...('attempt' in state ? { attempt: state.attempt } : {}),
    ...('error' in state && state.error !== undefined ? { error: describeError(state.error) } : {}),
  };
}

export interface StatusParts {
  readonly config: TransmitterConfig;
  readonly link: ClientLink;
  readonly encoder: FrameEncoder;
  readonly source: PhotoSource;
  readonly pictures: PictureStore;
  readonly control: StreamControl;
}

export function transmitterStatus(
  transmitter: Transmitter,
  { config, link, encoder, source, pictures, control }: StatusParts,
): TransmitterStatus {
  const { size, sampleFormat, resultFormat, designCsnrDb } = config;
  const { welcome } = link;
  const frames = transmitter.sourceFrames;
  return {
    stream: transmitter.stream,
    to: config.to,
    link: summariseLink(link.state),
    frames: {
      ...transmitter.totals,
      inFlight: transmitter.inFlight,
      queued: transmitter.queued,
      unresolved: link.unresolved,
      credits: link.window,
    },
    source: { photographs: source.files.length, frames: Number.isFinite(frames) ? frames : null },
    settings: { ...control.settings, size, sampleFormat, resultFormat, designCsnrDb },
    bundle: encoder.bundle,
    receiver:
      welcome === undefined ? null : { decoders: welcome.decoders, limits: welcome.limits, bundle: welcome.bundle },
    failure: transmitter.failure === undefined ? null : describeError(transmitter.failure),
    recent: transmitter.recent,
    pictures: pictures.list(),
  };
}
