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

const GAP = '  ';

/** Width of a table of these columns. */
function tableWidth(columns: readonly { readonly title: string; readonly width: number }[]): number {
  return columns.reduce(
    (sum, { title, width }, i) => sum + Math.max(visibleWidth(title), width) + (i === 0 ? 0 : GAP.length),
    0,
  );
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
  readonly header: string;
  readonly width: number;
  row(row: Row): string;
}

export function createRowPrinter<Row>(columns: readonly Column<Row>[], width: number, indent = '  '): RowPrinter<Row> {
  const kept = fitColumns(columns, width - indent.length);
  const widths = kept.map((column) => Math.max(visibleWidth(column.title), column.width));
  const join = (cells: readonly string[]): string => indent + cells.join(GAP).trimEnd();
  return {
    header: join(kept.map(({ title, align }, i) => fit(title, widths[i]!, align))),
    width: tableWidth(kept),
    row: (row) => join(kept.map((column, i) => fit(column.cell(row), widths[i]!, column.align))),
  };
}
