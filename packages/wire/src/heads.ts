/**
 * The heads of all messages: one strict zod schema a kind, and the types that follow from them.
 *
 * Every string, list and number is bounded here, so nothing that a peer sends can be large before it is known to be
 * wanted. Its texts are made fit for terminals here, wherever they are shown later. Payloads are described where they
 * belong: in `frame` (samples) and `result` (an image); the other kinds have none.
 */
import { gainCount, parseCbr, printable } from '@semcast/core';
import { z } from 'zod';
import { PROTOCOL_VERSION } from './limits.js';

/** Sample formats, named as in SigMF: complex float32, and complex int16 with a scale. */
export const SAMPLE_FORMATS = ['cf32_le', 'ci16_le'] as const;
export type SampleFormat = (typeof SAMPLE_FORMATS)[number];

/** What the receiver knows of the channel: its true state, or nothing. */
export const CSI_MODES = ['genie', 'none'] as const;
export type CsiMode = (typeof CSI_MODES)[number];

/** How images come back: `raw` is R, G, B interleaved, 8 bits each. */
export const RESULT_FORMATS = ['png', 'webp', 'raw'] as const;
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/** A frame has any number of previews and intermediate results, and one final result or one drop. */
export const RESULT_STAGES = ['preview', 'intermediate', 'final'] as const;
export type ResultStage = (typeof RESULT_STAGES)[number];

export const LINK_ROLES = ['transmitter', 'channel'] as const;

/** Why a frame ended without a result. Also the label `reason` of `semcast_dropped_frames_total`. */
export const DROP_REASONS = [
  'channel-loss',
  'invalid-frame',
  'unknown-decoder',
  'unknown-rate',
  'image-too-large',
  'wrong-bundle',
  'queue-full',
  'too-many-steps',
  'deadline',
  'cancelled',
  'superseded',
  'decode-failed',
  'shutting-down',
  'encode-failed',
  'unreadable-image',
  'gave-up',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/**
 * Why a digital picture didn't come through its channel code: errors were left in its transport block; so few bits fit
 * that no picture did; or the block came through and holds none. Also the label `reason` of
 * `semcast_lost_pictures_total`.
 */
export const LOST_REASONS = ['block-error', 'does-not-fit', 'undecodable'] as const;
export type LostReason = (typeof LOST_REASONS)[number];

/** The longest `detail`, `message` and `remedy` that a head may carry, in UTF-16 units. */
export const MAX_TEXT_LENGTH = 2000;
/** The most unresolved frames that a receiver may allow one stream. */
export const MAX_CREDITS = 65_536;
/** The longest side of an image that a head may name, in pixels; what a service takes is its own, lower limit. */
export const MAX_IMAGE_SIDE = 1_000_000;

/** The most that a stream may weigh against others of its client. */
export const MAX_WEIGHT = 16;

/** The most carriers of an estimated channel that a result tells. */
export const MAX_TOLD_CARRIERS = 64;

/** The most paths that a channel may have. */
export const MAX_TAPS = 256;

/** A text of a peer, of bounded length, with control characters replaced. */
const textUpTo = (maxLength: number) => z.string().max(maxLength).transform(printable);
const name = z.string().min(1).max(64).transform(printable);
const text = textUpTo(MAX_TEXT_LENGTH);
const count = z.int().nonnegative();
const positiveCount = z.int().positive();
const side = z.int().positive().max(MAX_IMAGE_SIDE);
const milliseconds = z.number().nonnegative();
const credits = z.int().min(1).max(MAX_CREDITS);
const protocol = z.literal(PROTOCOL_VERSION);

/** Names a stream: 1 to 64 of `A-Z a-z 0-9 . _ -`. */
export const streamIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, 'a stream id has 1 to 64 letters, digits, ".", "_" or "-"');
/** Numbers a frame within its stream: 0 … 2^53 - 1. */
export const frameNumberSchema = count;
/**
 * Names one run of a client, so that a restarted client that counts from 0 again isn't taken for a resend. A secret of
 * the client and its servers: it lets a new link take over the stream from one that is there.
 */
export const runIdSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);

/** Options of what the receiver has in a registry, which checks them. */
const options = z
  .record(z.string().min(1).max(64), z.union([z.number(), z.string().max(256), z.boolean()]))
  .refine((given) => Object.keys(given).length <= 32, 'at most 32 options')
  .optional();

const cbr = z.string().max(32).refine(isCbr, 'a channel bandwidth ratio is a fraction below one, as in 1/24');

