import { ArgumentError } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { add, complexNormal, unitSymbols } from '../test/signals.js';
import { CSNR_LIMITS_DB, estimateCsnrDb, PowerError } from './index.js';

describe('estimateCsnrDb', () => {
  it.each([-5, 0, 10, 20])('is within its stated error of %d dB, and right on average', (csnrDb) => {
    const n = 16_384;
    const frames = 40;
    const noiseVariance = 10 ** (-csnrDb / 10);
    const standardError = Math.sqrt((2 * noiseVariance + noiseVariance ** 2) / n);
    let sum = 0;
    let squares = 0;
    for (let frame = 0; frame < frames; frame++) {
      const samples = add(unitSymbols(n, frame), complexNormal(n, noiseVariance, 'noise', frame));
      const error = 10 ** (-estimateCsnrDb(samples) / 10) - noiseVariance;
      expect(Math.abs(error)).toBeLessThan(5 * standardError);
      sum += error / frames;
      squares += error ** 2 / frames;
    }
    expect(Math.abs(sum)).toBeLessThan((5 * standardError) / Math.sqrt(frames));
    // The stated error is the true one, not just a bound: within a factor fit for 40 frames.
    expect(Math.sqrt(squares) / standardError).toBeGreaterThan(0.6);
    expect(Math.sqrt(squares) / standardError).toBeLessThan(1.5);
  });

  it('says at most n/2, where power alone shows no noise', () => {
    const n = 1000;
    expect(estimateCsnrDb(unitSymbols(n))).toBeCloseTo(10 * Math.log10(n / 2), 6);
    expect(estimateCsnrDb(unitSymbols(n).map((value) => 0.5 * value))).toBeCloseTo(10 * Math.log10(n / 2), 6);
  });

  it('stays within limits', () => {
    expect(estimateCsnrDb(Float32Array.of(1e10, 0))).toBe(CSNR_LIMITS_DB.min);
    expect(estimateCsnrDb(Float32Array.of(1, 0))).toBeCloseTo(-3.0103, 4);
  });

  it('refuses to guess from nothing, or from what is no number', () => {
    expect(() => estimateCsnrDb(new Float32Array(0))).toThrow(PowerError);
    expect(() => estimateCsnrDb(Float32Array.of(NaN, 0))).toThrow(PowerError);
    expect(() => estimateCsnrDb(Float32Array.of(Infinity, 0))).toThrow(PowerError);
    expect(() => estimateCsnrDb(new Float32Array(1))).toThrow(ArgumentError);
  });
});
