import type { Chart, ChartAxis, ChartPoint, ChartSeries } from '@semcast/report';
import type { QualityColumn } from '../sweep/compare.js';
import { quantile } from '../sweep/statistics.js';
import { measureOf, type Cell, type Dataset, type SeededRow, type Series } from './dataset.js';

/** Figures of one kind, under a heading. */
export interface FigureGroup {
  readonly title: string;
  readonly charts: readonly Chart[];
}

/** `PSNR (dB)`: every axis has a unit, and what has none says so. */
export function axisLabel(measure: Pick<QualityColumn, 'title' | 'unit'>): string {
  return `${nameOf(measure)} (${measure.unit === '' ? 'dimensionless' : measure.unit})`;
}

/** Its title without the unit. */
const nameOf = ({ title, unit }: Pick<QualityColumn, 'title' | 'unit'>): string =>
  unit === '' ? title : title.slice(0, -unit.length).trimEnd();

const SNR_LABEL = 'CSNR (dB per complex symbol)';
const CBR_LABEL = 'CBR (complex channel uses per image value)';
const better = ({ higherIsBetter }: QualityColumn): string => (higherIsBetter ? 'higher is better' : 'lower is better');
const fileText = (text: string): string => text.replaceAll(/[^A-Za-z0-9.-]+/g, '_');

/** All that a report shows, without those that would have a single point. */
export function figureGroups(data: Dataset): FigureGroup[] {
  const groups = [
    { title: 'Quality against SNR', charts: data.measures.flatMap((measure) => againstSnr(data, measure)) },
    { title: 'Quality against rate', charts: data.measures.flatMap((measure) => againstCbr(data, measure)) },
    {
      title: 'Distortion against perception',
      charts: data.measures.filter(({ unit }) => unit === '').flatMap((measure) => distortionPerception(data, measure)),
    },
    { title: 'Latency', charts: latency(data) },
  ];
  return groups.filter(({ charts }) => charts.length > 0);
}

function againstSnr(data: Dataset, measure: QualityColumn): Chart[] {
  return data.cbrs.flatMap((cbr) => {
    const cells = data.cells.filter((cell) => cell.cbr === cbr);
    return lineChart(data.series, cells, measure, (cell) => cell.snrDb, {
      name: `${fileText(measure.name)}-snr-cbr${fileText(cbr)}`,
      caption: `${nameOf(measure)} against CSNR at CBR ${cbr}; ${better(measure)}.`,
      x: { label: SNR_LABEL, ticks: data.snrsDb.map((value) => ({ value, text: String(value) })) },
      markOf: designSnr,
    });
  });
}

function againstCbr(data: Dataset, measure: QualityColumn): Chart[] {
  return data.snrsDb.flatMap((snrDb) => {
    const cells = data.cells.filter((cell) => cell.snrDb === snrDb);
    const ticks = data.cbrs.map((text) => {
      const [uses = NaN, values = 1] = text.split('/').map(Number);
      return { value: uses / values, text };
    });
    return lineChart(data.series, cells, measure, ({ cbrValue }) => cbrValue, {
      name: `${fileText(measure.name)}-cbr-snr${snrDb}dB`,
      caption: `${nameOf(measure)} against CBR at CSNR ${snrDb} dB; ${better(measure)}.`,
      x: { label: CBR_LABEL, ticks },
    });
  });
}

interface LineChart extends Pick<Chart, 'name' | 'caption' | 'x'> {
  readonly markOf?: (cells: readonly Cell[]) => ChartSeries['mark'];
}

function lineChart(
  series: readonly Series[],
  cells: readonly Cell[],
  measure: QualityColumn,
  xOf: (cell: Cell) => number,
  { markOf, ...chart }: LineChart,
): Chart[] {
  const lines = series.flatMap((each): ChartSeries[] => {
    const own = cells.filter((cell) => cell.series === each).sort((a, b) => xOf(a) - xOf(b));
    const points = own.flatMap((cell) => {
      const estimate = measureOf(cell, measure);
      return estimate === undefined ? [] : [{ x: xOf(cell), y: estimate.value, yInterval: estimate.interval }];
    });
    return points.length === 0 ? [] : [{ label: each.label, points, mark: markOf?.(own) }];
  });
  const isLine = lines.some(({ points }) => points.length > 1);
  return isLine ? [{ ...chart, y: { label: axisLabel(measure) }, series: lines }] : [];
}

/** The SNR that a line was encoded for, where that is one for all of its points: below it a digital link breaks. */
function designSnr(cells: readonly Cell[]): ChartSeries['mark'] {
  const designs = new Set(cells.flatMap(({ rows }) => rows.map(({ designCsnrDb }) => designCsnrDb)));
  const [x] = designs;
  return cells.length > 1 && designs.size === 1 && x !== undefined ? { x, text: `design ${x} dB` } : undefined;
}