function isCbr(value: string): boolean {
  try {
    parseCbr(value);
    return true;
  } catch {
    return false;
  }
}

export const helloSchema = z.strictObject({
  protocol,
  token: z.string().max(1024).optional(),
  stream: streamIdSchema,
  run: runIdSchema,
  /** Rises with every connection of a run, so that a hello which arrives late can be told from the newest one. */
  attempt: count,
  role: z.enum(LINK_ROLES),
  /** The client for which a channel opens the link: the address from which that client came. */
  client: name.optional(),
  /** Its part of what its client gets, against 1 of a stream that says nothing. */
  weight: z.int().min(1).max(MAX_WEIGHT).optional(),
  agent: textUpTo(64),
  decoder: name,
  csi: z.enum(CSI_MODES),
  sampleFormat: z.enum(SAMPLE_FORMATS),
  result: z.strictObject({ format: z.enum(RESULT_FORMATS) }),
});

export const welcomeSchema = z.strictObject({
  protocol,
  credits,
  limits: z.strictObject({ maxPayloadBytes: positiveCount, maxImagePixels: positiveCount }),
  decoders: z.array(name).max(64),
  bundle: z.strictObject({ name: textUpTo(128), version: textUpTo(64), digest: textUpTo(128) }),
});

/** How samples lie in a payload. `ci16_le`: value = integer · scale. */
export const samplesSchema = z.discriminatedUnion('format', [
  z.strictObject({ format: z.literal('cf32_le'), count: positiveCount }),
  z.strictObject({ format: z.literal('ci16_le'), count: positiveCount, scale: z.number().positive() }),
]);

export const impairmentSchema = z.strictObject({
  model: name,
  /** Configured channel SNR in dB per complex symbol. */
  snrDb: z.number(),
  seed: count,
  /** N0 per complex sample; only with genie channel state. */
  noiseVariance: z.number().nonnegative().optional(),
  /**
   * Paths of the channel, genie only; absent where the gain is always 1. Their gains are cf32_le behind the samples, in
   * this order: that of sample k is gains[floor(k / coherence)].
   */
  taps: z
    .array(z.strictObject({ delay: count, coherence: positiveCount, count: positiveCount }))
    .min(1)
    .max(MAX_TAPS)
    .optional(),
});

export const frameSchema = z
  .strictObject({
    stream: streamIdSchema,
    frame: frameNumberSchema,
    width: side,
    height: side,
    cbr,
    channelUses: positiveCount,
    designCsnrDb: z.number(),
    decoder: name,
    decoderOptions: options,
    deadlineMs: z.number().positive().optional(),
    /** Frames of the stream with lower numbers are wanted no more, where it costs anything to finish them. */
    supersedes: z.boolean().optional(),
    csi: z.enum(CSI_MODES),
    waveform: name,
    waveformOptions: options,
    /** Whether the symbols were interleaved before the waveform took them. */
    interleaved: z.boolean(),
    samples: samplesSchema,
    impairment: impairmentSchema.optional(),
    bundleDigest: z.string().min(1).max(128).transform(printable),
  })
  .superRefine((head, context) => {
    const { impairment } = head;
    if (impairment === undefined) {
      return;
    }
    const complain = (path: readonly PropertyKey[], message: string): void => {
      context.addIssue({ code: 'custom', path: ['impairment', ...path], message });
    };
    const { taps = [], noiseVariance } = impairment;
    if (head.csi !== 'genie' && (taps.length > 0 || noiseVariance !== undefined)) {
      complain([], 'taps and noiseVariance are for genie channel state only');
    }
    if (taps.length > 0 && noiseVariance === undefined) {
      complain(['noiseVariance'], 'taps come with a noiseVariance');
    }
    for (const [i, { coherence, count: gains }] of taps.entries()) {
      // Checks of the whole run beside those of its parts, which refuse any other coherence.
      if (!(coherence >= 1)) {
        continue;
      }
      const needed = gainCount(head.samples.count, coherence);
      if (gains !== needed) {
        complain(
          ['taps', i, 'count'],
          `${head.samples.count} samples with coherence ${coherence} have ${needed} gains`,
        );
      }
    }
  });

