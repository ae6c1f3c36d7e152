import { z } from 'zod';
import { UsageError } from '../errors.js';
import { LOAD_SCHEMA } from './report.js';

const figure = z.number().nullable();
const latency = z.object({ p50: figure, p95: figure, p99: figure, max: figure });

const runSchema = z.object({
  rate: z.number(),
  offeredRate: z.number(),
  goodput: z.number(),
  measuredS: z.number(),
  frames: z.object({
    sent: z.number(),
    completed: z.number(),
    dropped: z.number(),
    droppedByReason: z.record(z.string(), z.number()),
  }),
  latencyMs: latency,
  previewLatencyMs: latency,
  decodeMs: latency,
  // Reports of earlier releases have PSNR alone.
  quality: z.object({
    psnrDb: figure,
    ssim: figure.optional(),
    contrast: figure.optional(),
    steps: figure,
    reducedShare: figure,
    samples: z.number(),
  }),
  fairness: z.object({ jainIndex: figure }),
  slo: z.array(z.object({ met: z.boolean() })),
  series: z.array(
    z.object({
      atS: z.number(),
      lengthS: z.number(),
      due: z.number(),
      completed: z.number(),
      dropped: z.number(),
      latencyMsMean: figure,
      latencyMsMax: figure,
    }),
  ),
});

/** What is read of a report of `semcast load`. */
const loadReportSchema = z.object({
  schema: z.literal(LOAD_SCHEMA),
  command: z.string(),
  settings: z.object({
    streams: z.number(),
    decoder: z.string(),
    size: z.number(),
    images: z.array(z.string()),
    cbr: z.string(),
    deadlineMs: figure,
    bundle: z.object({ name: z.string(), version: z.string(), digest: z.string() }),
    seed: z.number(),
    profile: z.array(z.object({ atS: z.number(), rate: z.number() })).nullish(),
  }),
  provenance: z
    .object({
      semcast: z.string(),
      commit: z.string().optional(),
      machine: z.object({
        platform: z.string(),
        cpu: z.string(),
        cores: z.number(),
        node: z.string(),
        onnxruntime: z.string(),
      }),
    })
    .optional(),
  noise: z.object({ source: z.string().nullable(), snrDb: figure }),
  capacityRate: figure.default(null),
  slo: z.array(z.object({ slo: z.string() })),
  runs: z.array(runSchema).min(1),
});

export type ReadLoadReport = z.output<typeof loadReportSchema>;
export type ReadLoadRun = z.output<typeof runSchema>;

/**
 * The report of a load test; undefined where the text is something else.
 *
 * @param what names the file in an error
 * @throws UsageError when it says that it is one and isn't
 */
export function parseLoadReport(text: string, what: string): ReadLoadReport | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!z.object({ schema: z.literal(LOAD_SCHEMA) }).safeParse(value).success) {
    return undefined;
  }
  const parsed = loadReportSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new UsageError(`${what} is no report of a load test: ${issue.path.join('.')}: ${issue.message}`, {
      remedy: 'name a file that semcast load --json FILE wrote',
      cause: parsed.error,
    });
  }
  return parsed.data;
}
