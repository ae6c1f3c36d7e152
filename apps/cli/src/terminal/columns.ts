import type { Colours } from './terminal.js';
import { fit, visibleWidth } from './width.js';

/** A column of a table: what it is called and how an entry reads. */
export interface Column<Row> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Widest entry, in columns; the title is never cut. */
  readonly width: number;
  /** Where there is too little room, columns of lower priority go first; 0 (default) never goes. */
  readonly optional?: number;
  cell(row: Row): string;
}

/** A column of a table whose rows are all there: its width follows from them. */
export type TableColumn<Row> = Omit<Column<Row>, 'width'>;

const GAP = '  ';
const INDENT = '  ';

const widthOf = ({ title, width }: Pick<Column<never>, 'title' | 'width'>): number =>
  Math.max(visibleWidth(title), width);

/** Width of a table of these columns. */
function tableWidth(columns: readonly Pick<Column<never>, 'title' | 'width'>[]): number {
  return columns.reduce((sum, column, i) => sum + widthOf(column) + (i === 0 ? 0 : GAP.length), 0);
}

/** The columns that fit into `width`: optional ones are left out, the least important (highest number) first. */
export function fitColumns<Row>(columns: readonly Column<Row>[], width: number): Column<Row>[] {
  let kept = [...columns];
  while (tableWidth(kept) > width) {
    const worst = Math.max(...kept.map(({ optional }) => optional ?? 0));
    if (worst === 0) {
      break;
    }
    kept = kept.filter(({ optional }) => (optional ?? 0) !== worst);
  }
  return kept;
}

/** Lines of a table whose rows come one at a time, so that widths are fixed beforehand. */
export interface RowPrinter<Row> {
  /** The titles, and a rule below them. */
  readonly header: readonly [titles: string, rule: string];
  readonly rule: string;
  row(row: Row): string;
}

export function createRowPrinter<Row>(
  columns: readonly Column<Row>[],
  { colours, width }: { readonly colours: Colours; readonly width: number },
): RowPrinter<Row> {
  const kept = fitColumns(columns, width - INDENT.length);
  const line = (text: (column: Column<Row>) => string): string =>
    INDENT +
    kept
      .map((column) => fit(text(column), widthOf(column), column.align))
      .join(GAP)
      .trimEnd();
  const rule = colours.dim(INDENT + '─'.repeat(tableWidth(kept)));
  return {
    header: [colours.bold(line(({ title }) => title)), rule],
    rule,
    row: (row) => line((column) => column.cell(row)),
  };
}

/** A whole table as lines: a title row, a rule, the rows. */
export function renderTable<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  options: { readonly colours: Colours; readonly width: number },
): string[] {
  const measured = columns.map((column): Column<Row> => ({
    ...column,
    cell: (row) => column.cell(row),
    width: Math.max(0, ...rows.map((row) => visibleWidth(column.cell(row)))),
  }));
  const printer = createRowPrinter(measured, options);
  return [...printer.header, ...rows.map((row) => printer.row(row))];
}
