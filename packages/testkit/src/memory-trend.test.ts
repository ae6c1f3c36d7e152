import { describe, expect, it } from 'vitest';
import { slope } from './memory-trend.js';

describe('slope', () => {
  it('is that of a line, without doubt', () => {
    const { value, within } = slope([0, 1, 2, 4], [3, 5, 7, 11]);
    expect(value).toBeCloseTo(2, 12);
    expect(within).toBeCloseTo(0, 12);
  });

  it('has the interval of a residual of known size', () => {
    // Residuals 1, -1, -1, 1 are orthogonal to the line: variance 4 / 2, squares 20.
    const { value, within } = slope([-3, -1, 1, 3], [1, -1, -1, 1]);
    expect(value).toBeCloseTo(0, 12);
    expect(within).toBeCloseTo(1.96 * Math.sqrt(2 / 20), 12);
  });
});
