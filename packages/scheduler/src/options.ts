import { z } from 'zod';
import { SchedulerOptionsError } from './errors.js';

/** The most rows that a batch may have, and the most workers. */
const MAX_BUCKET = 1024;
const MAX_WORKERS = 1024;
/** The most frames of a scheduler: planning looks at each of them. */
const MAX_FRAMES = 100_000;

const positiveMs = z.number().positive().max(86_400_000);

/** The options of a scheduler: what each means, and its default. */
export const schedulerOptionsSchema = z
  .strictObject({
    workers: z.int().min(1).max(MAX_WORKERS).default(1).describe('jobs that run at a time: CPU threads, or GPUs'),
    buckets: z
      .array(z.int().min(1).max(MAX_BUCKET))
      .min(1)
      .max(32)
      .default([1])
      .describe('sizes that a batch may have, rising from 1: [1] on a CPU, [1, 2, 4, 8, 16] on a GPU'),
    maxFrames: z.int().min(1).max(MAX_FRAMES).default(64).describe('most frames admitted at a time'),
    maxPixels: z
      .number()
      .positive()
      .optional()
      .describe('most pixels of all frames that have begun to run; others wait, but one alone never does'),
    maxBacklogMs: positiveMs
      .default(60_000)
      .describe(
        'longest time that all admitted frames may need together at their fewest steps; a stream within its share of it is admitted beyond',
      ),
    targetWaitMs: positiveMs
      .optional()
      .describe('wait above which steps fall for frames without a deadline; default: maxBacklogMs'),
    previewBurst: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(4)
      .describe('jobs of previews that may go ahead of a waiting step in a row'),
    safety: z
      .number()
      .min(1)
      .max(10)
      .default(1.1)
      .describe('by how much forecasts exceed the measured mean cost when steps are granted'),
    initialCostMs: positiveMs
      .default(50)
      .describe('assumed time of an evaluation of 256×256 pixels, until the first of its graph was measured'),
  })
  .superRefine(({ buckets }, context) => {
    if (buckets[0] !== 1 || buckets.some((bucket, i) => i > 0 && bucket <= buckets[i - 1]!)) {
      context.addIssue({ code: 'custom', path: ['buckets'], message: `rise from 1, unlike [${buckets.join(', ')}]` });
    }
  })
  .transform((options) => ({
    ...options,
    targetWaitMs: options.targetWaitMs ?? options.maxBacklogMs,
    maxPixels: options.maxPixels ?? Infinity,
  }));

export type SchedulerOptions = z.output<typeof schedulerOptionsSchema>;
export type SchedulerOptionsInput = z.input<typeof schedulerOptionsSchema>;

/** @throws SchedulerOptionsError naming each key that was wrong */
export function parseSchedulerOptions(input: SchedulerOptionsInput): SchedulerOptions {
  const parsed = schedulerOptionsSchema.safeParse(input);
  if (!parsed.success) {
    throw new SchedulerOptionsError(
      parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'options'}: ${message}`).join('; '),
      { cause: parsed.error },
    );
  }
  return parsed.data;
}
