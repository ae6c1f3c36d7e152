import { tensor } from '@semcast/core';
import { expect, it } from 'vitest';
import { pushTowardsMeasurement } from './guidance.js';

it('pushes by the published step in terms of x0 + σn: -η√(1+σ²)√(1+σ′²)·∇, and leaves what it was given as it was', () => {
  const unguided = tensor(Float32Array.of(0.5, -0.25, 0.125), [3, 1, 1]);
  const gradient = tensor(Float32Array.of(3, -4, 0), [3, 1, 1]);
  const pushed = pushTowardsMeasurement(unguided, gradient, { sigma: 2, next: 1, eta: 0.1 });
  const length = 0.1 * Math.sqrt(5) * Math.sqrt(2);
  for (const [i, value] of [0.5 - 3 * length, -0.25 + 4 * length, 0.125].entries()) {
    expect(pushed.data[i]).toBeCloseTo(value, 6);
  }
  expect([...unguided.data, ...gradient.data]).toEqual([0.5, -0.25, 0.125, 3, -4, 0]);
});
