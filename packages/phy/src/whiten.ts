import type { ComplexVector } from '@semcast/core';
import type { ReceivedSymbols } from './waveforms/waveform.js';

/** No symbol counts for more than this many times the noisiest, in power. */
const MOST_WEIGHT = 1e5;

/**
 * Scale what came of each symbol, and its gain, so that the noise of all has one variance, the largest among them: what
 * follows then needs no weights, and knows no less.
 *
 * @returns y and h as they are where the noise has one variance already
 */
export function whiten({ y, h, noiseVariance }: ReceivedSymbols): Pick<ReceivedSymbols, 'y' | 'h'> & {
  noiseVariance: number;
} {
  const largest = noiseVariance.reduce((most, variance) => Math.max(most, variance), 0);
  if (noiseVariance.every((variance) => variance === largest)) {
    return { y, h, noiseVariance: largest };
  }
  const scaleOf = (i: number): number => Math.sqrt(Math.min(MOST_WEIGHT, largest / noiseVariance[Math.floor(i / 2)]!));
  const scaled = (values: ComplexVector): ComplexVector => values.map((value, i) => scaleOf(i) * value);
  return {
    y: scaled(y),
    h: h === null ? y.map((_, i) => (i % 2 === 0 ? scaleOf(i) : 0)) : scaled(h),
    noiseVariance: largest,
  };
}
