import { randomFor, type ComplexVector } from '@semcast/core';
import { ShapeError } from './errors.js';

/** How many permutations are remembered: one for each image size and rate in use at a time. */
export const MAX_CACHED_PERMUTATIONS = 16;

const cache = new Map<string, Uint32Array>();

/**
 * The interleaver's permutation of `count` symbols: sample k on the air is symbol `permutation[k]`.
 *
 * A Fisher-Yates shuffle (Durstenfeld 1964) drawn from (seed, count) alone, so that both ends have it without a word
 * on the wire.
 */
export function interleaverPermutation(count: number, seed = 0): Uint32Array {
  const key = `${seed}/${count}`;
  const known = cache.get(key);
  if (known !== undefined) {
    // Back to the end of the line: the oldest entry of the map is the one longest unused.
    cache.delete(key);
    cache.set(key, known);
    return known;
  }
  const permutation = Uint32Array.from({ length: count }, (_, k) => k);
  const random = randomFor({ seed, stream: '', frame: count, purpose: 'phy/interleaver' });
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random.uniform() * (last + 1));
    const kept = permutation[last]!;
    permutation[last] = permutation[other]!;
    permutation[other] = kept;
  }
  cache.set(key, permutation);
  if (cache.size > MAX_CACHED_PERMUTATIONS) {
    cache.delete(cache.keys().next().value!);
  }
  return permutation;
}

/**
 * Spread neighbouring symbols over the frame, so that a fade hits all parts of a picture a little instead of one
 * part hard.
 *
 * @returns a new vector
 */
export function interleave(symbols: ComplexVector, seed = 0): ComplexVector {
  const permutation = interleaverPermutation(complexCount(symbols), seed);
  const samples = new Float32Array(symbols.length);
  for (let k = 0; k < permutation.length; k++) {
    const from = 2 * permutation[k]!;
    samples[2 * k] = symbols[from]!;
    samples[2 * k + 1] = symbols[from + 1]!;
  }
  return samples;
}

/** The inverse of {@link interleave} with the same seed. */
export function deinterleave(samples: ComplexVector, seed = 0): ComplexVector {
  const permutation = interleaverPermutation(complexCount(samples), seed);
  const symbols = new Float32Array(samples.length);
  for (let k = 0; k < permutation.length; k++) {
    const to = 2 * permutation[k]!;
    symbols[to] = samples[2 * k]!;
    symbols[to + 1] = samples[2 * k + 1]!;
  }
  return symbols;
}

/** The number of complex samples in a vector. */
export function complexCount(samples: ComplexVector): number {
  if (samples.length % 2 !== 0) {
    throw new ShapeError(`${samples.length} values are no complex vector: I and Q must come in pairs`);
  }
  return samples.length / 2;
}
