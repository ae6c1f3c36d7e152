import { csv, numberText, type Chart, type ChartPoint, type ChartSeries, type Table } from '@semcast/report';
import { qualityMetrics } from '@semcast/quality';
import { formatLatency as ms } from '../terminal/progress.js';
import type { ReadLoadReport, ReadLoadRun } from './read-report.js';
import { rateText, reasonsText } from './view.js';

/** A report of a load test, and what its lines are called. */
export interface LoadSource {
  readonly file: string;
  readonly report: ReadLoadReport;
  readonly label: string;
}

/** Sources under the names of their decoders, with the file where a decoder comes twice. */
export function nameLoads(
  reports: readonly { readonly file: string; readonly report: ReadLoadReport }[],
): LoadSource[] {
  return reports.map((source) => {
    const { decoder } = source.report.settings;
    const isUnique = reports.filter(({ report }) => report.settings.decoder === decoder).length === 1;
    return { ...source, label: isUnique ? decoder : `${decoder} (${source.file})` };
  });
}

/** The runs of a report by their rate, without those of a rate that changed; of one rate, the last. */
function ratesOf({ settings, runs }: ReadLoadReport): ReadLoadRun[] {
  const byRate = new Map((settings.profile ? [] : runs).map((run) => [run.rate, run]));
  return [...byRate.values()].sort((a, b) => a.rate - b.rate);
}

type PointOf = (run: ReadLoadRun, report: ReadLoadReport) => number | null | undefined;

const seconds = (time: number | null): number | null => (time === null ? null : time / 1000);

/** Charts over the offered rate, and of reports with a profile over time. */
export function loadCharts(sources: readonly LoadSource[]): Chart[] {
  // With a capacity each, decoders of different speed fit one axis.
  const relative = sources.every(({ report }) => report.capacityRate !== null);
  const share = (rate: number, { capacityRate }: ReadLoadReport): number =>
    relative ? (100 * rate) / capacityRate! : rate;
  const unit = relative ? '% of the highest that keeps the objectives' : 'frames/s';
  const x = { label: `offered rate (${unit})`, scale: 'log' } as const;
  const line = (source: LoadSource, label: string, of: PointOf): ChartSeries => ({
    label,
    points: ratesOf(source.report).flatMap((run): ChartPoint[] => {
      const y = of(run, source.report);
      return y === null || y === undefined ? [] : [{ x: share(run.offeredRate, source.report), y }];
    }),
  });
  const lines = (of: PointOf, suffix = ''): ChartSeries[] =>
    sources.map((source) => line(source, `${source.label}${suffix}`, of));
  const reasons = (source: LoadSource): string[] => [
    ...new Set(source.report.runs.flatMap(({ frames }) => Object.keys(frames.droppedByReason))),
  ];
  const quality = (name: 'psnrDb' | 'ssim' | 'contrast'): Chart => {
    const { label, unit: of } = qualityMetrics[name];
    return {
      name: `load-${name === 'psnrDb' ? 'psnr' : name}`,
      caption: `${label} of the pictures that came back, of a sample, against the offered rate.`,
      x,
      y: { label: `${label} (${of === '' ? 'dimensionless' : of})` },
      series: lines((run) => run.quality[name]),
    };
  };
  const charts: Chart[] = [
    {
      name: 'load-goodput',
      caption: 'Goodput: pictures that came back a second, against the frames that came due a second.',
      x,
      y: { label: `goodput (${relative ? '% of that rate' : 'frames/s'})` },
      series: lines((run, report) => share(run.goodput, report)),
    },
    {
      name: 'load-latency',
      caption:
        'Latency from the intended send time to the final picture, of the frames that came back, against the offered rate.',
      x,
      y: { label: 'latency (s)', scale: 'log' },
      series: (['p50', 'p99'] as const).flatMap((p) => lines((run) => seconds(run.latencyMs[p]), ` ${p}`)),
    },
    {
      name: 'load-drops',
      caption: 'Frames without a picture, by reason, against the offered rate.',
      x,
      y: { label: 'dropped (% of those due)' },
      series: sources.flatMap((source) =>
        reasons(source).map((reason) =>
          line(source, `${source.label} ${reason}`, ({ frames }) =>
            frames.sent === 0 ? null : (100 * (frames.droppedByReason[reason] ?? 0)) / frames.sent,
          ),
        ),
      ),
    },
    {
      name: 'load-steps',
      caption: 'Steps of the sampler, mean over the pictures that came back, against the offered rate.',
      x,
      y: { label: 'steps' },
      series: lines((run) => run.quality.steps).filter(({ points }) => points.some(({ y }) => y !== points[0]!.y)),
    },
    quality('psnrDb'),
    quality('ssim'),
    quality('contrast'),
    ...sources.filter(({ report }) => report.settings.profile).flatMap(overTime),
  ];
  return charts.flatMap((chart) => {
    const series = chart.series.filter(({ points }) => points.length > 1);
    return series.length === 0 ? [] : [{ ...chart, series }];
  });
}

