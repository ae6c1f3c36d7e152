import { ArgumentError } from '@semcast/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { complexNormal } from '../test/signals.js';
import { deinterleave, interleave } from './index.js';
import { cachedSymbols, interleaverPermutation, MAX_CACHED_SYMBOLS } from './interleaver.js';

describe('interleave', () => {
  it('is undone by deinterleave, with any seed and any count, and moves whole symbols', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.nat(1000), (count, seed) => {
        const symbols = complexNormal(count, 1, 'interleaver');
        const samples = interleave(symbols, seed);
        expect(deinterleave(samples, seed)).toEqual(symbols);
        expect(interleave(deinterleave(symbols, seed), seed)).toEqual(symbols);
        const pairs = (vector: Float32Array) =>
          Array.from({ length: count }, (_, k) => `${vector[2 * k]},${vector[2 * k + 1]}`).sort();
        expect(pairs(samples)).toEqual(pairs(symbols));
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('depends on seed and count alone, and is the recorded one', () => {
    expect([...interleaverPermutation(8)]).toMatchInlineSnapshot(`
      [
        6,
        5,
        3,
        4,
        2,
        0,
        7,
        1,
      ]
    `);
    expect([...interleaverPermutation(8, 1)]).not.toEqual([...interleaverPermutation(8)]);
    expect([...interleaverPermutation(9)].slice(0, 8)).not.toEqual([...interleaverPermutation(8)]);
    const symbols = complexNormal(8, 1, 'interleaver');
    expect(interleave(symbols)).toEqual(interleave(symbols, 0));
    expect(deinterleave(interleave(symbols, 1))).not.toEqual(symbols);
  });

  it('spreads a burst: neighbours on the air are far apart in the latent', () => {
    const n = 10_000;
    const permutation = interleaverPermutation(n);
    let distance = 0;
    for (let k = 1; k < n; k++) {
      distance += Math.abs(permutation[k]! - permutation[k - 1]!) / (n - 1);
    }
    // Two uniform places are n/3 apart on average; the mean of n of them has a standard error of 0.24·√n.
    expect(Math.abs(distance - n / 3)).toBeLessThan(5 * 0.3 * Math.sqrt(n));
    // The symbols of a burst of a tenth of the frame fall evenly on ten tenths of the latent: chi-squared, 9 degrees.
    const tenths = new Float64Array(10);
    for (const symbol of permutation.subarray(0, n / 10)) {
      tenths[Math.floor((10 * symbol) / n)]! += 1;
    }
    const chiSquared = tenths.reduce((sum, count) => sum + (count - n / 100) ** 2 / (n / 100), 0);
    expect(chiSquared).toBeLessThan(45);
  });

  it('places every symbol anywhere with equal probability', () => {
    const counts = new Float64Array(25);
    for (let seed = 0; seed < 5000; seed++) {
      for (const [k, symbol] of interleaverPermutation(5, seed).entries()) {
        counts[5 * k + symbol]! += 1;
      }
    }
    // 1000 expected in each, standard deviation √(5000·0.2·0.8) = 28.
    for (const count of counts) {
      expect(Math.abs(count - 1000)).toBeLessThan(5 * 28.3);
    }
  });

  it('remembers permutations up to a limit, and forgets the one longest unused', () => {
    const quarter = MAX_CACHED_SYMBOLS / 4;
    const first = interleaverPermutation(quarter, 1);
    interleaverPermutation(quarter, 2);
    interleaverPermutation(quarter, 3);
    expect(interleaverPermutation(quarter, 1)).toBe(first);
    const second = interleaverPermutation(quarter, 2);
    expect(interleaverPermutation(quarter, 1)).toBe(first);
    expect(cachedSymbols()).toBeLessThanOrEqual(MAX_CACHED_SYMBOLS);
    interleaverPermutation(quarter, 4);
    interleaverPermutation(quarter, 5);
    expect(cachedSymbols()).toBe(MAX_CACHED_SYMBOLS);
    expect(interleaverPermutation(quarter, 1)).toBe(first);
    expect(interleaverPermutation(quarter, 2)).toBe(second);
    // One that is larger than the whole memory works and is not kept, nor is anything else beyond the limit.
    const large = interleaverPermutation(MAX_CACHED_SYMBOLS + 1);
    expect(large.length).toBe(MAX_CACHED_SYMBOLS + 1);
    expect(cachedSymbols()).toBeLessThanOrEqual(MAX_CACHED_SYMBOLS);
    expect(interleaverPermutation(quarter, 1)).toEqual(first);
  });

  it('refuses an odd number of values', () => {
    expect(() => interleave(new Float32Array(3))).toThrow(ArgumentError);
    expect(() => deinterleave(new Float32Array(3))).toThrow(ArgumentError);
  });
});
