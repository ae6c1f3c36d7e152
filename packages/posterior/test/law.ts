import type { Tensor } from '@semcast/core';
import type { Affine } from './gaussian-toy.js';
import { add, apply, identity, sandwich, scale, sum, trace, type Matrix, type Vector } from './matrix.js';

/** Mean and covariance of the colours of a position: all there is to know of a Gaussian sampler's state. */
export interface Law {
  readonly mean: Vector;
  readonly covariance: Matrix;
}

export const pointLaw = (mean: Vector): Law => ({ mean, covariance: scale(0, identity(mean.length)) });

/** The law of matrix·x + offset + deviation·n. */
export function mapLaw({ mean, covariance }: Law, { matrix, offset }: Affine, deviation = 0): Law {
  const spread = sandwich(matrix, covariance);
  return {
    mean: add(apply(matrix, mean), offset),
    covariance: sum(spread, scale(deviation ** 2, identity(spread.length))),
  };
}

/** E|x|² */
export function meanSquare({ mean, covariance }: Law): number {
  return mean.reduce((total, value) => total + value * value, 0) + trace(covariance);
}

/** Mean and covariance over the positions of a picture [3, h, w]. */
export function lawOf(image: Tensor): Law {
  const [channels = 0, height = 0, width = 0] = image.dims;
  const positions = height * width;
  const planes = Array.from({ length: channels }, (_, c) => image.data.subarray(c * positions, (c + 1) * positions));
  const mean = planes.map((plane) => plane.reduce((total, value) => total + value, 0) / positions);
  const covariance = planes.map((a, i) =>
    planes.map((b, j) => a.reduce((total, value, p) => total + (value - mean[i]!) * (b[p]! - mean[j]!), 0) / positions),
  );
  return { mean, covariance };
}

/**
 * Where a sample of `positions` draws differs from a law by more than chance allows; empty if nowhere.
 *
 * Standard errors of a Gaussian sample: √(C_ii/P) for a mean, √((C_ii·C_jj + C_ij²)/P) for a covariance. Six of each:
 * five for the sampling, one because norms are those of a finite picture. `floor` is added where a law is only nearly
 * the sampler's, and for float32: in units of x and of its square.
 */
export function differences(actual: Law, expected: Law, positions: number, floor = 1e-6): string[] {
  const { mean, covariance } = expected;
  const errors = 6 / Math.sqrt(positions);
  const means = mean.map((value, i) => ({
    what: `mean ${i}`,
    is: actual.mean[i]!,
    expected: value,
    error: Math.sqrt(covariance[i]![i]!),
  }));
  const covariances = covariance.flatMap((row, i) =>
    row.map((value, j) => ({
      what: `covariance ${i} ${j}`,
      is: actual.covariance[i]![j]!,
      expected: value,
      error: Math.sqrt(row[i]! * covariance[j]![j]! + value ** 2),
    })),
  );
  return means
    .concat(covariances)
    .filter((entry) => !(Math.abs(entry.is - entry.expected) < errors * entry.error + floor))
    .map((entry) => `${entry.what} is ${entry.is}, expected ${entry.expected} ± ${errors * entry.error + floor}`);
}

/** How a law differs from the true posterior, colour by colour. */
export interface Bias {
  /** Largest |mean - μ| of a colour, in posterior standard deviations of that colour. */
  readonly mean: number;
  /** Smallest and largest ratio of a colour's variance to the posterior's. */
  readonly narrowest: number;
  readonly widest: number;
}

export function biasOf(law: Law, posterior: Law): Bias {
  const deviations = posterior.covariance.map((row, i) => Math.sqrt(row[i]!));
  const ratios = law.covariance.map((row, i) => row[i]! / posterior.covariance[i]![i]!);
  return {
    mean: Math.max(...law.mean.map((value, i) => Math.abs(value - posterior.mean[i]!) / deviations[i]!)),
    narrowest: Math.min(...ratios),
    widest: Math.max(...ratios),
  };
}
