import { meanPower } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { complexNormal, multiply, subtract, unitSymbols } from '../test/signals.js';
import { whiten } from './index.js';

const N = 20_000;

describe('whiten', () => {
  it('leaves what has noise of one variance as it is', () => {
    const [y, h] = [complexNormal(3, 1, 'y'), complexNormal(3, 1, 'h')];
    const white = whiten({ y, h, noiseVariance: new Float64Array(3).fill(0.1) });
    expect(white.y).toBe(y);
    expect(white.h).toBe(h);
    expect(white.noiseVariance).toBe(0.1);
  });

  it.each(['gains', 'a gain of 1'])('gives noise of several variances the largest one: %s', (kind) => {
    const symbols = unitSymbols(N);
    const h = kind === 'gains' ? complexNormal(N, 1, 'h') : null;
    const noiseVariance = Float64Array.from({ length: N }, (_, k) => [0.01, 0.3, 0.5][k % 3]!);
    const noise = complexNormal(N, 1, 'noise').map((value, i) => value * Math.sqrt(noiseVariance[i >> 1]!));
    const y = (h === null ? symbols : multiply(h, symbols)).map((value, i) => value + noise[i]!);
    const white = whiten({ y, h, noiseVariance });
    expect(white.noiseVariance).toBe(0.5);
    const left = subtract(white.y, multiply(white.h!, symbols));
    for (const offset of [0, 1, 2]) {
      const some = left.filter((_, i) => (i >> 1) % 3 === offset);
      expect(Math.abs(meanPower(some) / 0.5 - 1)).toBeLessThan(5 / Math.sqrt(N / 3));
    }
  });

  it('takes a symbol without noise for one with very little', () => {
    const y = Float32Array.of(1, 0, 1, 0);
    const white = whiten({ y, h: null, noiseVariance: Float64Array.of(0, 1) });
    expect(white.y.every(Number.isFinite)).toBe(true);
    expect(white.y[0]).toBeCloseTo(Math.sqrt(1e5), 3);
  });
});
