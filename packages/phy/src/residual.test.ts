import { ArgumentError } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { add, complexNormal, multiply, unitSymbols } from '../test/signals.js';
import { expandGains, measurementResidual, PowerError, ShapeError, type Gains } from './index.js';

const N = 50_000;

function received(gains: Gains | null, noiseVariance: number) {
  const symbols = unitSymbols(N);
  return { symbols, samples: add(multiply(expandGains(gains, N), symbols), complexNormal(N, noiseVariance, 'noise')) };
}

describe('measurementResidual', () => {
  it.each<[string, Gains | null]>([
    ['AWGN', null],
    ['slow fading', { coherence: N, values: Float32Array.of(0.3, -0.8) }],
    ['block fading', { coherence: 7, values: complexNormal(Math.ceil(N / 7), 1, 'gains') }],
    ['fast fading', { coherence: 1, values: complexNormal(N, 1, 'gains') }],
  ])('is 1 for what was sent, and above for anything else: %s', (_name, gains) => {
    const noiseVariance = 0.1;
    const { symbols, samples } = received(gains, noiseVariance);
    const of = (guess: Float32Array) => measurementResidual({ samples, gains, symbols: guess, noiseVariance });
    expect(Math.abs(of(symbols) - 1)).toBeLessThan(5 / Math.sqrt(N));
    // A guess that is off by e adds mean|h·e|²/N0.
    const off = complexNormal(N, 0.05, 'off');
    const h = expandGains(gains, N);
    const added = multiply(h, off).reduce((sum, value) => sum + value * value, 0) / N / noiseVariance;
    expect(of(add(symbols, off))).toBeCloseTo(1 + added, 1);
  });

  it('is 0 for a guess that has swallowed the noise', () => {
    const { samples } = received(null, 0.1);
    expect(measurementResidual({ samples, gains: null, symbols: samples, noiseVariance: 0.1 })).toBe(0);
  });

  it('is what the formula says, by hand', () => {
    const gains = { coherence: 1, values: Float32Array.of(0, 1, 2, 0) };
    const samples = Float32Array.of(0, 1, 1, 1);
    const symbols = Float32Array.of(1, 0, 1, 1);
    // |j - j·1|² = 0, |(1+j) - 2(1+j)|² = 2, mean 1, over N0 = 0.5.
    expect(measurementResidual({ samples, gains, symbols, noiseVariance: 0.5 })).toBe(2);
  });

  it('refuses what does not fit or has no meaning', () => {
    const base = { samples: new Float32Array(4), gains: null, symbols: new Float32Array(4), noiseVariance: 1 };
    expect(() => measurementResidual({ ...base, symbols: new Float32Array(2) })).toThrow(ShapeError);
    expect(() => measurementResidual({ ...base, samples: new Float32Array(3) })).toThrow(ShapeError);
    const gains = { coherence: 1, values: new Float32Array(2) };
    expect(() => measurementResidual({ ...base, gains })).toThrow(ShapeError);
    for (const noiseVariance of [0, -1, NaN, Infinity]) {
      expect(() => measurementResidual({ ...base, noiseVariance })).toThrow(ArgumentError);
    }
    const empty = { samples: new Float32Array(0), symbols: new Float32Array(0) };
    expect(() => measurementResidual({ ...base, ...empty })).toThrow(PowerError);
  });
});
