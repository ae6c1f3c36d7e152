import { dbToPower, powerToDb } from '@semcast/core';
import { eachMetric } from '@semcast/quality';
import type { CompletedSummary } from '@semcast/transmitter';
import { LOST_REASONS, type LostReason } from '@semcast/wire';
import { z } from 'zod';
import { mean, quantile } from './statistics.js';

export const SWEEP_SCHEMA = 'semcast.sweep/1';

const figure = z.number().nullable();
/** Those of packages/quality; null where a picture is too small. */
const measures = eachMetric(() => figure);
const figures = z.record(z.string(), z.number());

/** One photograph under one setting. The names are a contract (docs/sweep.md). */
export const sweepRowSchema = z.object({
  /** File name of the photograph. */
  image: z.string(),
  /** As it was sent. */
  width: z.int(),
  height: z.int(),
  channel: z.string(),
  /** Configured CSNR, dB per complex symbol. */
  snrDb: z.number(),
  cbr: z.string(),
  /** Name of the bundle, where several are compared. */
  bundle: z.string().optional(),
  /** The SNR that the encoder prepared for, dB; absent in older reports. */
  designCsnrDb: z.number().optional(),
  /** With seed and stream ("sweep") it fixes noise and fading; equal for all decoders. */
  frame: z.int(),
  /** Complex channel uses of the payload. */
  channelUses: z.int(),
  /** Samples sent / (3·width·height); absent in older reports. */
  cbrWithOverhead: z.number().optional(),
  decoder: z.string(),
  /** Sampler steps that were spent; 0 for a decoder of one pass. */
  steps: z.int(),
  /** Runs of networks that the sampler spent; null for a decoder of one pass. */
  evaluations: z.int().nullable(),
  ...measures,
  psnrDb: z.number(),
  /** Distance of each metric bundle, by its folder's name. */
  metrics: figures,
  residual: figure,
  /** Σ|ĥ - h|²/Σ|h|² in dB, where the receiver estimated the channel: as it is, and but for the best common phase. */
  channelErrorDb: z.number().optional(),
  alignedChannelErrorDb: z.number().optional(),
  /** Why the picture is a grey one, lost by a channel code; null where it wasn't. Of decoders that can lose one. */
  lost: z.enum(LOST_REASONS).nullable().optional(),
  /** At the transmitter, of the encoder; absent in older reports, and of what isn't sent. */
  encodeMs: z.number().optional(),
  previewMs: z.number(),
  decodeMs: z.number(),
  /** The part of decodeMs from the first sampler step to the last; null for a decoder of one pass. */
  samplingMs: figure,
  endToEndMs: z.number(),
  /** The PNG under `--out`; null without one. */
  output: z.string().nullable(),
});
export type SweepRow = Readonly<z.output<typeof sweepRowSchema>>;

/** The mean over the photographs of a setting; null where no photograph gave a value. */
export const sweepSummarySchema = z.object({
  bundle: z.string().optional(),
  decoder: z.string(),
  /** The steps that were asked for; 0 for a decoder of one pass. */
  steps: z.int(),
  channel: z.string(),
  snrDb: z.number(),
  cbr: z.string(),
  n: z.int(),
  /** Of samples sent, pilots and prefixes counted in; only where the waveform sends more samples than symbols. */
  cbrWithOverhead: z.number().optional(),
  ...measures,
  metrics: figures,
  /** Patch Fréchet distance over the set, by the folder of the feature graph; only when one was given. */
  realism: z.record(z.string(), figure).optional(),
  residual: figure,
  /** Of the mean error over the photographs. */
  channelErrorDb: z.number().optional(),
  alignedChannelErrorDb: z.number().optional(),
  /** Share of the photographs whose estimate is wrong by more than half of the channel's power, whatever its phase. */
  divergedShare: z.number().optional(),
  /** The share of pictures that were lost, 0 … 1; grey ones stand for them in every mean. Of decoders that can lose one. */
  lostShare: z.number().optional(),
  evaluations: figure,
  previewMsP50: figure,
  decodeMsP50: figure,
  decodeMsP95: figure,
  samplingMsP50: figure,
});
export type SweepSummary = Readonly<z.output<typeof sweepSummarySchema>>;

