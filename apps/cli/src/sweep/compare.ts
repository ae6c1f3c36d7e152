import { eachMetric, qualityMetrics } from '@semcast/quality';
import { metricTitle } from '../up/frame-columns.js';
import { SHARPENING_RADII } from './sharpening.js';
import type { SweepControl, SweepReport, SweepSummary } from './report.js';

/** A measure by which decoders are compared. */
export interface QualityColumn {
  /** Its key in a report. */
  readonly name: string;
  /** A figure of a whole set of pictures, not the mean of figures of each. */
  readonly isOfSet: boolean;
  readonly title: string;
  /** As a metric's: `dB`, or empty. */
  readonly unit: string;
  readonly higherIsBetter: boolean;
  /** Digits behind the point that are shown, and so the least difference that counts. */
  readonly digits: number;
  readonly value: (summary: SweepSummary) => number | null | undefined;
}

/** Names of the metric bundles with distances, and of those with features. */
export interface ColumnNames {
  readonly metrics: readonly string[];
  readonly realism: readonly string[];
}

/** PSNR and its like, then the distances of metric bundles, then the realism of feature bundles. */
export function qualityColumns({ metrics, realism }: ColumnNames): QualityColumn[] {
  return [
    ...Object.values(qualityMetrics).map((metric) => ({
      name: metric.name,
      isOfSet: false,
      title: metricTitle(metric),
      unit: metric.unit,
      digits: metric.decimals,
      higherIsBetter: metric.higherIsBetter,
      value: (summary: SweepSummary) => summary[metric.name],
    })),
    ...metrics.map((name) => bundleColumn(name, false, ({ metrics: distances }) => distances[name])),
    ...realism.map((name) => bundleColumn(name, true, (summary) => summary.realism?.[name])),
  ];
}

/** A figure that a bundle gives: a distance. */
function bundleColumn(name: string, isOfSet: boolean, value: QualityColumn['value']): QualityColumn {
  return { name, isOfSet, title: name, unit: '', higherIsBetter: false, digits: 4, value };
}

/** The decoder that all others are held against. */
export const BASELINE = 'jscc';

function rounded(value: number | null | undefined, digits: number): number | null {
  return value === null || value === undefined ? null : Number(value.toFixed(digits));
}

/**
 * The lines of a table: summaries, and behind each decoder what sharpening makes of jscc's pictures at its PSNR, by each
 * measure with the filter that is best by it.
 */
export function summaryLines({ summary, controls = [] }: Pick<SweepReport, 'summary' | 'controls'>): SweepSummary[] {
  return summary.flatMap((entry) => {
    const control = controls.find(
      ({ bundle, decoder, steps, snrDb, cbr }) =>
        bundle === entry.bundle &&
        decoder === entry.decoder &&
        steps === entry.steps &&
        snrDb === entry.snrDb &&
        cbr === entry.cbr,
    );
    return control === undefined ? [entry] : [entry, controlLine(entry, control)];
  });
}

/** How the control of a decoder is called in tables. */
export const controlName = (decoder: string): string => `sharpened (${decoder})`;

function controlLine({ lostShare: _lost, ...entry }: SweepSummary, { n, filters }: SweepControl): SweepSummary {
  const columns = qualityColumns({ metrics: Object.keys(entry.metrics), realism: Object.keys(entry.realism ?? {}) });
  const best = (name: string): number | null => {
    const { higherIsBetter } = columns.find((column) => column.name === name)!;
    const values = filters.map(({ figures }) => figures[name]).filter((value) => value !== undefined);
    return values.length === 0 ? null : higherIsBetter ? Math.max(...values) : Math.min(...values);
  };
  const bestOf = (names: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.keys(names).map((name) => [name, best(name)] as const));
  const measured = Object.entries(bestOf(entry.metrics)).filter(
    (found): found is [string, number] => found[1] !== null,
  );
  return {
    ...entry,
    decoder: controlName(entry.decoder),
    steps: 0,
    n,
    ...eachMetric(best),
    metrics: Object.fromEntries(measured),
    ...(entry.realism === undefined ? {} : { realism: bestOf(entry.realism) }),
    residual: null,
    evaluations: null,
    previewMsP50: null,
    decodeMsP50: null,
    decodeMsP95: null,
    samplingMsP50: null,
  };
}

/** The explanation of {@link controlName}. */
export const CONTROL_LEGEND =
  `sharpened (X): the best of three unsharp masks (radius ${SHARPENING_RADII.join(', ')}) on what jscc decodes, at ` +
  "X's mean PSNR, chosen anew for each measure";

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

/** Whether a decoder does visibly worse by a measure than jscc of its bundle in the same sweep under the same conditions. */
export function isWorse(entry: SweepSummary, column: QualityColumn, summary: readonly SweepSummary[]): boolean {
  const baseline = summary.find(
    (other) =>
      other.decoder === BASELINE && other.bundle === entry.bundle && conditionsOf(other) === conditionsOf(entry),
  );
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
