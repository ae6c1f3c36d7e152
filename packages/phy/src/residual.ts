import { ArgumentError, type ComplexVector } from '@semcast/core';
import { complexCount } from './complex.js';
import { PowerError, ShapeError } from './errors.js';
import { checkGains, type Gains } from './gains.js';

export interface ResidualOptions {
  /** y, as received. */
  readonly samples: ComplexVector;
  /** h; null means a gain of 1. */
  readonly gains: Gains | null;
  /** E(x̂): the symbols that the reconstruction would have sent, in the order of the samples. */
  readonly symbols: ComplexVector;
  /** N0 per complex sample, above 0. */
  readonly noiseVariance: number;
}

/**
 * The measurement residual, mean|y - h⊙E(x̂)|²/N0.
 *
 * Near 1 when the reconstruction x̂ explains what was received as well as noise allows; above it when x̂ contradicts
 * the samples, below it when x̂ has fitted the noise.
 */
export function measurementResidual({ samples, gains, symbols, noiseVariance }: ResidualOptions): number {
  const sampleCount = complexCount(samples);
  if (symbols.length !== samples.length) {
    throw new ShapeError(`${samples.length / 2} samples can't be compared with ${symbols.length / 2} symbols`);
  }
  if (!(noiseVariance > 0 && noiseVariance < Infinity)) {
    throw new ArgumentError(`a residual can't be measured against noise of variance ${noiseVariance}`);
  }
  if (sampleCount === 0) {
    throw new PowerError('a frame without samples has no residual');
  }
  if (gains !== null) {
    checkGains(gains, sampleCount);
  }
  const { coherence, values } = gains ?? { coherence: sampleCount, values: new Float32Array([1, 0]) };
  let sum = 0;
  for (let block = 0, i = 0; block < values.length; block += 2) {
    const gainI = values[block]!;
    const gainQ = values[block + 1]!;
    const end = Math.min(i + 2 * coherence, samples.length);
    for (; i < end; i += 2) {
      const errorI = samples[i]! - (gainI * symbols[i]! - gainQ * symbols[i + 1]!);
      const errorQ = samples[i + 1]! - (gainI * symbols[i + 1]! + gainQ * symbols[i]!);
      sum += errorI * errorI + errorQ * errorQ;
    }
  }
  return sum / sampleCount / noiseVariance;
}