/** Everything that decides a sweep's figures beside bundle, seed and device. */
export const sweepConditionsSchema = z.object({
  channel: z.string(),
  /** Options of the model, loss and noise reference, and what the receiver is told; absent in older reports. */
  channelOptions: z.record(z.string(), z.unknown()).optional(),
  csi: z.string().optional(),
  /** With every option filled in; absent in older reports, which are of a single carrier. */
  waveform: z.string().optional(),
  waveformOptions: z.record(z.string(), z.unknown()).optional(),
  snrDb: z.array(z.number()),
  /** The SNR that every transmitter prepared for; absent where that was the one of the channel. */
  designSnrDb: z.number().optional(),
  cbr: z.array(z.string()),
  /** 0 for photographs at their own size. */
  size: z.int(),
  /** File names, in the order in which frames are numbered. */
  images: z.array(z.string()),
  /** Draws of noise and fading of each photograph. */
  draws: z.int().default(1),
  /** SHA-256 of the photographs' bytes, one after the other. */
  imagesDigest: z.string(),
  /** Names of the metric bundles' folders. */
  metricBundles: z.array(z.string()),
  /** The decoders that were compared, with every option filled in. */
  decoders: z.array(
    z.object({
      bundle: z.string().optional(),
      decoder: z.string(),
      steps: z.int(),
      options: z.record(z.string(), z.unknown()),
    }),
  ),
});

export type SweepConditions = Readonly<z.output<typeof sweepConditionsSchema>>;

/** Results of sharpening jscc's pictures at a decoder's mean PSNR, by each of some unsharp masks. */
export const sweepControlSchema = z.object({
  bundle: z.string().optional(),
  /** The decoder, with its steps, whose PSNR they were set to. */
  decoder: z.string(),
  steps: z.int(),
  snrDb: z.number(),
  cbr: z.string(),
  n: z.int(),
  filters: z.array(
    z.object({
      /** Standard deviation of the Gaussian, pixels. */
      radius: z.number(),
      /** x + amount·(x - blurred x), equal for all photographs. */
      amount: z.number(),
      /** As in a summary: figures of packages/quality, distances and realism by their names. */
      figures: z.record(z.string(), z.number()),
    }),
  ),
});
export type SweepControl = Readonly<z.output<typeof sweepControlSchema>>;

/** A decoder against jscc, or against the filter that is best by the same measure. */
export const sweepComparisonSchema = z.object({
  bundle: z.string().optional(),
  decoder: z.string(),
  steps: z.int(),
  snrDb: z.number(),
  cbr: z.string(),
  measure: z.string(),
  against: z.enum(['jscc', 'sharpened']),
  /** Means of the decoder, and of what it is compared with. */
  value: z.number(),
  other: z.number(),
  /** 95 % interval of value - other, by a paired bootstrap over photographs. */
  low: z.number(),
  high: z.number(),
});
export type SweepComparison = Readonly<z.output<typeof sweepComparisonSchema>>;

/** What made a report: enough to make it once more (`--reproduce`), and what reviewers ask for. */
export const sweepProvenanceSchema = z.object({
  /** Release of semcast. */
  semcast: z.string(),
  /** Of the sources; absent where they are no checkout of git. `+` behind it: with changes. */
  commit: z.string().optional(),
  /** The words behind `semcast sweep`. */
  argv: z.array(z.string()),
  /** Absolute paths of what was named, or was the default. */
  paths: z.object({ images: z.string(), bundles: z.array(z.string()), metricBundles: z.array(z.string()) }),
  machine: z.object({
    /** Operating system and architecture: `linux 6.1.0 x64`. */
    platform: z.string(),
    cpu: z.string(),
    /** That this process may use. */
    cores: z.int(),
    node: z.string(),
    onnxruntime: z.string(),
  }),
  definitions: z.object({ snr: z.string(), cbr: z.string() }),
});
export type SweepProvenance = Readonly<z.output<typeof sweepProvenanceSchema>>;

const bundleFacts = z.object({ name: z.string(), version: z.string(), digest: z.string() });

export const sweepReportSchema = z.object({
  schema: z.literal(SWEEP_SCHEMA),
  /** As it was typed. */
  command: z.string(),
  /** Absent in older reports. */
  provenance: sweepProvenanceSchema.optional(),
  /** The first, where several are compared. */
  bundle: bundleFacts,
  /** All of them by the names that rows have, where several are compared. */
  bundles: z.record(z.string(), bundleFacts).optional(),
  /** Where the networks ran, and how precisely where not in float32: `cpu`, `cpu, int8`. */
  device: z.string(),
  seed: z.int(),
  conditions: sweepConditionsSchema,
  rows: z.array(sweepRowSchema),
  summary: z.array(sweepSummarySchema),
  /** With `--control`. */
  controls: z.array(sweepControlSchema).optional(),
  comparisons: z.array(sweepComparisonSchema).optional(),
});
export type SweepReport = Readonly<z.output<typeof sweepReportSchema>>;

