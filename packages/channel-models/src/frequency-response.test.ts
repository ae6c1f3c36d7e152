import { ArgumentError, type Tap } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { frequencyResponse } from './frequency-response.js';

const tap = (delay: number, coherence: number, ...values: number[]): Tap => ({
  delay,
  gains: { coherence, values: Float32Array.from(values) },
});

describe('frequencyResponse', () => {
  it('of two paths is |h_0 + h_1·e^(-i2πfd)|²', () => {
    const [delay, points] = [3, 32];
    const response = frequencyResponse([tap(0, 100, 0.5, 0), tap(delay, 100, 0, 0.25)], 100, points);
    for (const [i, power] of response.entries()) {
      const angle = -2 * Math.PI * (i / points - 1 / 2) * delay + Math.PI / 2;
      expect(power).toBeCloseTo((0.5 + 0.25 * Math.cos(angle)) ** 2 + (0.25 * Math.sin(angle)) ** 2, 9);
    }
  });

  it('of one path is its mean power over the frame, of none 1', () => {
    expect([...frequencyResponse([tap(0, 2, 1, 0, 0, 2)], 4, 2)]).toEqual([2.5, 2.5]);
    expect([...frequencyResponse(null, 4, 2)]).toEqual([1, 1]);
  });

  it('refuses gains of another frame', () => {
    expect(() => frequencyResponse([tap(0, 2, 1, 0)], 4, 8)).toThrow(ArgumentError);
  });
});
