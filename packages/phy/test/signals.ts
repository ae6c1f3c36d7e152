import { meanPower, randomFor, type ChannelState, type ComplexVector, type Gains, type Tap } from '@semcast/core';
import { createModem } from '../src/index.js';

/** Complex Gaussian samples of variance `variance` per complex sample. */
export function complexNormal(count: number, variance: number, purpose: string, frame = 0): ComplexVector {
  const values = new Float32Array(2 * count);
  randomFor({ seed: 17, stream: 'phy', frame, purpose }).fillNormal(values, Math.sqrt(variance / 2));
  return values;
}

/** Complex Gaussian symbols of mean power exactly 1 over the frame, as a codec sends them. */
export function unitSymbols(count: number, frame = 0): ComplexVector {
  const symbols = complexNormal(count, 1, 'symbols', frame);
  const scale = 1 / Math.sqrt(meanPower(symbols));
  return symbols.map((value) => scale * value);
}

/** The complex product a·b, sample by sample; with `conjugate`, a*·b. */
export function multiply(a: ComplexVector, b: ComplexVector, conjugate = false): ComplexVector {
  const sign = conjugate ? -1 : 1;
  const product = new Float32Array(a.length);
  for (let i = 0; i < a.length; i += 2) {
    const [aI, aQ, bI, bQ] = [a[i]!, sign * a[i + 1]!, b[i]!, b[i + 1]!];
    product[i] = aI * bI - aQ * bQ;
    product[i + 1] = aI * bQ + aQ * bI;
  }
  return product;
}

export function add(a: ComplexVector, b: ComplexVector): ComplexVector {
  return a.map((value, i) => value + b[i]!);
}

export function subtract(a: ComplexVector, b: ComplexVector): ComplexVector {
  return a.map((value, i) => value - b[i]!);
}

/** mean(a*·b): the correlation of two complex vectors. */
export function meanProduct(a: ComplexVector, b: ComplexVector): { re: number; im: number } {
  const product = multiply(a, b, true);
  let [re, im] = [0, 0];
  for (let i = 0; i < product.length; i += 2) {
    re += product[i]!;
    im += product[i + 1]!;
  }
  return { re: (2 * re) / product.length, im: (2 * im) / product.length };
}

/** The exponential integral E1(x), x > 0, by its series (Abramowitz & Stegun 5.1.11); exact enough below 3. */
export function expIntegralE1(x: number): number {
  let sum = -0.577_215_664_901_532_9 - Math.log(x);
  let term = 1;
  for (let k = 1; k < 60; k++) {
    term *= -x / k;
    sum -= term / k;
  }
  return sum;
}

/** A flat channel of these gains; null means a gain of 1. */
export function flat(gains: Gains | null, noiseVariance: number): ChannelState {
  return { taps: gains === null ? null : [{ delay: 0, gains }], noiseVariance };
}

/** One gain for each sample, as a single carrier has them. */
export function expandGains(gains: Gains | null, sampleCount: number): ComplexVector {
  const ones = new Float32Array(2 * sampleCount).map((_, i) => 1 - (i % 2));
  return createModem('single-carrier').demodulate(ones, sampleCount, flat(gains, 0)).h ?? ones;
}

/** What comes of samples over these paths, without noise. */
export function applyTaps(samples: ComplexVector, { taps }: ChannelState): ComplexVector {
  return (taps ?? []).reduce((sum: ComplexVector, { delay, gains }) => {
    const late = new Float32Array(samples.length);
    late.set(samples.subarray(0, samples.length - 2 * delay), 2 * delay);
    return add(sum, multiply(expandGains(gains, samples.length / 2), late));
  }, new Float32Array(samples.length));
}

/** A path whose gain holds for the frame. */
export function constantTap(delay: number, sampleCount: number, ...gain: [number, number]): Tap {
  return { delay, gains: { coherence: sampleCount, values: Float32Array.from(gain) } };
}

/** H(c) = Σ_l h_l·e^(-i2πcl/M) of each carrier c, for paths whose gains hold for the frame. */
export function gainsOn(carriers: ArrayLike<number>, fftSize: number, taps: readonly Tap[]): ComplexVector {
  const gains = new Float32Array(2 * carriers.length);
  for (const [k, c] of Array.from(carriers).entries()) {
    for (const { delay, gains: path } of taps) {
      const angle = (-2 * Math.PI * c * delay) / fftSize;
      const term = multiply(path.values, Float32Array.of(Math.cos(angle), Math.sin(angle)));
      gains[2 * k]! += term[0]!;
      gains[2 * k + 1]! += term[1]!;
    }
  }
  return gains;
}
