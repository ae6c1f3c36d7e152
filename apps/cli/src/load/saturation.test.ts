import { assert, double, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSustained, searchSaturation } from './saturation.js';

describe('a rate is sustained', () => {
  it.each([
    [{ sent: 1000, completedWithin: 950, backlogDrops: 0 }, true],
    [{ sent: 1000, completedWithin: 949, backlogDrops: 0 }, false],
    [{ sent: 1000, completedWithin: 1010, backlogDrops: 0 }, true],
    [{ sent: 1000, completedWithin: 1000, backlogDrops: 1 }, false],
    // 5 % of thirty frames are one: two may be late; one of ten; none of nine.
    [{ sent: 30, completedWithin: 28, backlogDrops: 0 }, true],
    [{ sent: 30, completedWithin: 27, backlogDrops: 0 }, false],
    [{ sent: 10, completedWithin: 9, backlogDrops: 0 }, true],
    [{ sent: 10, completedWithin: 8, backlogDrops: 0 }, false],
    [{ sent: 9, completedWithin: 8, backlogDrops: 0 }, false],
    [{ sent: 1, completedWithin: 0, backlogDrops: 0 }, false],
    [{ sent: 0, completedWithin: 0, backlogDrops: 0 }, false],
  ])('%j: %j', (figures, expected) => {
    expect(isSustained(figures)).toBe(expected);
  });
});

function search(capacity: number, firstRate: number) {
  const rates = searchSaturation({ firstRate, minRate: 0.01, maxRate: 10_000 });
  const tried: number[] = [];
  let found: number | null = null;
  for (let next = rates.next(); next.done !== true; next = rates.next(next.value <= capacity)) {
    tried.push(next.value);
    found = next.value <= capacity ? Math.max(found ?? 0, next.value) : found;
  }
  return { tried, found };
}

describe('the search for saturation', () => {
  it('doubles, then halves the bracket', () => {
    expect(search(5, 1)).toEqual({ tried: [1, 2, 4, 8, 5.66, 4.76, 5.19], found: 4.76 });
  });

  it('goes down when the first rate is too much', () => {
    expect(search(0.6, 2).tried.slice(0, 3)).toEqual([2, 1, 0.5]);
  });

  it('ends, within a tenth of the capacity', () => {
    assert(
      property(double({ min: 0.05, max: 5000, noNaN: true }), integer({ min: 1, max: 50 }), (capacity, first) => {
        const { tried, found } = search(capacity, first);
        expect(tried.length).toBeLessThanOrEqual(17);
        expect(found).toBeLessThanOrEqual(capacity);
        expect(found! * 1.1).toBeGreaterThanOrEqual(capacity);
      }),
    );
  });

  it('ends when nothing is sustained, and when everything is', () => {
    expect(search(0, 1)).toMatchObject({ found: null });
    expect(search(0, 1).tried.at(-1)).toBe(0.01);
    expect(search(Infinity, 1)).toMatchObject({ found: 10_000 });
  });
});
