/**
 * The facts of each service at `GET /feed`: schemas for readers, and types for the services.
 *
 * What else a service tells is left out, so that a newer one may tell more than an older console knows; lists and texts
 * are bounded.
 */
import { z } from 'zod';
import type { LiveService } from './names.js';

const name = z.string().max(256);
const text = z.string().max(4000);
const count = z.int().nonnegative();
const db = z.number();
const milliseconds = z.number().nonnegative();
/** At most this many points of a picture of samples, gains included. */
const MAX_POINTS = 4096;

/** Of a decoder or a waveform. */
const options = z.record(name, z.union([z.number(), z.boolean(), z.string().max(256)]));

const event = z.object({
  kind: z.literal('event'),
  event: name,
  level: z.enum(['info', 'warn', 'error']),
  message: text,
  stream: name.optional(),
  frame: count.optional(),
});

const csnrDb = z.object({
  configured: db.optional(),
  measured: db.optional(),
  effective: db.optional(),
  estimated: db.nullable(),
});

/** What the pictures of a frame have in common. */
const picture = {
  frame: count,
  name,
  width: count,
  height: count,
  decoder: name,
  /** 0 for the preview, and for a decoder of one pass. */
  steps: count,
  csnrDb,
  /** It took the place of frames before it, to show a change. */
  supersedes: z.boolean(),
};

/** Those of the registry of packages/quality, PSNR for certain, and distances of metric bundles, by name. */
const figures = z.record(name, z.number()).and(z.object({ psnrDb: db }));

/** A picture on the way: the preview, or a step of a sampler. */
const partial = z.object({
  kind: z.literal('partial'),
  ...picture,
  stage: z.enum(['preview', 'intermediate']),
  endToEndMs: milliseconds,
});

/** A preview was measured against its original. */
const measured = z.object({ kind: z.literal('measured'), frame: count, figures });

/** A frame that came back as a picture, measured against its original. */
const completed = z.object({
  kind: z.literal('completed'),
  ...picture,
  cbr: name,
  channelUses: count,
  decoderOptions: options,
  waveform: name,
  waveformOptions: options,
  reducedSteps: z.boolean(),
  /** Why a grey picture stands for one that didn't come through. */
  lost: name.optional(),
  figures,
  /** Null where the decoder has one pass only: then `figures.psnrDb` is that of the only picture. */
  previewPsnrDb: db.nullable(),
  residual: z.number().nullable(),
  endToEndMs: milliseconds,
  previewLatencyMs: milliseconds.nullable(),
  decodeMs: milliseconds,
  timingsMs: z.object({ read: milliseconds, encode: milliseconds, credit: milliseconds, air: milliseconds }),
});

/** The same photograph by the digital link, as a stream of its own, beside the frame of that number. */
const companion = z.object({
  kind: z.literal('companion'),
  frame: count,
  name,
  /** Why a grey picture stands for one that didn't come through. */
  lost: name.optional(),
  /** The SNR that it was sent for. */
  designCsnrDb: db,
  csnrDb,
  figures,
  endToEndMs: milliseconds,
});

/** A frame that ended without a picture. */
const dropped = z.object({ kind: z.literal('dropped'), frame: count, name, reason: name });

const transmitterFact = z.discriminatedUnion('kind', [event, partial, measured, completed, companion, dropped]);

/** Settings that may be changed while frames flow; a change takes effect with the next frame. */
const streamSettings = z.object({
  decoder: name,
  decoderOptions: options,
  waveform: name,
  waveformOptions: options,
  cbr: name,
  /** Whether a digital link runs beside the stream while somebody watches, and for which SNR it sends. */
  digital: z.enum(['off', 'fixed', 'adaptive']),
  /** Frames per second; 0 for as fast as they get through. */
  fps: z.number().nonnegative(),
  /** A change is shown in place of the frames under way. */
  latest: z.boolean(),
  /** The photograph that is sent again and again; null: one after the other. */
  photo: name.nullable(),
  paused: z.boolean(),
});

const transmitterStatus = z.object({
  stream: name,
  to: name,
  link: z.object({ state: name, error: text.optional() }),
  settings: streamSettings,
  csi: name,
  /** Options of waveforms as JSON Schema, by name. */
  waveforms: z.record(name, z.unknown()),
  /** Rates of the bundle. */
  rates: z.array(name).max(64),
  /** Photographs that can be chosen. */
  photographs: z.array(name).max(1000),
  /** The decoders that the receiver offers; null before the first welcome. */
  decoders: z.array(name).max(64).nullable(),
  frames: z.object({ completed: count, dropped: count, inFlight: count, queued: count }),
  wireBytes: z.object({ in: count, out: count }),
});

/** Values over frequency or over a frame, in dB, at even distances. */
const curve = z.array(db).max(256);

/** The channel that one frame met, impairments left out, and the samples that the receiver got. */
const response = z.object({
  kind: z.literal('response'),
  stream: name,
  frame: count,
  /** |H(f)|², its mean over the frame, from -1/2 cycle a sample up to 1/2. */
  gainDb: curve,
  /** |h|² over the frame; null where it is constant, and with more than one path. */
  gainOverFrameDb: curve.nullable(),
  /** Paths by their delay in samples: the mean power of each over the frame. */
  taps: z.array(z.object({ delay: count, powerDb: db })).max(128),
  /** Power spectral density of what the receiver got, as `gainDb`; unit power spread evenly is 0. Null for too few samples. */
  spectrumDb: curve.nullable(),
});

const channelFact = z.discriminatedUnion('kind', [event, response]);

/** A model, an impairment or a schedule with its options. */
const named = z.looseObject({ name });

