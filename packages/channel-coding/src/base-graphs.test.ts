import { describe, expect, it } from 'vitest';
import { BASE_GRAPHS, LIFTING_SETS, LIFTING_SIZES, liftingSetOf } from './base-graphs.js';

describe('base graphs', () => {
  it.each([
    [1, { rows: 46, columns: 68, edges: 316 }],
    [2, { rows: 42, columns: 52, edges: 197 }],
  ] as const)('base graph %i has the size of TS 38.212', (number, { rows, columns, edges }) => {
    const graph = BASE_GRAPHS[number];
    expect(graph.rows).toBe(rows);
    expect(graph.columns).toBe(columns);
    expect(graph.edgeColumns).toHaveLength(edges);
    expect(graph.shifts.map((set) => set.length)).toEqual(LIFTING_SETS.map(() => edges));
  });

  it.each([1, 2] as const)('base graph %i has the structure that encoding relies on', (number) => {
    const { rows, informationColumns, edgeColumns, rowStarts, shifts } = BASE_GRAPHS[number];
    const columnsOf = (row: number): number[] => edgeColumns.slice(rowStarts[row], rowStarts[row + 1]);
    for (let row = 0; row < rows; row++) {
      expect(columnsOf(row)).toEqual([...new Set(columnsOf(row))].toSorted((a, b) => a - b));
    }
    for (let row = 4; row < rows; row++) {
      expect(columnsOf(row).at(-1)).toBe(informationColumns + row);
      expect(columnsOf(row).at(-2)).toBeLessThan(informationColumns + 4);
    }
    // p0 in the core has three entries, the outer two alike. The other parity columns aren't shifted.
    const core = edgeColumns.slice(0, rowStarts[4]);
    for (const set of shifts) {
      const [upper, , lower] = core.flatMap((column, edge) => (column === informationColumns ? [set[edge]] : []));
      expect(upper).toBe(lower);
      expect(new Set(core.flatMap((column, edge) => (column > informationColumns ? [set[edge]] : [])))).toEqual(
        new Set([0]),
      );
    }
  });

  it('has the 51 lifting sizes, and shifts below the largest of their set', () => {
    expect(LIFTING_SIZES).toHaveLength(51);
    expect(LIFTING_SIZES.at(-1)).toBe(384);
    for (const graph of [BASE_GRAPHS[1], BASE_GRAPHS[2]]) {
      graph.shifts.forEach((shifts, set) => {
        expect(Math.max(...shifts)).toBeLessThan(LIFTING_SETS[set]!.at(-1)!);
      });
    }
    expect(liftingSetOf(288)).toBe(4);
    expect(() => liftingSetOf(17)).toThrow('17 is no lifting size of NR');
  });
});
