import { tensor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { createToy } from '../test/gaussian-toy.js';
import { discrepancyWeight, pushTowardsMeasurement } from './guidance.js';
import { rms } from './images.js';
import { symbolCount } from './index.js';

const { observation } = createToy({ height: 2, width: 2 });
const image = (...values: number[]) =>
  tensor(
    Float32Array.from({ length: 12 }, (_, i) => values[i % values.length]!),
    [3, 2, 2],
  );
const unguided = image(0.5, -0.25, 0.125);
const gradient = image(3, -4);
const sigmas = { sigma: 2, next: 1 };
/** ‖…‖ that gives a residual. */
const normFor = (residual: number) => Math.sqrt(residual * symbolCount(observation) * observation.noiseVariance);

describe('discrepancyWeight', () => {
  it.each([
    [0, 0],
    [0.7, 0],
    [1, 0],
    [1.25, 0.2],
    [2, 0.5],
    [Infinity, 1],
    [NaN, 0],
  ])('of a residual of %d is %d', (residual, weight) => {
    expect(discrepancyWeight(residual)).toBeCloseTo(weight, 12);
  });
});

describe('pushTowardsMeasurement', () => {
  const push = (guidance: 'norm' | 'discrepancy', residual: number, eta = 0.1, factor = 1) => {
    const scaled = tensor(
      gradient.data.map((value) => factor * value),
      gradient.dims,
    );
    const guided = { x0: unguided, gradient: scaled, measurementNorm: normFor(residual) };
    const pushed = pushTowardsMeasurement(unguided, guided, sigmas, { guidance, eta }, observation);
    return tensor(
      pushed.data.map((value, i) => value - unguided.data[i]!),
      pushed.dims,
    );
  };

  it('by norm is the published step in terms of x0 + σn: -η√(1+σ²)√(1+σ′²)·∇', () => {
    expect(push('norm', 3).data[0]).toBeCloseTo(-0.1 * Math.sqrt(5) * Math.sqrt(2) * 3, 5);
    // Whatever the residual.
    expect(push('norm', 0.1).data[1]).toBeCloseTo(0.1 * Math.sqrt(10) * 4, 5);
  });

  it('by discrepancy has the length ησ(1 - 1/ϱ), whatever the size of the gradient', () => {
    for (const factor of [1, 1e-6, 1e6]) {
      expect(rms(push('discrepancy', 4, 0.1, factor))).toBeCloseTo(0.1 * 2 * 0.75, 6);
    }
    expect(push('discrepancy', 4).data[0]! / push('discrepancy', 4).data[1]!).toBeCloseTo(-3 / 4, 5);
    expect(push('discrepancy', 4).data[0]).toBeLessThan(0);
  });

  it('by discrepancy is none once noise explains the residual, or where there is no direction', () => {
    expect(rms(push('discrepancy', 1))).toBe(0);
    expect(rms(push('discrepancy', 0.6))).toBe(0);
    expect(rms(push('discrepancy', 4, 0.1, 0))).toBe(0);
  });

  it('leaves what it was given as it was', () => {
    const before = Float32Array.from(unguided.data);
    push('norm', 2);
    push('discrepancy', 2);
    expect(unguided.data).toEqual(before);
  });
});
