import { availableParallelism } from 'node:os';
import { PRECISIONS } from '@semcast/bundle';
import { consoleConfigSchema } from '@semcast/console-server';
import { MAX_STEPS, MIN_STEPS } from '@semcast/posterior';
import type { SchedulerOptionsInput } from '@semcast/scheduler';
import { listenSettings, logLevelSchema, secretSchema } from '@semcast/config';
import { linkSettings, MAX_CREDITS } from '@semcast/wire';
import { z } from 'zod';
import { decoderNames } from './decoders/registry.js';

/**
 * The most pixels of a frame by default: 4096 × 4096. A decode takes about 250 bytes of memory a pixel, so two workers
 * stay below 9 GB even at this limit, and its samples fit the default payload limit at every rate.
 */
export const DEFAULT_MAX_IMAGE_PIXELS = 4096 * 4096;

/** What a process of the receiver does. */
export const ROLES = ['all', 'ingest', 'decode'] as const;
/** The queue that needs no server. */
export const EMBEDDED = 'embedded';

/** A majority of them has to be there. */
const REPLICAS = [1, 3, 5];

function isQueue(value: string): boolean {
  return (
    value === EMBEDDED || value.split(',').every((url) => /^(nats|tls):\/\/[^/]+\/?$/.test(url) && URL.canParse(url))
  );
}

/** Upper limit of `maxMinSteps`: the most steps that a sampler takes. */
export const MAX_MIN_STEPS = MAX_STEPS;

