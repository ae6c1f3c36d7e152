import type { ComplexVector } from '@semcast/core';
import { ShapeError } from './errors.js';

/**
 * The number of complex samples in a vector.
 *
 * @throws ShapeError when I and Q don't come in pairs
 */
export function complexCount(samples: ComplexVector): number {
  if (samples.length % 2 !== 0) {
    throw new ShapeError(`${samples.length} values are no complex vector: I and Q must come in pairs`);
  }
  return samples.length / 2;
}
