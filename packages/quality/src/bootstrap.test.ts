import { RandomSource } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { bootstrapInterval } from './bootstrap.js';

const meanOf = (values: readonly number[]) => (places: readonly number[]) =>
  places.reduce((sum, place) => sum + values[place]! / places.length, 0);

describe('the bootstrap', () => {
  it('covers the mean of normal numbers as a t-interval does, and repeats itself', () => {
    const random = new RandomSource([5, 6, 7, 8]);
    const values = Array.from({ length: 40 }, () => 2 + random.normal());
    const mean = meanOf(values)(values.map((_, i) => i));
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2 / 39, 0));
    const interval = bootstrapInterval(values.length, meanOf(values));
    const half = (1.96 * deviation) / Math.sqrt(40);
    expect(Math.abs(interval.low - (mean - half))).toBeLessThan(0.15 * half);
    expect(Math.abs(interval.high - (mean + half))).toBeLessThan(0.15 * half);
    expect(bootstrapInterval(values.length, meanOf(values))).toEqual(interval);
  });

  it('of a share is the quantiles of its binomial', () => {
    // 20 photographs of which 8 have a property: 20·mean* is binomial (20, 0.4), whose 2.5 % and 97.5 % quantiles are 4 and 12.
    const values = Array.from({ length: 20 }, (_, i) => Number(i < 8));
    const { low, high } = bootstrapInterval(20, meanOf(values));
    expect([Math.round(20 * low), Math.round(20 * high)]).toEqual([4, 12]);
  });

  it('has no width where all photographs agree', () => {
    expect(bootstrapInterval(5, meanOf([3, 3, 3, 3, 3]))).toEqual({ low: 3, high: 3 });
  });
});
