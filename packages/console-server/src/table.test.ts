import { describe, expect, it } from 'vitest';
import { Table } from './table.js';

const tableOf = (capacity = 100) => new Table({ columns: ['a', 'b'], capacity, slotMs: 100 });

describe('a table of curves', () => {
  it('makes one row of what comes within a slot: means, of what is there', () => {
    const table = tableOf();
    table.add(1000, [1, null], 1);
    table.add(1040, [3, null], 2);
    table.add(1080, [5, 8], 3);
    expect(table.size).toBe(0);
    table.add(1100, [7, 7], 4);
    expect(table.since(-1)).toEqual([[1040, 3, 8]]);
    expect(table.settle(1199, 5)).toBe(false);
    expect(table.settle(1200, 5)).toBe(true);
    expect(table.settle(1300, 6)).toBe(false);
    expect(table.since(-1)).toEqual([
      [1040, 3, 8],
      [1100, 7, 7],
    ]);
  });

  it('has null where a column had nothing', () => {
    const table = tableOf();
    table.add(0, [null, 1], 1);
    table.settle(100, 2);
    expect(table.since(-1)).toEqual([[0, null, 1]]);
  });

  it('gives what came after a revision', () => {
    const table = tableOf();
    for (let i = 0; i < 5; i++) {
      table.add(100 * i, [i, i], i);
    }
    expect(table.since(2).map(([, a]) => a)).toEqual([2, 3]);
    expect(table.since(4)).toEqual([]);
  });

  it('forgets the oldest beyond its capacity', () => {
    const table = tableOf(3);
    for (let i = 0; i < 50; i++) {
      table.add(100 * i, [i, i], i);
    }
    expect(table.size).toBe(3);
    expect(table.since(-1).map(([, a]) => a)).toEqual([46, 47, 48]);
  });

  it('keeps time from going back', () => {
    const table = tableOf();
    for (const atMs of [1000, 990, 1110, 1050, 1210]) {
      table.add(atMs, [1, 1], 1);
    }
    table.settle(2000, 2);
    const times = table.since(-1).map(([atMs]) => atMs!);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});
