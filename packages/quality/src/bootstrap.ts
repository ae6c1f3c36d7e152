import { randomFor } from '@semcast/core';

const SAMPLES = 2000;

/** A 95 % interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Drawing is the same for every statistic of as many photographs. */
const drawn = new Map<number, readonly (readonly number[])[]>();

function samplesOf(count: number): readonly (readonly number[])[] {
  const known = drawn.get(count);
  if (known !== undefined) {
    return known;
  }
  const random = randomFor({ seed: 0, stream: 'bootstrap', frame: 0, purpose: 'sampler' });
  const samples = Array.from({ length: SAMPLES }, () =>
    Array.from({ length: count }, () => Math.min(count - 1, Math.floor(random.uniform() * count))),
  );
  drawn.set(count, samples);
  return samples;
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
  const values = samplesOf(count)
    .map((sample) => statistic(sample))
    .sort((a, b) => a - b);
  return { low: values[Math.floor(0.025 * SAMPLES)]!, high: values[Math.ceil(0.975 * SAMPLES) - 1]! };
}
