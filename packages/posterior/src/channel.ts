import { meanPower, tensor, type ComplexVector, type Tensor } from '@semcast/core';
import { equalise, latentToSymbols, symbolsToLatent, type LatentLayout, type TapModel } from '@semcast/phy';
import { gainOf, symbolCount, type KnownChannel, type Observation, type Reception } from './observation.js';

/*
 * The received signal as complex symbols, in the order of `gainOf`: what an estimate of the channel is computed from.
 */

function layoutOf({ y, activeChannels }: Reception): LatentLayout {
  const [channels = 0, height = 0, width = 0] = y.dims;
  return { channels, positions: height * width, activeChannels };
}

/** The symbols of a latent [C, h, w] that were sent. */
export function symbolsOf(latent: Tensor, reception: Reception): ComplexVector {
  return latentToSymbols(latent.data, layoutOf(reception));
}

/** h of each symbol that was sent. */
export function gainsOf(reception: Reception): ComplexVector {
  const { gain } = reception;
  return Float32Array.from({ length: 2 * symbolCount(reception) }, (_, i) => {
    const plane = i % 2 === 0 ? gain?.real : gain?.imaginary;
    return plane === undefined ? 1 - (i % 2) : plane.data[i >> 1]!;
  });
}

/** A channel of these gains, and of the noise that was known before. */
export function channelOf(h: ComplexVector, { y, noiseVariance }: Reception): KnownChannel {
  return { gain: gainOf(h, y.dims), noiseVariance };
}

/** ẑ [1, C, h, w], equalised under the known channel. */
export function equalisedLatent(observation: Observation): Tensor {
  const { y, gain, noiseVariance, statistics } = observation;
  const received = {
    y: symbolsOf(y, observation),
    h: gain === null ? null : gainsOf(observation),
    noiseVariance: new Float64Array(symbolCount(observation)).fill(noiseVariance),
  };
  const { symbols } = equalise(received, 'mmse', statistics);
  return tensor(symbolsToLatent(symbols, layoutOf(observation)), [1, ...y.dims]);
}

/** a⊙b */
export function times(a: ComplexVector, b: ComplexVector): ComplexVector {
  const out = new Float32Array(a.length);
  for (let i = 0; i < out.length; i += 2) {
    out[i] = a[i]! * b[i]! - a[i + 1]! * b[i + 1]!;
    out[i + 1] = a[i]! * b[i + 1]! + a[i + 1]! * b[i]!;
  }
  return out;
}

/** arg Σ a_k*·b_k: by how much b is ahead of a; 0 where they have nothing in common. */
export function phaseBetween(a: ComplexVector, b: ComplexVector): number {
  let [re, im] = [0, 0];
  for (let i = 0; i < a.length; i += 2) {
    re += a[i]! * b[i]! + a[i + 1]! * b[i + 1]!;
    im += a[i]! * b[i + 1]! - a[i + 1]! * b[i]!;
  }
  return Math.atan2(im, re);
}

/** mean|a_k - b_k|² */
export function meanSquareBetween(a: ComplexVector, b: ComplexVector): number {
  return meanPower(a.map((value, i) => value - b[i]!));
}

/**
 * ∇ of ‖y - h⊙z‖₂ by the taps, h_k = Σ_l h_l·e^{-j2π·c_k·l/M}: ∂/∂Re + j·∂/∂Im of each,
 * -Σ_k e^{+j2π·c_k·l/M}·z_k*·r_k/‖r‖, r = y - h⊙z.
 *
 * @returns complex, one a tap
 */
export function tapGradient(
  y: ComplexVector,
  h: ComplexVector,
  z: ComplexVector,
  { fftSize, carriers, powers }: TapModel,
): ComplexVector {
  const predicted = times(h, z);
  // z*·r of each carrier.
  const matched = new Float64Array(2 * fftSize);
  let squares = 0;
  for (const [k, c] of carriers.entries()) {
    const [rI, rQ] = [y[2 * k]! - predicted[2 * k]!, y[2 * k + 1]! - predicted[2 * k + 1]!];
    squares += rI * rI + rQ * rQ;
    matched[2 * c]! += z[2 * k]! * rI + z[2 * k + 1]! * rQ;
    matched[2 * c + 1]! += z[2 * k]! * rQ - z[2 * k + 1]! * rI;
  }
  const norm = Math.sqrt(squares);
  return Float32Array.from({ length: 2 * powers.length }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < fftSize; c++) {
      const angle = (2 * Math.PI * ((c * (i >> 1)) % fftSize)) / fftSize;
      const [cos, sin, mI, mQ] = [Math.cos(angle), Math.sin(angle), matched[2 * c]!, matched[2 * c + 1]!];
      sum += i % 2 === 0 ? cos * mI - sin * mQ : cos * mQ + sin * mI;
    }
    return norm === 0 ? 0 : -sum / norm;
  });
}
