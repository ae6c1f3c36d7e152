import type { TableColumn } from '../terminal/table.js';
import { formatMilliseconds } from '../terminal/progress.js';
import { figure } from '../up/frame-columns.js';
import type { SweepSummary } from './report.js';

const ms = (value: number | null): string => (value === null ? '–' : formatMilliseconds(value));

/** Columns of the table that a sweep ends with; one more for each metric bundle. */
export function summaryColumns(metrics: readonly string[], realism: readonly string[]): TableColumn<SweepSummary>[] {
  return [
    { title: 'decoder', cell: ({ decoder }) => decoder },
    { title: 'SNR dB', align: 'right', cell: ({ snrDb }) => String(snrDb) },
    { title: 'CBR', align: 'right', cell: ({ cbr }) => cbr },
    { title: 'n', align: 'right', cell: ({ n }) => String(n) },
    { title: 'PSNR dB', align: 'right', cell: ({ psnrDb }) => figure(psnrDb, 2) },
    { title: 'SSIM', align: 'right', cell: ({ ssim }) => figure(ssim, 4) },
    { title: 'MS-SSIM', align: 'right', cell: ({ msSsim }) => figure(msSsim, 4) },
    ...metrics.map((name): TableColumn<SweepSummary> => ({
      title: name,
      align: 'right',
      cell: (summary) => figure(summary.metrics[name], 4),
    })),
    ...realism.map((name): TableColumn<SweepSummary> => ({
      title: name,
      align: 'right',
      cell: (summary) => figure(summary.realism?.[name], 4),
    })),
    { title: 'decode p50', align: 'right', optional: 2, cell: ({ decodeMsP50 }) => ms(decodeMsP50) },
    { title: 'p95', align: 'right', optional: 1, cell: ({ decodeMsP95 }) => ms(decodeMsP95) },
  ];
}
