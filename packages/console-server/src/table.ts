import type { Row } from '@semcast/console-messages';

/** Rows with the revision at which each came, so that a page gets those that it hasn't got. */
interface Kept {
  readonly revision: number;
  readonly row: Row;
}

export interface TableOptions {
  /** Names of the columns behind the time. */
  readonly columns: readonly string[];
  /** Rows kept; the oldest are forgotten. */
  readonly capacity: number;
  /** Rows that come within this many milliseconds are one row, of their means: a fast stream doesn't shorten the view. */
  readonly slotMs: number;
}

/** Curves over time: a bounded table of rows, means over slots of time. */
export class Table {
  readonly columns: readonly string[];
  readonly capacity: number;
  readonly #slotMs: number;
  readonly #rows: Kept[] = [];
  #newestMs = -Infinity;
  #slot: { readonly number: number; readonly times: number[]; readonly rows: Row[] } | undefined;

  constructor({ columns, capacity, slotMs }: TableOptions) {
    this.columns = columns;
    this.capacity = capacity;
    this.#slotMs = slotMs;
  }

  get size(): number {
    return this.#rows.length;
  }

  /** Add figures, one a column. What seems to come from before the newest row has its time: plots want time to rise. */
  add(givenMs: number, values: Row, revision: number): void {
    const atMs = Math.max(givenMs, this.#newestMs);
    this.#newestMs = atMs;
    const number = Math.floor(atMs / this.#slotMs);
    if (this.#slot !== undefined && this.#slot.number !== number) {
      this.#close(revision);
    }
    this.#slot ??= { number, times: [], rows: [] };
    this.#slot.times.push(atMs);
    this.#slot.rows.push(values);
  }

  /** Make rows of slots that have passed; whether there was one. */
  settle(nowMs: number, revision: number): boolean {
    if (this.#slot === undefined || Math.floor(nowMs / this.#slotMs) === this.#slot.number) {
      return false;
    }
    this.#close(revision);
    return true;
  }

  /** Rows that came after a revision, the oldest first. */
  since(revision: number): Row[] {
    return this.#rows.filter((kept) => kept.revision > revision).map(({ row }) => row);
  }

  #close(revision: number): void {
    const { times, rows } = this.#slot!;
    this.#slot = undefined;
    const means = this.columns.map((_, column) => meanOf(rows.map((row) => row[column] ?? null)));
    this.#rows.push({ revision, row: [meanOf(times)!, ...means] });
    if (this.#rows.length > this.capacity) {
      this.#rows.shift();
    }
  }
}

/** Of those that are there. */
function meanOf(values: readonly (number | null)[]): number | null {
  const there = values.filter((value) => value !== null);
  return there.length === 0 ? null : there.reduce((sum, value) => sum + value, 0) / there.length;
}
