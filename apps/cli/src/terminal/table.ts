import Table from 'cli-table3';
import { fitColumns, type Column } from './columns.js';
import type { Colours } from './terminal.js';
import { visibleWidth } from './width.js';

/** A column of a table whose rows are all there: its width follows from them. */
export type TableColumn<Row> = Omit<Column<Row>, 'width'>;

/** Two rules and no cage: figures are read down the column, and lines between them are noise. */
const LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '  ',
  'left-mid': '  ',
  mid: '─',
  'mid-mid': '──',
  right: '',
  'right-mid': '',
  middle: '  ',
} as const;

export interface TableOptions {
  readonly colours: Colours;
  readonly width: number;
  /** The last row sums up the others: a rule stands above it. */
  readonly footer?: boolean;
}

const isRule = (line: string): boolean => /^\s*─+$/.test(line);

/** A whole table as lines: a title row, a rule, the rows, and a rule above the footer when there is one. */
export function renderTable<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  { colours, width, footer = false }: TableOptions,
): string[] {
  const measured = columns.map((column): Column<Row> => ({
    ...column,
    width: Math.max(0, ...rows.map((row) => visibleWidth(column.cell(row)))),
  }));
  const kept = fitColumns(measured, width - LINES.left.length);
  const table = new Table({
    head: kept.map(({ title }) => colours.bold(title)),
    colAligns: kept.map(({ align }) => align ?? 'left'),
    chars: LINES,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) {
    table.push(kept.map((column) => column.cell(row)));
  }
  const lines = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  // cli-table3 puts a rule between any two rows: only the first (below the titles) and a footer's are kept.
  const last = lines.findLastIndex(isRule);
  const first = lines.findIndex(isRule);
  return lines
    .filter((line, i) => !isRule(line) || i === first || (footer && i === last))
    .map((line) => (isRule(line) ? colours.dim(line) : line));
}