/** A row of a frame that came back. */
export function toRow(
  completed: Omit<CompletedSummary, 'lost'> & { readonly lost?: LostReason | null },
  setting: Pick<
    SweepRow,
    'bundle' | 'decoder' | 'image' | 'channel' | 'snrDb' | 'output' | 'channelErrorDb' | 'alignedChannelErrorDb'
  >,
): SweepRow {
  // Of an outcome the schema keeps what a row has.
  return sweepRowSchema.parse({ ...completed, ...setting });
}

/** Means and percentiles of the rows of one setting. */
export function summarise(
  setting: Pick<SweepSummary, 'bundle' | 'decoder' | 'steps' | 'channel' | 'snrDb' | 'cbr'>,
  rows: readonly SweepRow[],
  realism?: Readonly<Record<string, number | null>>,
): SweepSummary {
  const valuesOf = (value: (row: SweepRow) => number | null): number[] =>
    rows.map(value).filter((entry) => entry !== null);
  const meanOf = (value: (row: SweepRow) => number | null): number | null => mean(valuesOf(value));
  const decodeMs = rows.map((row) => row.decodeMs);
  const cbrWithOverhead = meanOf((row) => (hasOverhead(row) ? row.cbrWithOverhead! : null));
  const losses = rows.flatMap(({ lost }) => (lost === undefined ? [] : [lost === null ? 0 : 1]));
  const names = [...new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)))];
  return {
    ...setting,
    n: rows.length,
    ...(cbrWithOverhead === null ? {} : { cbrWithOverhead }),
    ...eachMetric((name) => meanOf((row) => row[name])),
    metrics: Object.fromEntries(
      names.flatMap((name) => {
        const value = meanOf(({ metrics }) => metrics[name] ?? null);
        return value === null ? [] : [[name, value] as const];
      }),
    ),
    ...(realism === undefined ? {} : { realism: { ...realism } }),
    residual: meanOf(({ residual }) => residual),
    ...channelErrors(rows),
    ...(losses.length === 0 ? {} : { lostShare: mean(losses)! }),
    evaluations: meanOf(({ evaluations }) => evaluations),
    previewMsP50: quantile(
      rows.map((row) => row.previewMs),
      0.5,
    ),
    decodeMsP50: quantile(decodeMs, 0.5),
    decodeMsP95: quantile(decodeMs, 0.95),
    samplingMsP50: quantile(
      valuesOf(({ samplingMs }) => samplingMs),
      0.5,
    ),
  };
}

/** An aligned error of the channel above this, in dB, is no estimate of it: half of its power. */
const DIVERGED_ERROR_DB = -3;

function channelErrors(
  rows: readonly SweepRow[],
): Pick<SweepSummary, 'channelErrorDb' | 'alignedChannelErrorDb' | 'divergedShare'> {
  const ratiosOf = (of: (row: SweepRow) => number | undefined): number[] =>
    rows
      .map(of)
      .filter((errorDb) => errorDb !== undefined)
      .map(dbToPower);
  const plain = mean(ratiosOf((row) => row.channelErrorDb));
  const ratios = ratiosOf((row) => row.alignedChannelErrorDb);
  const aligned = mean(ratios);
  if (plain === null || aligned === null) {
    return {};
  }
  const diverged = ratios.filter((ratio) => ratio > dbToPower(DIVERGED_ERROR_DB));
  return {
    channelErrorDb: powerToDb(plain),
    alignedChannelErrorDb: powerToDb(aligned),
    divergedShare: diverged.length / ratios.length,
  };
}

function hasOverhead({ cbrWithOverhead = 0, channelUses, width, height }: SweepRow): boolean {
  return cbrWithOverhead * 3 * width * height > channelUses + 0.5;
}

/** The explanation of {@link channelErrorText}. */
export const CHANNEL_ERROR_LEGEND =
  'channel error: Σ|ĥ − h|²/Σ|h|², in brackets but for the best common phase; diverged: above −3 dB in brackets';

/** `-18.9 (-20.4)`, and the share of diverged frames where there are any: `-9.1 (-9.3), 4 % diverged`. */
export function channelErrorText({ channelErrorDb, alignedChannelErrorDb, divergedShare }: SweepSummary): string {
  if (channelErrorDb === undefined || alignedChannelErrorDb === undefined) {
    return '–';
  }
  const text = `${channelErrorDb.toFixed(1)} (${alignedChannelErrorDb.toFixed(1)})`;
  return divergedShare === undefined || divergedShare === 0
    ? text
    : `${text}, ${(100 * divergedShare).toFixed(0)} % diverged`;
}

/** `1/22.3` */
export function overheadText(cbrWithOverhead: number): string {
  return `1/${(1 / cbrWithOverhead).toFixed(1)}`;
}

/** Per cent of pictures that were lost; `–` of a decoder that loses none. */
export function lostText(lostShare: number | undefined): string {
  return lostShare === undefined ? '–' : (100 * lostShare).toFixed(1);
}
