import { describe, expect, it } from 'vitest';
import { Utilisation } from './utilisation.js';

describe('Utilisation', () => {
  it('is the share of busy workers of late', () => {
    const utilisation = new Utilisation(2);
    expect(utilisation.at(0)).toBe(0);
    utilisation.set(1, 0);
    expect(utilisation.at(1)).toBeCloseTo(0.5);
    expect(utilisation.at(60_000)).toBeCloseTo(0.5, 2);
    utilisation.set(2, 60_000);
    expect(utilisation.at(70_000)).toBeCloseTo(1 - 0.5 * Math.exp(-1), 2);
    utilisation.set(0, 120_000);
    expect(utilisation.at(180_000)).toBeCloseTo(0, 2);
  });
});