export const resultSchema = z.strictObject({
  stream: streamIdSchema,
  frame: frameNumberSchema,
  stage: z.enum(RESULT_STAGES),
  decoder: name,
  image: z.strictObject({ format: z.enum(RESULT_FORMATS), width: side, height: side }),
  /** Sampler steps spent; 0 for a one-pass decoder. */
  steps: count,
  /** Never mixed (docs/definitions.md): where h and N0 were told, `effective` is known and nothing is estimated. */
  csnrDb: z.strictObject({
    configured: z.number().optional(),
    measured: z.number().optional(),
    effective: z.number().optional(),
    estimated: z.number().nullable(),
  }),
  /** mean|y - h·E(x̂)|² / noise variance. */
  residual: z.number().nonnegative().nullable(),
  /** The channel as the receiver estimated it, where it did: the mean gain, I and Q in turn, of some carriers of a band. */
  estimate: z
    .strictObject({
      fftSize: positiveCount,
      carriers: z.array(count).min(1).max(MAX_TOLD_CARRIERS),
      gains: z.array(z.number()).max(2 * MAX_TOLD_CARRIERS),
    })
    .refine(({ carriers, gains }) => gains.length === 2 * carriers.length, 'each carrier has a complex gain')
    .optional(),
  timingsMs: z.strictObject({
    queue: milliseconds,
    preview: milliseconds,
    /** The part of `decode` from the first sampler step to the last; absent where there is no sampler. */
    sampling: milliseconds.optional(),
    decode: milliseconds,
    /** From the last picture to the departure of the final result; queue, decode and deliver sum to total. */
    deliver: milliseconds.optional(),
    total: milliseconds,
  }),
  /** Runs of networks that the sampler spent on this frame; absent where there is no sampler. */
  evaluations: count.optional(),
  reducedSteps: z.boolean().optional(),
  /** The picture didn't come through: a grey one stands for it. Of the decoder `digital`; absent where it did. */
  lost: z.enum(LOST_REASONS).optional(),
});

export const dropSchema = z.strictObject({
  stream: streamIdSchema,
  frame: frameNumberSchema,
  reason: z.enum(DROP_REASONS),
  detail: text,
});

export const ackSchema = z.strictObject({ stream: streamIdSchema, frame: frameNumberSchema });
export const creditSchema = z.strictObject({ credits });
export const errorSchema = z.strictObject({ code: name, message: text, remedy: text });
export const byeSchema = z.strictObject({ stream: streamIdSchema });

/** client → server, the first message of a link. */
export type HelloHead = z.infer<typeof helloSchema>;
/** server → client, the answer to a hello. */
export type WelcomeHead = z.infer<typeof welcomeSchema>;
/** How the samples of a frame lie in its payload. */
export type SamplesHead = z.infer<typeof samplesSchema>;
/** What the channel did to a frame. */
export type ImpairmentHead = z.infer<typeof impairmentSchema>;
/** client → server: one image as IQ samples. */
export type FrameHead = z.infer<typeof frameSchema>;
/** server → client: one decoded image. */
export type ResultHead = z.infer<typeof resultSchema>;
/** server → client: a frame ended without an image. */
export type DropHead = z.infer<typeof dropSchema>;
/** client → server: the final result or the drop has arrived and may be forgotten. */
export type AckHead = z.infer<typeof ackSchema>;
/** Why the link is about to be closed. */
export type ErrorHead = z.infer<typeof errorSchema>;

/** The kinds of messages and their numbers in the prefix. */
export const MESSAGE_KINDS = {
  hello: 1,
  welcome: 2,
  frame: 3,
  result: 4,
  drop: 5,
  ack: 6,
  credit: 7,
  error: 8,
  bye: 9,
} as const;

export type MessageKind = keyof typeof MESSAGE_KINDS;

export const HEAD_SCHEMAS = {
  hello: helloSchema,
  welcome: welcomeSchema,
  frame: frameSchema,
  result: resultSchema,
  drop: dropSchema,
  ack: ackSchema,
  credit: creditSchema,
  error: errorSchema,
  bye: byeSchema,
} as const satisfies Record<MessageKind, z.ZodType>;

/** The head that belongs to each kind. */
export type Heads = { readonly [Kind in MessageKind]: z.infer<(typeof HEAD_SCHEMAS)[Kind]> };

/**
 * One decoded message; `kind` tells which head it has. The payload may be a view into what the socket delivered:
 * read it through {@link readIq} or as bytes, not as a Float32Array of your own.
 */
export type WireMessage = {
  readonly [Kind in MessageKind]: { readonly kind: Kind; readonly head: Heads[Kind]; readonly payload: Uint8Array };
}[MessageKind];

/** The message of one kind, or of several. */
export type MessageOf<Kind extends MessageKind> = Extract<WireMessage, { readonly kind: Kind }>;

export type FrameMessage = MessageOf<'frame'>;
export type ResultMessage = MessageOf<'result'>;