/** What a rate that changes does, by the second. */
function overTime({ label, report }: LoadSource, index: number): Chart[] {
  const { series } = report.runs[0]!;
  const x = { label: 'time (s)' };
  const line = (name: string, of: (point: (typeof series)[number]) => number | null): ChartSeries => ({
    label: name,
    points: series.flatMap((point) => {
      const y = of(point);
      return y === null ? [] : [{ x: point.atS + point.lengthS / 2, y }];
    }),
  });
  return [
    {
      name: `load-time-${index}`,
      caption: `${label}: frames that came due, came back, and were dropped, over time.`,
      x,
      y: { label: 'frames/s' },
      series: [
        line('due', ({ due, lengthS }) => due / lengthS),
        line('completed', ({ completed, lengthS }) => completed / lengthS),
        line('dropped', ({ dropped, lengthS }) => dropped / lengthS),
      ],
    },
    {
      name: `load-time-latency-${index}`,
      caption: `${label}: latency of the frames that came back then, over time.`,
      x,
      y: { label: 'latency (s)' },
      series: [
        line('mean', ({ latencyMsMean }) => seconds(latencyMsMean)),
        line('max', ({ latencyMsMax }) => seconds(latencyMsMax)),
      ],
    },
  ];
}

const cell = (text: string) => ({ text });
const text = (value: number | null | undefined, digits: number): string =>
  value === null || value === undefined ? '–' : numberText(value, digits);
const right = (title: string) => ({ title, align: 'right' }) as const;

/** Every run, in the order of its rate. */
export function loadTable(sources: readonly LoadSource[]): Table {
  return {
    name: 'load',
    caption:
      'Frames that came due and came back a second; latency of those that came back, from the intended send time; what became of ' +
      'the others; and of a sample of the pictures PSNR, SSIM and contrast.',
    columns: [
      { title: 'of capacity', align: 'left' },
      ...['offered/s', 'goodput/s', 'due', 'completed', 'p50', 'p95', 'p99', 'first picture p50', 'decoding p50'].map(
        right,
      ),
      { title: 'dropped', align: 'left' },
      ...['steps', 'PSNR dB', 'SSIM', 'contrast', 'Jain'].map(right),
    ],
    groups: sources.map(({ label, report }) => {
      const runs = report.settings.profile ? report.runs : ratesOf(report);
      return {
        title: label,
        rows: runs.map(
          ({ rate, offeredRate, goodput, frames, latencyMs, previewLatencyMs, decodeMs, quality, fairness }) =>
            [
              report.capacityRate === null ? '–' : `${((100 * rate) / report.capacityRate).toFixed(0)} %`,
              rateText(offeredRate),
              rateText(goodput),
              String(frames.sent),
              String(frames.completed),
              ms(latencyMs.p50),
              ms(latencyMs.p95),
              ms(latencyMs.p99),
              ms(previewLatencyMs.p50),
              ms(decodeMs.p50),
              reasonsText(frames.droppedByReason) || '–',
              text(quality.steps, 1),
              text(quality.psnrDb, 2),
              text(quality.ssim, 3),
              text(quality.contrast, 3),
              text(fairness.jainIndex, 3),
            ].map(cell),
        ),
      };
    }),
  };
}

/** Every run, a line each, at full precision. */
export function loadCsv(sources: readonly LoadSource[]): string {
  return csv(
    sources.flatMap(({ label, report: { capacityRate, runs } }) =>
      runs.map(({ rate, offeredRate, goodput, measuredS, frames, latencyMs, quality, fairness }) => ({
        name: label,
        capacity_rate: capacityRate,
        rate,
        offered_rate: offeredRate,
        goodput,
        measured_s: measuredS,
        due: frames.sent,
        completed: frames.completed,
        dropped: frames.dropped,
        latency_ms_p50: latencyMs.p50,
        latency_ms_p95: latencyMs.p95,
        latency_ms_p99: latencyMs.p99,
        steps: quality.steps,
        reduced_share: quality.reducedShare,
        psnr_db: quality.psnrDb,
        ssim: quality.ssim ?? null,
        contrast: quality.contrast ?? null,
        jain_index: fairness.jainIndex,
      })),
    ),
  );
}
