import { describe, expect, it } from 'vitest';
import { TimeSeries } from './time-series.js';

describe('the series of a run', () => {
  it('counts by the second', () => {
    const series = new TimeSeries(5000);
    series.add('due', 100);
    series.add('due', 1900);
    series.add('completed', 1950, 40);
    series.add('completed', 1999, 60);
    series.add('dropped', 2000);
    series.observeOutstanding(3, 1200);
    series.observeOutstanding(2, 1900);
    expect(series.points()).toEqual([
      {
        atS: 0,
        lengthS: 1,
        due: 1,
        completed: 0,
        dropped: 0,
        outstanding: 0,
        latencyMsMean: null,
        latencyMsMax: null,
      },
      { atS: 1, lengthS: 1, due: 1, completed: 2, dropped: 0, outstanding: 3, latencyMsMean: 50, latencyMsMax: 60 },
      {
        atS: 2,
        lengthS: 1,
        due: 0,
        completed: 0,
        dropped: 1,
        outstanding: 0,
        latencyMsMean: null,
        latencyMsMax: null,
      },
    ]);
  });

  it('leaves the warm-up out', () => {
    const series = new TimeSeries(5000);
    series.add('due', -1);
    series.observeOutstanding(9, -0.5);
    expect(series.points()).toEqual([]);
  });

  it('never has more points than it may, and loses no count', () => {
    const seconds = 24 * 3600;
    const series = new TimeSeries(1000 * seconds);
    for (let s = 0; s < seconds; s += 7) {
      series.add('due', s * 1000);
      series.add('completed', s * 1000 + 500, s);
      series.observeOutstanding(s === 70 ? 99 : 1, s * 1000);
    }
    const points = series.points();
    expect(points.length).toBeLessThanOrEqual(600);
    expect(points.reduce((sum, { due }) => sum + due, 0)).toBe(Math.ceil(seconds / 7));
    expect(Math.max(...points.map(({ outstanding }) => outstanding))).toBe(99);
    const { atS, lengthS } = points.at(-1)!;
    expect(atS + lengthS).toBeGreaterThanOrEqual(seconds - 7);
    expect(lengthS).toBe(2 ** 8);
    // What comes later than anything was waited for counts in the last interval.
    series.add('dropped', 1e9);
    expect(series.points().at(-1)).toMatchObject({ atS: 599 * 2 ** 8, dropped: 1 });
  });
});
