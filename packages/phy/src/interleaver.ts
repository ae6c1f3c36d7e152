import { complexCount, randomFor, type ComplexVector } from '@semcast/core';

/** How many symbols the remembered permutations may have together: 4 MiB of them. */
export const MAX_CACHED_SYMBOLS = 1 << 20;

/** Permutations by (seed, count), the one longest unused first; a few photograph sizes and rates come up again and again. */
const cache = new Map<string, Uint32Array>();

/**
 * The interleaver's permutation of `count` symbols: sample k on the air is symbol `permutation[k]`. Not to be written.
 *
 * A Fisher-Yates shuffle (Durstenfeld 1964) drawn from (seed, count) alone, so that both ends have it without a word
 * on the wire.
 */
export function interleaverPermutation(count: number, seed = 0): Uint32Array {
  const key = `${seed}/${count}`;
  const permutation = cache.get(key) ?? shuffle(count, seed);
  cache.delete(key);
  cache.set(key, permutation);
  let cached = cachedSymbols();
  for (const [oldest, { length }] of cache) {
    if (cached <= MAX_CACHED_SYMBOLS) {
      break;
    }
    cache.delete(oldest);
    cached -= length;
  }
  return permutation;
}

/** How many symbols the permutations remembered now have together. */
export function cachedSymbols(): number {
  let sum = 0;
  for (const { length } of cache.values()) {
    sum += length;
  }
  return sum;
}

function shuffle(count: number, seed: number): Uint32Array {
  const permutation = new Uint32Array(count);
  for (let k = 0; k < count; k++) {
    permutation[k] = k;
  }
  const random = randomFor({ seed, stream: '', frame: count, purpose: 'phy/interleaver' });
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random.uniform() * (last + 1));
    const kept = permutation[last]!;
    permutation[last] = permutation[other]!;
    permutation[other] = kept;
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

/** The inverse of {@link interleave} with the same seed, for one real value a symbol. */
export function deinterleaveReal(values: Float64Array, seed = 0): Float64Array {
  const symbols = new Float64Array(values.length);
  for (const [k, to] of interleaverPermutation(values.length, seed).entries()) {
    symbols[to] = values[k]!;
  }
  return symbols;
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