const channelStatus = z.object({
  model: named,
  /** In the order in which they are applied. */
  impairments: z.array(named).max(64),
  snr: named,
  /** Configured SNR of the newest frame, in dB per complex symbol. */
  snrDb: db,
  loss: z.number(),
  seed: count,
  sampleRateHz: z.number(),
  noiseReference: name,
  receiverUrl: name,
  receiverProblem: text.nullable(),
  sessions: count,
  frames: z.object({ forwarded: count, dropped: count }),
  /** Complex samples that have crossed it. */
  channelUses: count,
  /** Options of models, of impairments and of schedules as JSON Schema, by name. */
  models: z.record(name, z.unknown()),
  impairmentChoices: z.record(name, z.unknown()),
  schedules: z.record(name, z.unknown()),
  /** What each preset is, by name. */
  presets: z.record(name, text),
});

/** Where one frame's time went at the receiver. */
const decoded = z.object({
  kind: z.literal('decoded'),
  stream: name,
  frame: count,
  decoder: name,
  /** What the receiver was to know of the channel, by the frame itself: it may change while frames flow. */
  csi: name,
  steps: count,
  /** Null where it isn't known; it may follow as a fact of its own. */
  residual: z.number().nullable(),
  csnrDb,
  timingsMs: z.object({ queue: milliseconds, preview: milliseconds, decode: milliseconds, total: milliseconds }),
  /** Frames that waited when this one was done. */
  queueDepth: count,
  /** Frames that shared the newest run of a network. */
  batchSize: z.number().nonnegative(),
});

/** How well a picture that had gone already explains what was received. */
const residual = z.object({
  kind: z.literal('residual'),
  stream: name,
  frame: count,
  decoder: name,
  residual: z.number().nonnegative(),
});

const points = z.array(z.number()).max(MAX_POINTS);

/** A sample of one frame's symbols and gains, as it arrived: told before the frame is decoded. */
const scope = z.object({
  kind: z.literal('scope'),
  stream: name,
  frame: count,
  /** Received samples, I and Q in turn. */
  received: points,
  /** The same symbols after equalisation, I and Q in turn; null without channel state. */
  equalised: points.nullable(),
  /** How the receiver knows h: by pilots (`estimated`), by the codec's symbols (`blind`), as told, or not at all. */
  source: z.enum(['told', 'estimated', 'blind', 'assumed']),
  /** |h|² in dB, evenly spaced over the frame; null where the gain is 1 or unknown, or where symbols are on carriers. */
  gainDb: points.nullable(),
  /** The mean |h|² of each carrier, of some where there are many; null where all symbols have one carrier. */
  carriers: z
    .object({
      /** In cycles a sample, ascending from -1/2. */
      frequencies: curve,
      gainDb: curve,
    })
    .nullable(),
  /** Complex samples of the whole frame. */
  samples: count,
  /** As the channel was set; null where it doesn't say. */
  snrDb: db.nullable(),
  /** N0 per complex sample; null without channel state. */
  noiseVariance: z.number().nonnegative().nullable(),
  /** After equalisation; null without channel state. */
  effectiveSnrDb: db.nullable(),
  /** Blindly; null with channel state. */
  estimatedSnrDb: db.nullable(),
});

const receiverFact = z.discriminatedUnion('kind', [event, decoded, residual, scope]);

const receiverStatus = z.object({
  /** Options as JSON Schema. */
  decoders: z.array(z.object({ name, summary: text, samples: z.boolean(), options: z.unknown() })).max(64),
  bundle: z.object({
    name,
    version: name,
    digest: name,
    /** Channel SNRs that it was trained for. */
    csnrDb: z.object({ min: db, max: db }),
  }),
  device: name,
  workers: count,
  queue: z.object({ waiting: count, decoding: count }),
  streams: z.array(z.object({ stream: name, agent: name, role: name, csi: name, remoteAddress: name })).max(1000),
});

const answerOf = <Fact extends z.ZodType, Status extends z.ZodType>(fact: Fact, status: Status) =>
  z.object({
    boot: z.string().max(64),
    next: count,
    missed: count,
    items: z.array(z.object({ ageMs: milliseconds, fact })).max(10_000),
    status,
  });

/** The answer of `GET /feed`, by service. */
export const feedAnswerSchemas = {
  transmitter: answerOf(transmitterFact, transmitterStatus),
  channel: answerOf(channelFact, channelStatus),
  receiver: answerOf(receiverFact, receiverStatus),
} as const satisfies Record<LiveService, z.ZodType>;

export type TransmitterFact = z.infer<typeof transmitterFact>;
export type ChannelFact = z.infer<typeof channelFact>;
export type ReceiverFact = z.infer<typeof receiverFact>;
export type TransmitterLiveStatus = z.infer<typeof transmitterStatus>;
export type ChannelLiveStatus = z.infer<typeof channelStatus>;
export type ReceiverLiveStatus = z.infer<typeof receiverStatus>;
export type StreamSettings = z.infer<typeof streamSettings>;
export type MeasuredFact = z.infer<typeof measured>;
export type CompanionFact = z.infer<typeof companion>;
export type PartialFact = z.infer<typeof partial>;
export type CompletedFact = z.infer<typeof completed>;
export type ResponseFact = z.infer<typeof response>;
export type ScopeFact = z.infer<typeof scope>;
export type DecodedFact = z.infer<typeof decoded>;
export type ResidualFact = z.infer<typeof residual>;
export type EventFact = z.infer<typeof event>;

export type FeedAnswerOf<Service extends LiveService> = z.infer<(typeof feedAnswerSchemas)[Service]>;
