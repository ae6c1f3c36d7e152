/** Messages of the console's server to its pages over the WebSocket `/live`, as JSON. */
import { otherMetrics } from '@semcast/quality';
import type {
  ChannelLiveStatus,
  CompletedFact,
  EventFact,
  PartialFact,
  ReceiverLiveStatus,
  ResponseFact,
  ScopeFact,
  TransmitterLiveStatus,
} from './facts.js';
import type { LiveService, PictureStage } from './names.js';

/** A row of figures; null where there was none. The first is the time, in milliseconds since 1970 of the console's host. */
export type Row = readonly (number | null)[];

/** Another version than the page's own means that the page is old: it loads itself again. */
export const LIVE_VERSION = 6;

/** Curves, by table: the columns behind the time. Units are in the names, where there are any. */
export const TABLES = {
  /** One row a frame of the transmitter that is watched. */
  quality: [
    'snrConfiguredDb',
    'snrEffectiveDb',
    'snrEstimatedDb',
    'psnrPreviewDb',
    'psnrRefinedDb',
    ...otherMetrics.map(({ name }) => name),
    'encodeMs',
    'airMs',
    'previewMs',
    'endToEndMs',
  ],
  /** One row a frame of the transmitter that is watched, when its residual is known: with its picture, later, or never. */
  residuals: ['residual'],
  /** One row a frame of the receiver, whatever stream it is of, companions left out. */
  decoding: ['queueMs', 'decodeMs', 'totalMs', 'queueDepth', 'batchSize'],
  /** One row a second. */
  rates: ['framesPerSecond', 'channelUsesPerSecond', 'wireBytesPerSecond'],
} as const;
export type TableName = keyof typeof TABLES;

/** Whether a service answers. */
export interface ServiceState {
  readonly state: 'unknown' | 'here' | 'away';
  /** Since when, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** Why it is away; empty when it isn't. */
  readonly message: string;
  readonly url: string;
}

/** An event as the page shows it. */
export interface ShownEvent extends Readonly<Pick<EventFact, 'event' | 'level' | 'message'>> {
  readonly id: number;
  readonly atMs: number;
  readonly service: LiveService | 'console';
  /** How often the like of it happened since `atMs`. */
  readonly times: number;
}

/** SNRs of a frame in dB: as the channel was set, after equalisation, estimated; null where there is none. */
export interface FrameSnr {
  readonly snrDb: number | null;
  readonly effectiveSnrDb: number | null;
  readonly estimatedSnrDb: number | null;
}

/** A picture, and what belongs to it: pictures that stand side by side may be of different frames. */
export interface ShownPicture extends Readonly<Pick<PartialFact, 'frame' | 'decoder' | 'steps'>>, FrameSnr {
  readonly stage: PictureStage;
  /** A path on the console's own server. */
  readonly url: string;
  /** By name; null before it has been measured. */
  readonly figures: CompletedFact['figures'] | null;
  /** Null where it isn't known. */
  readonly residual: number | null;
  /** From reading the photograph to this picture; null for the original. */
  readonly endToEndMs: number | null;
  /** Of a companion by the digital link: the SNR in dB that it was sent for, and whether it is a grey one for a lost one. */
  readonly digital?: { readonly designCsnrDb: number; readonly lost: boolean };
}

/** The photograph that is shown, by the frame that is followed. */
export interface ShownFrame extends Readonly<Pick<PartialFact, 'frame' | 'name' | 'width' | 'height' | 'decoder'>> {
  /** Nothing more comes of the frame. */
  readonly done: boolean;
  /** At most one of each stage. Those after the preview may be of an earlier frame of the photograph, until there are newer ones. */
  readonly pictures: readonly ShownPicture[];
}

/** A frame of the past, with a small picture of it. */
export interface GalleryEntry extends Pick<ShownFrame, 'frame' | 'name' | 'decoder'>, FrameSnr {
  readonly id: number;
  readonly url: string;
  readonly steps: number;
  readonly psnrDb: number;
}

/** All that is known of a frame of the past: `GET /frames/ID`. */
export interface FrameRecord
  extends
    Pick<ShownFrame, 'frame' | 'name' | 'width' | 'height' | 'decoder' | 'pictures'>,
    FrameSnr,
    Readonly<
      Pick<
        CompletedFact,
        'cbr' | 'channelUses' | 'steps' | 'reducedSteps' | 'decoderOptions' | 'waveform' | 'waveformOptions' | 'figures'
      >
    > {
  /** When it came back, milliseconds since 1970. */
  readonly atMs: number;
  readonly residual: number | null;
  /** As it was when the frame came back. */
  readonly channel: Sections['channel'];
}

