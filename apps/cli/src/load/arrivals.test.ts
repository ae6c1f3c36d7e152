import { describe, expect, it } from 'vitest';
import { ARRIVAL_KINDS, arrivals, type Arrival, type ArrivalOptions } from './arrivals.js';
import { steady } from './rate-profile.js';

function take(count: number, options: Partial<ArrivalOptions> = {}): Arrival[] {
  const source = arrivals({ kind: 'poisson', profile: steady(10, 10_000), streams: 4, seed: 1, ...options });
  return Array.from({ length: count }, () => source.next().value!);
}

const gapsOf = (times: readonly number[]): number[] => times.slice(1).map((at, i) => at - times[i]!);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('arrivals', () => {
  it.each(ARRIVAL_KINDS)('%s: in order, and the same again for the same seed', (kind) => {
    const first = take(500, { kind });
    expect(take(500, { kind })).toEqual(first);
    expect(gapsOf(first.map(({ atMs }) => atMs)).every((gap) => gap > 0)).toBe(true);
    expect(new Set(first.map(({ stream }) => stream))).toEqual(new Set([0, 1, 2, 3]));
  });

  it('constant: evenly spaced, streams in turn', () => {
    expect(take(5, { kind: 'constant', streams: 2 })).toEqual([
      { atMs: 0, stream: 0 },
      { atMs: 100, stream: 1 },
      { atMs: 200, stream: 0 },
      { atMs: 300, stream: 1 },
      { atMs: 400, stream: 0 },
    ]);
  });

  it('poisson: exponential gaps, in all and in each stream', () => {
    const all = take(40_000);
    const times = [all, all.filter(({ stream }) => stream === 2)].map((some) => some.map(({ atMs }) => atMs));
    for (const [i, expected] of [100, 400].entries()) {
      const gaps = gapsOf(times[i]!);
      const average = mean(gaps);
      const deviation = Math.sqrt(mean(gaps.map((gap) => (gap - average) ** 2)));
      // Mean and deviation of an exponential are equal; the seed is fixed, so these don't waver.
      expect(average / expected).toBeCloseTo(1, 1);
      expect(deviation / average).toBeCloseTo(1, 1);
      expect(gaps.filter((gap) => gap > expected).length / gaps.length).toBeCloseTo(Math.exp(-1), 1);
    }
  });

  it('poisson: another seed, other times', () => {
    expect(take(3, { seed: 2 })).not.toEqual(take(3));
  });

  it.each(ARRIVAL_KINDS)('%s: follow a rate that changes, to its end', (kind) => {
    // Up from 0 to 100 a second, then a spike of 1000.
    const profile = [
      { atS: 0, rate: 0 },
      { atS: 100, rate: 100 },
      { atS: 100, rate: 1000 },
      { atS: 105, rate: 1000 },
    ];
    const all = [...arrivals({ kind, profile, streams: 3, seed: 1 })].map(({ atMs }) => atMs / 1000);
    const within = (from: number, to: number): number => all.filter((at) => at >= from && at < to).length;
    const [first, second, spike] = [within(0, 50), within(50, 100), within(100, 105)];
    expect(first + second + spike).toBe(all.length);
    // 1250, 3750 and 5000, to four standard deviations of a Poisson number.
    expect(Math.abs(first - 1250)).toBeLessThan(4 * Math.sqrt(1250));
    expect(Math.abs(second - 3750)).toBeLessThan(4 * Math.sqrt(3750));
    expect(Math.abs(spike - 5000)).toBeLessThan(4 * Math.sqrt(5000));
  });
});
