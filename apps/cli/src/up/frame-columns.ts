import { parse } from 'node:path';
import { otherMetrics, type QualityMetric } from '@semcast/quality';
import type { CompletedSummary } from '@semcast/transmitter';
import type { Column } from '../terminal/columns.js';
import { bar, formatLatency, formatMilliseconds } from '../terminal/progress.js';
import { printable } from '../terminal/width.js';
import { snrDbOf } from './tally.js';

/** `brushes.jpg` → `brushes`. */
export function photoName(file: string): string {
  return printable(parse(file).name);
}

/** A figure with a fixed number of digits; a dash where there is none. */
export function figure(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits);
}

/** PSNR as a share of a bar: from 15 dB (hardly to be recognised) to 40 dB (hardly to be told from the original). */
export const PSNR_LOW_DB = 15;
export const PSNR_HIGH_DB = 40;

const BAR_WIDTH = 10;

/** The most digits behind the point of a figure of a single photograph: more are chance. */
const FRAME_DECIMALS = 3;

/** The name of a metric's column in any table: `PSNR dB`, `SSIM`. */
export function metricTitle({ label, unit }: Pick<QualityMetric, 'label' | 'unit'>): string {
  return `${label} ${unit}`.trimEnd();
}

/** The columns before PSNR in any table of frames. */
const CONDITIONS: readonly Column<CompletedSummary>[] = [
  { title: 'frame', align: 'right', width: 5, optional: 2, cell: ({ frame }) => String(frame) },
  { title: 'photo', width: 11, cell: ({ name }) => photoName(name) },
  { title: 'size', align: 'right', width: 9, cell: ({ width, height }) => `${width}×${height}` },
  { title: 'CBR', align: 'right', width: 5, cell: ({ cbr }) => cbr },
  { title: 'SNR dB', align: 'right', width: 6, cell: (outcome) => figure(snrDbOf(outcome), 1) },
];

/** Figures of the final picture beside PSNR; where a decoder samples there is less room, and the last goes last. */
const otherColumns = (sampling: boolean): Column<CompletedSummary>[] =>
  otherMetrics.map((metric, i) => ({
    title: metricTitle(metric),
    align: 'right',
    width: 5,
    optional: sampling ? 2 + otherMetrics.length - i : 0,
    cell: (outcome) => figure(outcome[metric.name], Math.min(metric.decimals, FRAME_DECIMALS)),
  }));

/** The columns of a frame that came back, as `up` and `send` show them. */
export const FRAME_COLUMNS: readonly Column<CompletedSummary>[] = [
  ...CONDITIONS,
  { title: 'PSNR dB', align: 'right', width: 7, cell: ({ psnrDb }) => figure(psnrDb, 2) },
  {
    title: '',
    width: BAR_WIDTH,
    optional: 3,
    cell: ({ psnrDb }) => bar((psnrDb - PSNR_LOW_DB) / (PSNR_HIGH_DB - PSNR_LOW_DB), BAR_WIDTH).full,
  },
  ...otherColumns(false),
  { title: 'latency', align: 'right', width: 7, cell: ({ endToEndMs }) => formatMilliseconds(endToEndMs) },
];

/** The same where a decoder samples: a preview first, then, after so many steps, the refined picture. */
export const SAMPLING_COLUMNS: readonly Column<CompletedSummary>[] = [
  ...CONDITIONS,
  { title: 'preview dB', align: 'right', width: 10, cell: ({ previewPsnrDb }) => figure(previewPsnrDb, 2) },
  { title: 'PSNR dB', align: 'right', width: 7, cell: ({ psnrDb }) => figure(psnrDb, 2) },
  {
    title: 'steps',
    align: 'right',
    width: 5,
    // Fewer than asked for, because the receiver was busy.
    cell: ({ steps, reducedSteps }) => `${steps}${reducedSteps ? '↓' : ''}`,
  },
  ...otherColumns(true),
  { title: 'preview', align: 'right', width: 7, cell: ({ previewLatencyMs }) => formatLatency(previewLatencyMs) },
  { title: 'latency', align: 'right', width: 7, cell: ({ endToEndMs }) => formatMilliseconds(endToEndMs) },
];
