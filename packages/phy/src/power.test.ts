import { meanPower } from '@semcast/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { complexNormal } from '../test/signals.js';
import { normalisePower, PowerError, ShapeError } from './index.js';

describe('normalisePower', () => {
  it('scales any signal to unit power per complex symbol, and says by how much', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 1e-12, max: 1e12, noNaN: true }),
        (count, power) => {
          const signal = complexNormal(count, power, 'power');
          const before = signal.slice();
          const { symbols, scale } = normalisePower(signal);
          expect(Math.abs(meanPower(symbols) - 1)).toBeLessThan(1e-6);
          expect(scale).toBeCloseTo(1 / Math.sqrt(meanPower(signal)), 5);
          expect(signal).toEqual(before);
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  it('counts I and Q together: one symbol (3, 4) has power 25', () => {
    expect(normalisePower(Float32Array.of(3, 4)).scale).toBeCloseTo(1 / 5, 12);
  });

  it('refuses a signal without power, and one that is not finite', () => {
    for (const bad of [[], [0, 0], [NaN, 1], [Infinity, 0], [1, -Infinity]]) {
      expect(() => normalisePower(Float32Array.from(bad))).toThrow(PowerError);
    }
    expect(() => normalisePower(Float32Array.of(1))).toThrow(ShapeError);
  });
});