/** A stream that the receiver has seen lately. */
export interface StreamRow
  extends Readonly<Omit<ReceiverLiveStatus['streams'][number], 'role'>>, Omit<FrameSnr, 'snrDb'> {
  readonly residual: number | null;
  readonly linked: boolean;
  readonly decoder: string;
  /** Frames decoded since the console has been watching. */
  readonly frames: number;
  readonly framesPerSecond: number;
  readonly totalMs: number | null;
}

/** The available choices, options as JSON Schema. They hardly ever change. */
export interface Offers {
  readonly models: Readonly<Record<string, unknown>>;
  readonly impairmentChoices: Readonly<Record<string, unknown>>;
  readonly schedules: Readonly<Record<string, unknown>>;
  /** Of the channel: what each is, by name. */
  readonly presets: Readonly<Record<string, string>>;
  readonly decoders: ReceiverLiveStatus['decoders'];
  readonly waveforms: TransmitterLiveStatus['waveforms'];
}

/** Everything but the curves and the events: small, and sent whole when it changes. */
export interface Sections {
  readonly services: Readonly<Record<LiveService, ServiceState>>;
  readonly transmitter: Omit<TransmitterLiveStatus, 'waveforms'> | null;
  readonly channel: Omit<ChannelLiveStatus, 'models' | 'impairmentChoices' | 'schedules' | 'presets'> | null;
  readonly receiver: Omit<ReceiverLiveStatus, 'decoders' | 'streams'> | null;
  readonly offers: Offers;
  readonly shown: ShownFrame | null;
  readonly gallery: readonly GalleryEntry[];
  readonly streams: readonly StreamRow[];
  readonly scope: ScopeFact | null;
  /** What the channel did to the frame of `scope`; null where no channel tells. */
  readonly response: ResponseFact | null;
}

/** Rows and events that are new, and the sections that changed. */
export interface LiveDelta {
  readonly type: 'delta';
  readonly sections: Partial<Sections>;
  readonly tables: Partial<Record<TableName, readonly Row[]>>;
  readonly events: readonly ShownEvent[];
  /** Of the console's host, milliseconds since 1970: pages have clocks of their own. */
  readonly nowMs: number;
}

/** The whole state: the first message of a page. */
export interface LiveSnapshot {
  readonly type: 'snapshot';
  readonly version: number;
  /** Changing things takes a token. */
  readonly needsToken: boolean;
  readonly sections: Sections;
  readonly tables: Readonly<Record<TableName, readonly Row[]>>;
  readonly events: readonly ShownEvent[];
  readonly nowMs: number;
}

export type LiveMessage = LiveSnapshot | LiveDelta;

/** Rows of a curve that server and page keep. */
export const TABLE_ROWS = 1200;
/** Events that they keep. */
export const KEPT_EVENTS = 120;
/** Frames in the gallery. */
export const GALLERY_FRAMES = 24;

/** The state of a page. Curves by column, as plots want them; the time is the first. */
export interface LiveView extends Pick<LiveSnapshot, 'sections' | 'tables' | 'events' | 'needsToken'> {
  /** What the page's clock is behind that of the console's host, in milliseconds. */
  readonly clockOffsetMs: number;
}

/**
 * The state of a page after a message; its size is bounded.
 *
 * @param view null before the first snapshot
 * @param pageNowMs the page's own clock, milliseconds since 1970
 */
export function applyMessage(view: LiveView | null, message: LiveMessage, pageNowMs: number): LiveView | null {
  const clockOffsetMs = message.nowMs - pageNowMs;
  if (message.type === 'snapshot') {
    const { sections, tables, events, needsToken } = message;
    return { sections, tables, events, needsToken, clockOffsetMs };
  }
  if (view === null) {
    return null;
  }
  const tables = { ...view.tables };
  for (const [name, rows] of Object.entries(message.tables) as [TableName, readonly Row[]][]) {
    tables[name] = [...tables[name], ...rows].slice(-TABLE_ROWS);
  }
  const changed = new Set(message.events.map(({ id }) => id));
  return {
    ...view,
    sections: { ...view.sections, ...message.sections },
    tables,
    events:
      changed.size === 0
        ? view.events
        : [...view.events.filter(({ id }) => !changed.has(id)), ...message.events]
            .sort((a, b) => a.id - b.id)
            .slice(-KEPT_EVENTS),
    clockOffsetMs,
  };
}
