import { ArgumentError } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  correlation,
  estimateMean,
  kolmogorovStatistic,
  KOLMOGOROV_LIMIT,
  parts,
} from '../test/statistics.js';
import { drawNoise } from '../test/conformance.js';
import { addNoise, createChannelModel, gaussianTail } from './index.js';

const id = { seed: 5, stream: 'cam', frame: 2 };
const N = 200_000;

describe('the noise of a frame', () => {
  it.each([1, 0.1, 25])(
    'has variance N0 = %d per complex sample, half in each part, circular and white',
    (noiseVariance) => {
      const noise = drawNoise(id, N, noiseVariance);
      const [i, q] = [parts(noise, 0), parts(noise, 1)];
      const limit = 5 / Math.sqrt(N);
      for (const part of [i, q]) {
        expect(Math.abs(estimateMean(part).mean)).toBeLessThan(limit * Math.sqrt(noiseVariance / 2));
        const variance = estimateMean(part.map((x) => x * x)).mean;
        expect(Math.abs(variance / (noiseVariance / 2) - 1)).toBeLessThan(limit * Math.SQRT2);
        expect(Math.abs(correlation(part.subarray(1), part.subarray(0, -1)))).toBeLessThan(limit);
        expect(kolmogorovStatistic(part, (x) => gaussianTail(-x / Math.sqrt(noiseVariance / 2)))).toBeLessThan(
          KOLMOGOROV_LIMIT,
        );
      }
      expect(Math.abs(correlation(i, q))).toBeLessThan(limit);
    },
  );

  it('is the same noise at every variance but for its scale', () => {
    const one = drawNoise(id, 1000, 1);
    const four = drawNoise(id, 1000, 4);
    expect(bytesOf(one.map((x) => 2 * x))).toBe(bytesOf(four));
    expect(drawNoise(id, 1000, 0).every((x) => x === 0)).toBe(true);
  });

  it('is the prefix of a longer draw, so a shorter frame meets the same beginning', () => {
    expect(bytesOf(drawNoise(id, 1000, 1).subarray(0, 200))).toBe(bytesOf(drawNoise(id, 100, 1)));
  });

  it('is independent from stream to stream, frame to frame, seed to seed, and of the fading', () => {
    const reference = drawNoise(id, N, 1);
    for (const other of [
      drawNoise({ ...id, stream: 'cam2' }, N, 1),
      drawNoise({ ...id, frame: 3 }, N, 1),
      drawNoise({ ...id, frame: 2 + 2 ** 32 }, N, 1),
      drawNoise({ ...id, seed: 6 }, N, 1),
      createChannelModel({ name: 'rayleigh-fast' }, 1).drawFading(id, N)![0]!.gains.values,
    ]) {
      expect(Math.abs(correlation(reference, other))).toBeLessThan(5 / Math.sqrt(2 * N));
    }
  });

  it('refuses a variance that is none, and an odd vector', () => {
    for (const variance of [-1e-9, NaN, Infinity]) {
      expect(() => drawNoise(id, 4, variance)).toThrow(ArgumentError);
    }
    expect(() => addNoise(new Float32Array(3), id, 1)).toThrow(ArgumentError);
  });
});

describe('addNoise', () => {
  it('adds it in place', () => {
    const samples = new Float32Array(64).fill(3);
    const expected = drawNoise(id, 32, 0.5).map((x) => 3 + x);
    expect(addNoise(samples, id, 0.5)).toBe(samples);
    for (const [i, value] of samples.entries()) {
      // The sum is rounded once; the noise alone was rounded too.
      expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6);
    }
  });
});
