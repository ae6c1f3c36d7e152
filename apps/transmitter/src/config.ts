import { describeError, formatCbr, parseCbr } from '@semcast/core';
import { listenSettings, logLevelSchema, secretSchema } from '@semcast/config';
import { waveformNames } from '@semcast/phy';
import { CSI_MODES, MAX_WEIGHT, RESULT_FORMATS, SAMPLE_FORMATS, streamIdSchema } from '@semcast/wire';
import { z } from 'zod';
import { DEFAULT_MAX_DECODE_BYTES } from './read-photo.js';

/** The most frames that one transmitter works on at a time. */
export const MAX_IN_FLIGHT = 256;

/** Whether a digital link runs beside a stream, and for which SNR it sends. */
export const DIGITAL_COMPANIONS = ['off', 'fixed', 'adaptive'] as const;

const cbrSchema = z.string().transform((text, context) => {
  try {
    return formatCbr(parseCbr(text));
  } catch (error) {
    context.addIssue({ code: 'custom', message: describeError(error) });
    return z.NEVER;
  }
});

const plainOptions = z.record(z.string(), z.union([z.number(), z.boolean(), z.string()]));

const webSocketUrl = z.url({ protocol: /^wss?$/, error: 'must be a WebSocket address such as ws://127.0.0.1:7401' });

