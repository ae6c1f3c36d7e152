import { integrate } from '../src/qpsk.js';

/** What the statistical tests of this package measure with. Closed forms come with their source. */

/** exp(-x)·I0(x) for x ≥ 0, from its integral, 1/π ∫ exp(x·(cos θ - 1)) dθ over 0 … π. */
export function scaledBesselI0(x: number): number {
  // The integrand is periodic and analytic, so equal steps converge faster than any power of the step.
  const steps = 64 + Math.ceil(4 * Math.sqrt(x));
  let sum = 0;
  for (let i = 0; i < steps; i++) {
    sum += Math.exp(x * (Math.cos((2 * Math.PI * (i + 0.5)) / steps) - 1));
  }
  return sum / steps;
}

/** P(|h| ≤ r) for Rayleigh fading with E|h|² = 1. */
export function rayleighCdf(r: number): number {
  return r <= 0 ? 0 : -Math.expm1(-r * r);
}

/**
 * The cdf of |h| for Rician fading with E|h|² = 1: density r/s²·exp(-(r² + ν²)/2s²)·I0(rν/s²) with ν² = K/(K+1) and
 * 2s² = 1/(K+1) (Rice 1945), integrated numerically on a grid and interpolated.
 */
export function riceCdf(k: number): (r: number) => number {
  const nu = Math.sqrt(k / (k + 1));
  const variance = 0.5 / (k + 1);
  const density = (r: number) =>
    (r / variance) * Math.exp(-((r - nu) ** 2) / (2 * variance)) * scaledBesselI0((r * nu) / variance);
  const end = nu + 12 * Math.sqrt(variance);
  const cells = 2000;
  const grid = new Float64Array(cells + 1);
  for (let i = 0; i < cells; i++) {
    grid[i + 1] = grid[i]! + integrate(density, (i * end) / cells, ((i + 1) * end) / cells, 2);
  }
  return (r) => {
    const position = (r / end) * cells;
    const cell = Math.floor(position);
    if (cell < 0) {
      return 0;
    }
    if (cell >= cells) {
      return 1;
    }
    return grid[cell]! + (position - cell) * (grid[cell + 1]! - grid[cell]!);
  };
}

/**
 * √n times the Kolmogorov-Smirnov distance of a sample from a distribution.
 *
 * Under that distribution it exceeds {@link KOLMOGOROV_LIMIT} once in a million times.
 */
export function kolmogorovStatistic(values: ArrayLike<number>, cdf: (x: number) => number): number {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const distance = sorted.reduce((most, value, i) => {
    const p = cdf(value);
    return Math.max(most, p - i / n, (i + 1) / n - p);
  }, 0);
  return distance * Math.sqrt(n);
}

/** The 1 - 1e-6 quantile of the Kolmogorov distribution: 2·exp(-2x²) = 1e-6. */
export const KOLMOGOROV_LIMIT = 2.693;

/** A sample's mean, and the standard error of that mean. */
export function estimateMean(values: ArrayLike<number>): { mean: number; standardError: number } {
  const n = values.length;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += values[i]!;
  }
  const mean = sum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    squares += (values[i]! - mean) ** 2;
  }
  return { mean, standardError: Math.sqrt(squares / (n - 1) / n) };
}

/** Pearson's correlation of two samples; its standard error is 1/√n where there is none. */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  const meanA = estimateMean(a).mean;
  const meanB = estimateMean(b).mean;
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const da = a[i]! - meanA;
    const db = b[i]! - meanB;
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  return ab / Math.sqrt(aa * bb);
}

/** |x| of complex samples. */
export function magnitudes(samples: Float32Array): Float64Array {
  return Float64Array.from({ length: samples.length / 2 }, (_, k) => Math.hypot(samples[2 * k]!, samples[2 * k + 1]!));
}

/** The real (`part` 0) or imaginary (1) parts of complex samples. */
export function parts(samples: Float32Array, part: 0 | 1): Float64Array {
  return Float64Array.from({ length: samples.length / 2 }, (_, k) => samples[2 * k + part]!);
}

/** The bytes behind a vector, to compare to the last bit. */
export function bytesOf(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}