/** The configuration of the receiver: every option, its default and its meaning. */
export const receiverConfigSchema = z
  .strictObject({
    ...listenSettings(7402),
    role: z
      .enum(ROLES)
      .default('all')
      .describe('ingest has the links, decode the networks, all both; ingest and decode meet at a queue'),
    queue: z
      .string()
      .max(4096)
      .default(EMBEDDED)
      .refine(
        isQueue,
        'must be "embedded", or servers of NATS such as nats://user:password@host:4222,nats://host2:4222',
      )
      .describe('where frames wait: embedded (in this process), or the address of a NATS server with JetStream'),
    queueReplicas: z
      .int()
      .refine((replicas) => REPLICAS.includes(replicas), `must be one of ${REPLICAS.join(', ')}`)
      .default(1)
      .describe('copies of what is in the queue, each on a server of its cluster: with 3 one may be lost, with 5 two'),
    redeliverAfterMs: z
      .int()
      .min(500)
      .max(600_000)
      .default(10_000)
      .describe('how long a worker at a NATS queue may be silent before its frames are given to others'),
    token: secretSchema.optional().describe('token that clients must send; without it anyone may connect'),
    bundle: z.string().min(1).optional().describe('folder of the model bundle; default: models/natural'),
    device: z.enum(['cpu', 'cuda']).default('cpu').describe('where the networks run'),
    precision: z
      .enum(PRECISIONS)
      .default('float32')
      .describe('of the denoisers on a CPU: int8 is about twice as fast, off by a level or two of 255'),
    workers: z
      .int()
      .min(1)
      .max(256)
      .optional()
      .describe('threads that run networks; default: one for each core, one on cuda'),
    workerRetryMs: z
      .int()
      .min(10)
      .max(3_600_000)
      .default(30_000)
      .describe('longest pause between two tries to replace a thread that died'),
    maxRunMs: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(300_000)
      .describe('longest run of a network; one that takes longer fails, and its thread is replaced'),
    decoders: z
      .array(z.enum(decoderNames))
      .min(1)
      .optional()
      .describe(
        'decoders to offer, and to load networks for; by default all that the bundle has networks for (on a CPU those that not every frame needs are then loaded when one does)',
      ),
    buckets: z
      .array(z.int().min(1).max(1024))
      .min(1)
      .max(32)
      .optional()
      .describe('sizes that batches are padded to, rising from 1; default: [1] on a CPU, [1, 2, 4, 8, 16] on cuda'),
    warmUp: z.boolean().default(true).describe('run each network before the first frame, to measure its time'),
    residual: z
      .boolean()
      .default(true)
      .describe(
        'encode decoded pictures again and report how well they explain what was received, when a worker has nothing better to do: in metrics and console',
      ),
    residualFirst: z
      .boolean()
      .default(false)
      .describe(
        'measure the residual before a picture is sent, so that every result carries it; it comes later for that',
      ),
    outputDir: z.string().min(1).optional().describe('folder to write every decoded picture to'),
    ...linkSettings,
    maxStreams: z
      .int()
      .min(1)
      .max(100_000)
      .default(64)
      .describe('most streams, with a link or remembered without one; each has one link at a time'),
    creditsPerStream: z.int().min(1).max(MAX_CREDITS).default(8).describe('most unresolved frames of one stream'),
    maxQueue: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(64)
      .describe('most unresolved frames of all streams; the credits given out never sum to more'),
    maxQueueBytes: z
      .int()
      .min(1024)
      .max(2 ** 40)
      .default(2 ** 30)
      .describe('most bytes of received samples held for frames that wait or are being decoded'),
    maxBacklogMs: z
      .number()
      .positive()
      .max(86_400_000)
      .default(600_000)
      .describe(
        'longest time that all unresolved frames may need at their fewest steps; a frame of a stream that has more than its share of it is refused then',
      ),
    maxMinSteps: z
      .int()
      .min(MIN_STEPS)
      .max(MAX_MIN_STEPS)
      .default(100)
      .describe(
        'most steps that a frame may insist on, as its minSteps; what it asks for beyond, it gets when there is time',
      ),
    targetWaitMs: z
      .number()
      .positive()
      .max(86_400_000)
      .default(60_000)
      .describe('wait above which frames without a deadline get fewer steps, down to their minSteps'),
    maxDecodingPixels: z
      .int()
      .min(1)
      .max(2 ** 40)
      .optional()
      .describe(
        'most pixels of all frames that have begun to be decoded; others wait. Twice maxImagePixels by default',
      ),
    maxImagePixels: z
      .int()
      .min(1)
      .max(2 ** 31 - 1)
      .default(DEFAULT_MAX_IMAGE_PIXELS)
      .describe('most pixels of a picture; a decode takes about 250 bytes of memory for each'),
    streamIdleTtlMs: z
      .int()
      .min(0)
      .max(86_400_000)
      .default(120_000)
      .describe('how long a stream without a link is remembered, with its finished results'),
    drainMs: z
      .int()
      .min(0)
      .max(600_000)
      .default(0)
      .describe(
        'how long frames that have begun may go on when the receiver is told to end; others are for another receiver at once',
      ),
    console: consoleConfigSchema.prefault({}).describe('the console page that this receiver serves'),
    logLevel: logLevelSchema,
  })
  .superRefine((config, context) => {
    if (config.role !== 'all' && config.queue === EMBEDDED) {
      context.addIssue({
        code: 'custom',
        path: ['queue'],
        message: `is embedded, which has no other process: role ${config.role} needs a NATS server, as in nats://127.0.0.1:4222`,
      });
    }
    if (config.maxStreams > config.maxQueue) {
      context.addIssue({
        code: 'custom',
        path: ['maxQueue'],
        message: `is ${config.maxQueue}, but each of maxStreams (${config.maxStreams}) streams needs one place`,
      });
    }
    if (config.maxDecodingPixels !== undefined && config.maxDecodingPixels < config.maxImagePixels) {
      context.addIssue({
        code: 'custom',
        path: ['maxDecodingPixels'],
        message: `is ${config.maxDecodingPixels}, too few for one picture of maxImagePixels (${config.maxImagePixels})`,
      });
    }
    if (config.buckets?.[0] !== undefined && !risesFromOne(config.buckets)) {
      context.addIssue({ code: 'custom', path: ['buckets'], message: 'must rise from 1' });
    }
    if (config.device === 'cuda' && config.workers !== undefined && config.workers !== 1) {
      context.addIssue({ code: 'custom', path: ['workers'], message: 'must be 1 on cuda' });
    }
    if (config.device === 'cuda' && config.precision === 'int8') {
      context.addIssue({ code: 'custom', path: ['precision'], message: 'must be float32 on cuda: int8 is for CPUs' });
    }
  });

export type ReceiverConfig = z.output<typeof receiverConfigSchema>;

export type ReceiverConfigInput = z.input<typeof receiverConfigSchema>;

function risesFromOne(buckets: readonly number[]): boolean {
  return buckets[0] === 1 && buckets.every((bucket, i) => i === 0 || bucket > buckets[i - 1]!);
}

/** Sizes of batches. A CPU gains nothing by batching: more workers do the same, and each frame is done sooner. */
export function bucketsOf({ buckets, device }: ReceiverConfig): readonly number[] {
  return buckets ?? (device === 'cuda' ? [1, 2, 4, 8, 16] : [1]);
}

/** The scheduler's options. */
export function schedulerOptionsOf(config: ReceiverConfig, workers: number): SchedulerOptionsInput {
  const { maxQueue, maxBacklogMs, targetWaitMs, maxDecodingPixels, maxImagePixels } = config;
  return {
    workers,
    buckets: [...bucketsOf(config)],
    // Senders that keep to their credits never reach this limit; others are refused before they fill the memory.
    maxFrames: 2 * maxQueue,
    maxPixels: maxDecodingPixels ?? 2 * maxImagePixels,
    maxBacklogMs,
    targetWaitMs,
  };
}

/** Worker threads of a configuration. */
export function workerCount(config: ReceiverConfig): number {
  return config.workers ?? (config.device === 'cuda' ? 1 : availableParallelism());
}