/** The transmitter's configuration. Descriptions are what `semcast transmitter --help` prints. */
export const transmitterConfigSchema = z.strictObject({
  to: webSocketUrl.default('ws://127.0.0.1:7401').describe('channel (or receiver) to send to'),
  token: secretSchema.optional().describe('shared secret of the channel'),
  stream: streamIdSchema
    .optional()
    .describe('stream id; default: that of the journal, else tx- and four random digits'),

  weight: z
    .int()
    .min(1)
    .max(MAX_WEIGHT)
    .default(1)
    .describe("this stream's part of what its client gets of a busy receiver, against the client's other streams"),

  source: z
    .array(z.string().min(1))
    .max(10_000)
    .optional()
    .describe(
      'image files and folders to stream; default: the demonstration photographs; empty: only what is submitted',
    ),
  loop: z.boolean().default(true).describe('begin again after the last photograph'),
  frames: z
    .int()
    .nonnegative()
    .default(0)
    .describe('end after this many frames, those before a restart counted; 0: no limit'),
  stayUp: z.boolean().default(false).describe('keep serving metrics and status after the last frame'),
  fps: z.number().min(0).max(1000).default(0).describe('frames per second; 0: as fast as credits allow'),
  paused: z.boolean().default(false).describe('begin with the source paused; PUT /stream resumes it'),
  latest: z
    .boolean()
    .default(false)
    .describe('of a source that loops: at a change, the photograph goes once more in place of the frames under way'),
  size: z
    .int()
    .min(0)
    .max(16_384)
    .default(0)
    .describe('short side resized to this, centre-cropped to a square; 0: own size'),

  cbr: cbrSchema
    .optional()
    .describe('channel bandwidth ratio, one of the rates of the bundle; default: the one nearest to 1/24'),
  designCsnrDb: z
    .union([z.number().min(-50).max(100), z.literal('feedback')])
    .default('feedback')
    .describe('channel SNR that the encoder prepares for, in dB; feedback: the newest estimate of the receiver'),
  csi: z
    .enum(CSI_MODES)
    .optional()
    .describe(
      'what the receiver is told of the channel: everything or nothing; default: genie, none where the waveform estimates it',
    ),
  sampleFormat: z.enum(SAMPLE_FORMATS).default('cf32_le').describe('samples on the wire, in the names of SigMF'),
  waveform: z.enum(waveformNames).default('single-carrier').describe('how symbols become samples'),
  waveformOptions: plainOptions.optional().describe('options of the waveform'),
  interleave: z.boolean().default(true).describe('spread neighbouring symbols over the frame'),

  digital: z
    .enum(DIGITAL_COMPANIONS)
    .default('off')
    .describe(
      'while a console watches, photographs go once more by the digital link, to be seen beside the others: ' +
        'fixed: for an SNR of 10 dB; adaptive: for the same SNR as the others; off',
    ),
  decoder: z.string().min(1).max(64).default('jscc').describe('decoder of the receiver'),
  decoderOptions: plainOptions.optional().describe('options of the decoder'),
  deadlineMs: z
    .number()
    .positive()
    .optional()
    .describe('the receiver gives each frame this long; default: no deadline'),
  giveUpMs: z.number().min(0).default(0).describe('drop a frame that has no outcome after this long; 0: wait for ever'),
  resultFormat: z.enum(RESULT_FORMATS).default('png').describe('format in which pictures come back'),

  outputDir: z.string().min(1).optional().describe('folder to write received pictures to'),
  keepOutputs: z
    .int()
    .nonnegative()
    .default(0)
    .describe('received pictures kept in outputDir, the newest ones; 0: all'),
  outputPreviews: z.boolean().default(false).describe('write the preview of each picture beside it, if there is one'),
  keepPictures: z
    .int()
    .min(0)
    .max(MAX_IN_FLIGHT)
    .default(4)
    .describe('finished frames whose pictures can be seen at /pictures, beside those under way; 0: none of either'),
  maxPictureBytes: z
    .int()
    .min(0)
    .default(32 * 1024 ** 2)
    .describe('bytes of all pictures at /pictures'),
  journal: z
    .string()
    .min(1)
    .optional()
    .describe('file that remembers finished frames, so that a restart loses and repeats none'),
  maxJournalBytes: z
    .int()
    .min(4096)
    .default(64 * 1024 ** 2)
    .describe('size at which the journal is rotated to FILE.old'),

  bundle: z.string().min(1).optional().describe('model bundle; default: models/natural'),
  device: z.enum(['cpu', 'cuda']).default('cpu').describe('where the encoder runs'),
  workers: z.int().min(1).max(64).default(1).describe('encoder threads'),
  metricBundles: z.array(z.string().min(1)).max(16).default([]).describe('metric bundles whose distances are measured'),
  qualityWorkers: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('threads that compare pictures, and as many that run metric bundles'),

  maxInFlight: z.int().min(1).max(MAX_IN_FLIGHT).default(16).describe('frames between reading and outcome'),
  prepareAhead: z
    .int()
    .min(1)
    .max(MAX_IN_FLIGHT)
    .default(2)
    .describe(
      'frames read and encoded before there is a credit for them, at least one a worker; 1 keeps them in order',
    ),
  maxInFlightPixels: z
    .int()
    .min(1)
    .default(64_000_000)
    .describe('pixels of all photographs between reading and outcome'),
  maxQueue: z.int().min(0).default(4096).describe('submitted frames that may wait; one more is dropped as queue-full'),
  maxImagePixels: z
    .int()
    .min(1)
    .default(16_777_216)
    .describe('largest picture that is sent; the receiver may allow less'),
  maxFileBytes: z
    .int()
    .min(1)
    .default(512 * 1024 ** 2)
    .describe('largest image file that is read'),
  maxDecodeBytes: z
    .int()
    .min(1)
    .default(DEFAULT_MAX_DECODE_BYTES)
    .describe(
      'memory for decoding photographs at a time, by the pixels of their files; one that takes more is refused',
    ),
  imageTimeoutMs: z
    .int()
    .min(1)
    .max(600_000)
    .default(60_000)
    .describe('how long decoding one image file, a photograph or a result, may take'),
  drainMs: z.number().min(0).max(600_000).default(2000).describe('how long to wait for frames under way when closing'),

  controlToken: secretSchema.optional().describe('bearer token without which PUT /stream is refused'),
  ...listenSettings(7403),
  logLevel: logLevelSchema,
});

/** The validated configuration. */
export type TransmitterConfig = z.output<typeof transmitterConfigSchema>;
/** The configuration as it is written: everything has a default. */
export type TransmitterConfigInput = z.input<typeof transmitterConfigSchema>;