/** A line for each decoder, along the values of its dial and its steps. */
function distortionPerception(data: Dataset, measure: QualityColumn): Chart[] {
  if (measure.higherIsBetter) {
    return [];
  }
  const psnr = data.measures.find(({ name }) => name === 'psnrDb')!;
  const families = [...new Set(data.series.map(({ family }) => family))];
  return data.snrsDb.flatMap((snrDb) =>
    data.cbrs.flatMap((cbr): Chart[] => {
      const cells = data.cells.filter((cell) => cell.snrDb === snrDb && cell.cbr === cbr);
      const series = families.flatMap((family): ChartSeries[] => {
        const own = cells.filter((cell) => cell.series.family === family);
        const points = own.flatMap((cell) => {
          const [distortion, perception] = [measureOf(cell, psnr), measureOf(cell, measure)];
          const note = own.length === 1 || cell.series.setting === '' ? undefined : cell.series.setting;
          return distortion === undefined || perception === undefined
            ? []
            : [
                {
                  x: distortion.value,
                  xInterval: distortion.interval,
                  y: perception.value,
                  yInterval: perception.interval,
                  note,
                },
              ];
        });
        points.sort((a, b) => (a.note ?? '').localeCompare(b.note ?? '', 'en', { numeric: true }));
        return points.length === 0 ? [] : [{ label: own.length === 1 ? own[0]!.series.label : family, points }];
      });
      return series.flatMap(({ points }) => points).length < 2
        ? []
        : [
            {
              name: `perception-${fileText(measure.name)}-snr${snrDb}dB-cbr${fileText(cbr)}`,
              caption: `${nameOf(measure)} (lower is better) against PSNR (higher is better) at CSNR ${snrDb} dB and CBR ${cbr}.`,
              x: { label: axisLabel(psnr) },
              y: { label: axisLabel(measure) },
              series,
            },
          ];
    }),
  );
}

/** Median, and from the 5th to the 95th percentile; none where there is no time. */
function spread(times: readonly number[], y: number): ChartPoint[] {
  const at = (p: number): number => Math.max(0.01, quantile(times, p)!);
  return times.length === 0 ? [] : [{ x: at(0.5), y, xInterval: { low: at(0.05), high: at(0.95) } }];
}

/** The time that the samples of a frame take on the air, in ms. */
function airMs({ cbrWithOverhead, channelUses, width, height }: SeededRow, sampleRateHz: number): number {
  const samples = cbrWithOverhead === undefined ? channelUses : cbrWithOverhead * 3 * width * height;
  return (1000 * samples) / sampleRateHz;
}

function latency({ series, cells, sampleRatesHz }: Dataset): Chart[] {
  const rowsOf = (each: Series): SeededRow[] =>
    cells.filter((cell) => cell.series === each).flatMap(({ rows }) => [...rows]);
  const x: ChartAxis = { label: 'time (ms)', scale: 'log' };
  const spent = 'Median, and from the 5th to the 95th percentile over photographs, SNRs and rates';
  const sent = series.filter((each) => rowsOf(each).some(({ encodeMs }) => encodeMs !== undefined));
  const parts: Readonly<Record<string, (row: SeededRow, sampleRateHz: number) => number>> = {
    encode: ({ encodeMs }) => encodeMs ?? NaN,
    'on the air': airMs,
    decode: ({ decodeMs }) => decodeMs,
    sum: (row, sampleRateHz) => (row.encodeMs ?? NaN) + airMs(row, sampleRateHz) + row.decodeMs,
  };
  const [sampleRateHz, ...otherRates] = sampleRatesHz;
  const oneFrame: Chart = {
    name: 'latency-frame',
    caption:
      `Latency of one frame: encoding, its samples at ${(sampleRateHz ?? 0) / 1e6} MHz, decoding, and their sum. ${spent}, with as ` +
      'many photographs under way as the sweep had. Reading files, sockets and queues are not counted.',
    x,
    y: { label: '', ticks: sent.map(({ label }, value) => ({ value, text: label })) },
    series: Object.entries(parts).map(([label, of]) => ({
      label,
      points: sent.flatMap((each, y) =>
        spread(
          rowsOf(each)
            .map((row) => of(row, sampleRateHz!))
            .filter((ms) => !Number.isNaN(ms)),
          y,
        ),
      ),
    })),
  };
  return [
    {
      name: 'latency',
      caption: `Decoding time at the receiver. ${spent}, with as many photographs under way as the sweep had.`,
      x: { ...x, label: 'decoding time (ms)' },
      y: { label: '', ticks: series.map(({ label }, value) => ({ value, text: label })) },
      series: series.map((each, y) => ({
        label: '',
        points: spread(
          rowsOf(each).map(({ decodeMs }) => decodeMs),
          y,
        ),
      })),
    },
    ...(sent.length === 0 || otherRates.length > 0 ? [] : [oneFrame]),
  ];
}
