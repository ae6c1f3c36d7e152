import { csv, intervalText, numberText, type Table, type TableCell } from '@semcast/report';
import { BASELINE, type QualityColumn } from '../sweep/compare.js';
import { baselineOf, differenceOf, measureOf, type Cell, type Dataset, type Estimate } from './dataset.js';

const DASH: TableCell = { text: '–' };

function estimateCell(estimate: Estimate | undefined, digits: number): TableCell {
  return estimate === undefined
    ? DASH
    : {
        text: numberText(estimate.value, digits),
        note: estimate.interval === undefined ? undefined : intervalText(estimate.interval, digits),
      };
}

const arrow = ({ higherIsBetter }: QualityColumn): string => (higherIsBetter ? '↑' : '↓');

/** Cells that may be compared, SNR by SNR and rate by rate. */
function conditions({ snrsDb, cbrs, cells }: Dataset): { title: string; cells: readonly Cell[] }[] {
  return snrsDb
    .flatMap((snrDb) =>
      cbrs.map((cbr) => ({
        title: `CSNR ${snrDb} dB, CBR ${cbr}`,
        cells: cells.filter((cell) => cell.snrDb === snrDb && cell.cbr === cbr),
      })),
    )
    .filter((group) => group.cells.length > 0);
}

/** Means with their intervals; the best of each SNR and rate in bold. */
function resultsTable(data: Dataset): Table {
  return {
    name: 'results',
    caption:
      'Means over photographs and draws with 95 % bootstrap intervals (photographs drawn with replacement). A figure ' +
      'without interval is one of the whole set. Bold: the best of its SNR and rate. ↑: higher is better, ↓: lower is.',
    columns: [
      { title: 'decoder', align: 'left' },
      { title: 'n', align: 'right' },
      ...data.measures.map((measure) => ({ title: `${measure.title} ${arrow(measure)}`, align: 'right' as const })),
    ],
    groups: conditions(data).map(({ title, cells }) => {
      const best = data.measures.map((measure) => bestOf(cells, measure));
      return {
        title,
        rows: cells.map((cell) => [
          { text: cell.series.label },
          { text: String(cell.rows.length) },
          ...data.measures.map((measure, i) => {
            const shown = estimateCell(measureOf(cell, measure), measure.digits);
            return { ...shown, isBest: cells.length > 1 && shown.text === best[i] };
          }),
        ]),
      };
    }),
  };
}

/** As it is shown: figures that differ by less than the digits count as equal. */
function bestOf(cells: readonly Cell[], measure: QualityColumn): string | undefined {
  const values = cells.map((cell) => measureOf(cell, measure)?.value).filter((value) => value !== undefined);
  const best = measure.higherIsBetter ? Math.max(...values) : Math.min(...values);
  return values.length === 0 ? undefined : numberText(best, measure.digits);
}

/** What each decoder gains over the one-shot decoder on the same frames; undefined where there is none to compare. */
function differencesTable(data: Dataset): Table | undefined {
  const groups = conditions(data).map(({ title, cells }) => ({
    title,
    rows: cells.flatMap((cell) => {
      const baseline = baselineOf(cell, data);
      return baseline === undefined
        ? []
        : [
            [
              { text: cell.series.label },
              ...data.measures.map((measure) => estimateCell(differenceOf(cell, baseline, measure), measure.digits)),
            ],
          ];
    }),
  }));
  const shown = groups.filter(({ rows }) => rows.length > 0);
  return shown.length === 0
    ? undefined
    : {
        name: 'differences',
        caption: `Differences from ${BASELINE} on the same received samples, with paired 95 % bootstrap intervals over photographs.`,
        columns: [
          { title: 'decoder', align: 'left' },
          ...data.measures.map((measure) => ({
            title: `Δ ${measure.title} ${arrow(measure)}`,
            align: 'right' as const,
          })),
        ],
        groups: shown,
      };
}

/** Tables of a report: of all rates, or, as a page of LaTeX holds them, of each rate for itself. */
export function reportTables(data: Dataset): Table[] {
  return [resultsTable(data), differencesTable(data)].filter((table) => table !== undefined);
}

export function tablesByRate(data: Dataset): Table[] {
  return data.cbrs.flatMap((cbr) =>
    reportTables({ ...data, cbrs: [cbr] }).map((table) => ({
      ...table,
      name: `${table.name}-cbr${cbr.replace('/', '_')}`,
    })),
  );
}

/** Every mean of the report, a line each, at full precision. */
export function resultsCsv(data: Dataset): string {
  return csv(
    data.cells.flatMap((cell) =>
      data.measures.flatMap((measure) => {
        const estimate = measureOf(cell, measure);
        const { series, snrDb, cbr, cbrValue, photographs, rows } = cell;
        return estimate === undefined
          ? []
          : [
              {
                series: series.label,
                decoder: series.decoder,
                setting: series.setting,
                csnr_db: snrDb,
                cbr,
                cbr_with_overhead: cbrValue,
                photographs: photographs.length,
                n: rows.length,
                measure: measure.name,
                unit: measure.unit,
                mean: estimate.value,
                low_95: estimate.interval?.low ?? null,
                high_95: estimate.interval?.high ?? null,
              },
            ];
      }),
    ),
  );
}
