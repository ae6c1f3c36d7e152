import { qualityMetrics, type QualityMetric } from '@semcast/quality';
import type { TableColumn } from '../terminal/columns.js';
import { formatLatency as ms } from '../terminal/progress.js';
import type { Colours } from '../terminal/terminal.js';
import { figure } from '../up/frame-columns.js';
import {
  anyWorse,
  byConditions,
  CONTROL_LEGEND,
  isWorse,
  qualityColumns,
  summaryLines,
  type ColumnNames,
} from './compare.js';
import {
  CHANNEL_ERROR_LEGEND,
  channelErrorText,
  lostText,
  overheadText,
  type SweepReport,
  type SweepSummary,
} from './report.js';

const OVERHEAD_COLUMN: TableColumn<SweepSummary> = {
  title: 'with overhead',
  align: 'right',
  cell: ({ cbrWithOverhead }) => (cbrWithOverhead === undefined ? '–' : overheadText(cbrWithOverhead)),
};

const CHANNEL_ERROR_COLUMN: TableColumn<SweepSummary> = {
  title: 'channel error dB',
  align: 'right',
  cell: channelErrorText,
};

const LOST_COLUMN: TableColumn<SweepSummary> = {
  title: 'lost %',
  align: 'right',
  cell: ({ lostShare }) => lostText(lostShare),
};

/** Stands behind a figure, so that it is seen without colours, too. */
const WORSE = '-';

/** The measures that are better the higher, or the lower: `PSNR, SSIM and MS-SSIM`. */
function labels(higherIsBetter: boolean): string {
  const known = Object.values<QualityMetric>(qualityMetrics).filter(
    (metric) => metric.higherIsBetter === higherIsBetter,
  );
  const names = [...known.map(({ label }) => label), ...(higherIsBetter ? [] : ['distances', 'realism'])];
  return new Intl.ListFormat('en-GB').format(names);
}

export interface SummaryTable {
  readonly columns: readonly TableColumn<SweepSummary>[];
  /** Rows that can be compared stand together. */
  readonly rows: readonly SweepSummary[];
  /** The legend of the marks; empty without any. */
  readonly legend: readonly string[];
}

/** The table that a sweep ends with: a column more for each metric bundle, and marks where a decoder loses to jscc. */
export function summaryTable(
  report: Pick<SweepReport, 'summary' | 'controls'>,
  names: ColumnNames,
  colours: Colours,
): SummaryTable {
  const summary = summaryLines(report);
  const measures = qualityColumns(names);
  const marked = anyWorse(summary, measures);
  const sampled = summary.some(({ steps }) => steps > 0);
  const quality = measures.map((measure): TableColumn<SweepSummary> => ({
    title: measure.title,
    align: 'right',
    cell: (entry) => {
      const text = figure(measure.value(entry), measure.digits);
      // A place for the mark in every cell keeps the digits below each other.
      return isWorse(entry, measure, summary) ? colours.red(`${text}${WORSE}`) : `${text}${marked ? ' ' : ''}`;
    },
  }));
  const sampling: TableColumn<SweepSummary>[] = [
    { title: 'residual', align: 'right', optional: 3, cell: ({ residual }) => figure(residual, 2) },
    { title: 'evals', align: 'right', optional: 4, cell: ({ evaluations }) => figure(evaluations, 0) },
  ];
  return {
    columns: [
      ...(summary.some(({ bundle }) => bundle !== undefined)
        ? [{ title: 'bundle', cell: ({ bundle = '' }: SweepSummary): string => bundle }]
        : []),
      { title: 'decoder', cell: ({ decoder }) => decoder },
      ...(sampled
        ? [
            {
              title: 'steps',
              align: 'right',
              cell: ({ steps }: SweepSummary) => (steps === 0 ? '–' : String(steps)),
            } as const,
          ]
        : []),
      { title: 'SNR dB', align: 'right', cell: ({ snrDb }) => String(snrDb) },
      { title: 'CBR', align: 'right', cell: ({ cbr }) => cbr },
      ...(summary.some(({ cbrWithOverhead }) => cbrWithOverhead !== undefined) ? [OVERHEAD_COLUMN] : []),
      { title: 'n', align: 'right', cell: ({ n }) => String(n) },
      ...quality,
      ...(summary.some(({ lostShare }) => lostShare !== undefined) ? [LOST_COLUMN] : []),
      ...(sampled ? sampling : []),
      ...(summary.some(({ channelErrorDb }) => channelErrorDb !== undefined) ? [CHANNEL_ERROR_COLUMN] : []),
      { title: 'decode p50', align: 'right', optional: 2, cell: ({ decodeMsP50 }) => ms(decodeMsP50) },
      { title: 'p95', align: 'right', optional: 1, cell: ({ decodeMsP95 }) => ms(decodeMsP95) },
    ],
    rows: sampled ? byConditions(summary).flat() : summary,
    legend: [
      ...(summary.some(({ channelErrorDb }) => channelErrorDb !== undefined) ? [CHANNEL_ERROR_LEGEND] : []),
      ...(marked
        ? [
            `${colours.red(WORSE)} worse than jscc at the same SNR and CBR; ${labels(true)} are better the higher, ${labels(false)} the lower`,
          ]
        : []),
      ...(report.controls === undefined ? [] : [CONTROL_LEGEND]),
    ],
  };
}
