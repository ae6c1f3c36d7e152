import { qualityMetrics, type MetricName } from '@semcast/quality';
import type { SweepSummary } from './report.js';

/** A measure by which decoders are compared. */
export interface QualityColumn {
  readonly title: string;
  readonly higherIsBetter: boolean;
  /** Digits behind the point that are shown, and so the least difference that counts. */
  readonly digits: number;
  readonly value: (summary: SweepSummary) => number | null | undefined;
}

const TITLES: Readonly<Record<MetricName, { readonly title: string; readonly digits: number }>> = {
  psnrDb: { title: 'PSNR dB', digits: 2 },
  ssim: { title: 'SSIM', digits: 4 },
  msSsim: { title: 'MS-SSIM', digits: 4 },
};

/** PSNR and its like, then the distances of metric bundles, then the realism of feature bundles. */
export function qualityColumns(metrics: readonly string[], realism: readonly string[]): QualityColumn[] {
  return [
    ...(Object.keys(TITLES) as MetricName[]).map((name): QualityColumn => ({
      title: TITLES[name].title,
      digits: TITLES[name].digits,
      higherIsBetter: qualityMetrics[name].higherIsBetter,
      value: (summary) => summary[name],
    })),
    ...metrics.map((name): QualityColumn => ({
      title: name,
      higherIsBetter: false,
      digits: 4,
      value: (summary) => summary.metrics[name],
    })),
    ...realism.map((name): QualityColumn => ({
      title: name,
      higherIsBetter: false,
      digits: 4,
      value: (summary) => summary.realism?.[name],
    })),
  ];
}

/** The decoder that all others are held against. */
const BASELINE = 'jscc';

function rounded(value: number | null | undefined, digits: number): number | null {
  return value === null || value === undefined ? null : Number(value.toFixed(digits));
}

/** The conditions that make entries comparable. */
const conditionsOf = ({ channel, snrDb, cbr }: SweepSummary): string => `${channel} ${snrDb} ${cbr}`;

/** Entries of one channel, SNR and rate, in the order in which they first come. */
export function byConditions(summary: readonly SweepSummary[]): (readonly SweepSummary[])[] {
  const groups = new Map<string, SweepSummary[]>();
  for (const entry of summary) {
    groups.set(conditionsOf(entry), [...(groups.get(conditionsOf(entry)) ?? []), entry]);
  }
  return [...groups.values()];
}

/** Whether a decoder does visibly worse by a measure than jscc does in the same sweep under the same conditions. */
export function isWorse(entry: SweepSummary, column: QualityColumn, summary: readonly SweepSummary[]): boolean {
  const baseline = summary.find((other) => other.decoder === BASELINE && conditionsOf(other) === conditionsOf(entry));
  if (baseline === undefined || baseline === entry) {
    return false;
  }
  const [own, other] = [rounded(column.value(entry), column.digits), rounded(column.value(baseline), column.digits)];
  return own !== null && other !== null && (column.higherIsBetter ? own < other : own > other);
}

/** Whether no other entry under the same conditions is better by a measure; false where there is nothing to compare. */
export function isBest(entry: SweepSummary, column: QualityColumn, summary: readonly SweepSummary[]): boolean {
  const values = summary
    .filter((other) => conditionsOf(other) === conditionsOf(entry))
    .map((other) => rounded(column.value(other), column.digits))
    .filter((value) => value !== null);
  const best = column.higherIsBetter ? Math.max(...values) : Math.min(...values);
  return values.length > 1 && rounded(column.value(entry), column.digits) === best;
}

/** Whether anything is worse than jscc, so that it has to be said what the mark means. */
export function anyWorse(summary: readonly SweepSummary[], columns: readonly QualityColumn[]): boolean {
  return summary.some((entry) => columns.some((column) => isWorse(entry, column, summary)));
}
