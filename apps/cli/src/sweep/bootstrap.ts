import { randomFor } from '@semcast/core';

const SAMPLES = 2000;

/** A 95 % interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Percentile interval of a statistic of photographs, by drawing as many photographs as there are, with replacement
 * (Efron, Tibshirani 1993, chapter 13). A statistic of differences between two decoders on the same photographs makes
 * it a paired one.
 *
 * @param count number of photographs
 * @param statistic of photographs by their places, some of them several times
 */
export function bootstrapInterval(count: number, statistic: (photographs: readonly number[]) => number): Interval {
  const random = randomFor({ seed: 0, stream: 'bootstrap', frame: 0, purpose: 'sampler' });
  const values = Array.from({ length: SAMPLES }, () =>
    statistic(Array.from({ length: count }, () => Math.min(count - 1, Math.floor(random.uniform() * count)))),
  ).sort((a, b) => a - b);
  return { low: values[Math.floor(0.025 * SAMPLES)]!, high: values[Math.ceil(0.975 * SAMPLES) - 1]! };
}
