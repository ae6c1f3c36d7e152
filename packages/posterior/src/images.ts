import type { RandomSource, Tensor } from '@semcast/core';

/*
 * Arithmetic on images of one frame. Everything gives new tensors: a request holds the old ones. Indexed loops, because
 * these run between network evaluations of a 256 × 256 image (196,608 values) and must not be seen in a profile.
 */

/** a·x + b·y */
export function combine(a: number, x: Tensor, b: number, y: Tensor): Tensor {
  const out = new Float32Array(x.data.length);
  const [xs, ys] = [x.data, y.data];
  for (let i = 0; i < out.length; i++) {
    out[i] = a * xs[i]! + b * ys[i]!;
  }
  return { data: out, dims: x.dims };
}

/** a·x + b·y + c·z */
export function combineThree(a: number, x: Tensor, b: number, y: Tensor, c: number, z: Tensor): Tensor {
  const out = new Float32Array(x.data.length);
  const [xs, ys, zs] = [x.data, y.data, z.data];
  for (let i = 0; i < out.length; i++) {
    out[i] = a * xs[i]! + b * ys[i]! + c * zs[i]!;
  }
  return { data: out, dims: x.dims };
}

/** x + σ·n, n standard normal. */
export function addNoise(x: Tensor, sigma: number, random: RandomSource): Tensor {
  const out = x.data.slice();
  random.addNormal(out, sigma);
  return { data: out, dims: x.dims };
}

/** Normal numbers of standard deviation σ in the shape of x. */
export function noiseLike(x: Tensor, random: RandomSource, sigma = 1): Tensor {
  const out = new Float32Array(x.data.length);
  random.addNormal(out, sigma);
  return { data: out, dims: x.dims };
}

/** √(mean x²) over all values of this image. */
export function rms(x: Tensor): number {
  let sum = 0;
  const values = x.data;
  for (let i = 0; i < values.length; i++) {
    sum += values[i]! * values[i]!;
  }
  return Math.sqrt(sum / values.length);
}

/** √(mean (x - y)²) */
export function rmsDifference(x: Tensor, y: Tensor): number {
  let sum = 0;
  const [xs, ys] = [x.data, y.data];
  for (let i = 0; i < xs.length; i++) {
    const difference = xs[i]! - ys[i]!;
    sum += difference * difference;
  }
  return Math.sqrt(sum / xs.length);
}

/** x with every value in [low, high]; NaN stays NaN. */
export function clip(x: Tensor, [low, high]: readonly [number, number]): Tensor {
  const out = new Float32Array(x.data.length);
  const values = x.data;
  for (let i = 0; i < out.length; i++) {
    const value = values[i]!;
    out[i] = value < low ? low : value > high ? high : value;
  }
  return { data: out, dims: x.dims };
}

/** Whether every value is finite. Infinities and NaN survive a sum, and finite float32 values can't overflow a double. */
export function isFiniteImage(x: Tensor): boolean {
  let sum = 0;
  const values = x.data;
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
  }
  return Number.isFinite(sum);
}
