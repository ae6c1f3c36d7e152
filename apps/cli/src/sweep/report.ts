import type { ChannelModelName } from '@semcast/channel-models';
import type { CompletedSummary } from '@semcast/transmitter';
import { mean, quantile } from './statistics.js';

export const SWEEP_SCHEMA = 'semcast.sweep/1';

/** One photograph under one setting. The names are a contract (architecture.md, "Command line"). */
export interface SweepRow {
  /** File name of the photograph. */
  readonly image: string;
  /** As it was sent. */
  readonly width: number;
  readonly height: number;
  readonly channel: ChannelModelName;
  /** Configured CSNR, dB per complex symbol. */
  readonly snrDb: number;
  readonly cbr: string;
  /** Complex channel uses of the payload. */
  readonly channelUses: number;
  readonly decoder: string;
  /** Guided steps; 0 for a decoder of one pass. */
  readonly steps: number;
  readonly psnrDb: number;
  readonly ssim: number | null;
  readonly msSsim: number | null;
  /** Distance of each metric bundle, by its folder's name. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly residual: number | null;
  readonly previewMs: number;
  readonly decodeMs: number;
  readonly endToEndMs: number;
  /** The PNG under `--out`; null without one. */
  readonly output: string | null;
}

/** The mean over the photographs of a setting; null where no photograph gave a value. */
export interface SweepSummary {
  readonly decoder: string;
  readonly channel: ChannelModelName;
  readonly snrDb: number;
  readonly cbr: string;
  readonly n: number;
  readonly psnrDb: number | null;
  readonly ssim: number | null;
  readonly msSsim: number | null;
  readonly metrics: Readonly<Record<string, number>>;
  readonly decodeMsP50: number | null;
  readonly decodeMsP95: number | null;
  /** Patch Fréchet distance over the set, by the folder of the feature graph; only when one was given. */
  readonly realism?: Readonly<Record<string, number | null>>;
}

export interface SweepReport {
  readonly schema: typeof SWEEP_SCHEMA;
  readonly bundle: { readonly name: string; readonly version: string; readonly digest: string };
  readonly device: string;
  readonly rows: readonly SweepRow[];
  readonly summary: readonly SweepSummary[];
}

/** A row of a frame that came back. */
export function toRow(
  completed: CompletedSummary,
  setting: {
    readonly image: string;
    readonly channel: ChannelModelName;
    readonly snrDb: number;
    readonly output: string | null;
  },
): SweepRow {
  return {
    image: setting.image,
    width: completed.width,
    height: completed.height,
    channel: setting.channel,
    snrDb: setting.snrDb,
    cbr: completed.cbr,
    channelUses: completed.channelUses,
    decoder: completed.decoder,
    steps: completed.steps,
    psnrDb: completed.psnrDb,
    ssim: completed.ssim,
    msSsim: completed.msSsim,
    metrics: completed.metrics,
    residual: completed.residual,
    previewMs: completed.previewMs,
    decodeMs: completed.decodeMs,
    endToEndMs: completed.endToEndMs,
    output: setting.output,
  };
}

/** Means and percentiles of the rows of one setting. */
export function summarise(
  setting: {
    readonly decoder: string;
    readonly channel: ChannelModelName;
    readonly snrDb: number;
    readonly cbr: string;
  },
  rows: readonly SweepRow[],
  realism?: Readonly<Record<string, number | null>>,
): SweepSummary {
  const meanOf = (value: (row: SweepRow) => number | null): number | null =>
    mean(rows.map(value).filter((entry) => entry !== null));
  const decodeMs = rows.map((row) => row.decodeMs);
  const names = [...new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)))];
  return {
    decoder: setting.decoder,
    channel: setting.channel,
    snrDb: setting.snrDb,
    cbr: setting.cbr,
    n: rows.length,
    psnrDb: meanOf(({ psnrDb }) => psnrDb),
    ssim: meanOf(({ ssim }) => ssim),
    msSsim: meanOf(({ msSsim }) => msSsim),
    metrics: Object.fromEntries(
      names.flatMap((name) => {
        const value = meanOf(({ metrics }) => metrics[name] ?? null);
        return value === null ? [] : [[name, value] as const];
      }),
    ),
    decodeMsP50: quantile(decodeMs, 0.5),
    decodeMsP95: quantile(decodeMs, 0.95),
    ...(realism === undefined ? {} : { realism }),
  };
}
