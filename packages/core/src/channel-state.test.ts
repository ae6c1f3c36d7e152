import { describe, expect, it } from 'vitest';
import { ArgumentError, checkGains, gainCount } from './index.js';

describe('gainCount', () => {
  it('is a gain for each block, the last one shorter', () => {
    expect([gainCount(0, 5), gainCount(1, 5), gainCount(5, 5), gainCount(6, 5), gainCount(7, 1)]).toEqual([
      0, 1, 1, 2, 7,
    ]);
  });

  it('refuses what is no number of samples', () => {
    for (const wrong of [-1, 0.5, NaN, Infinity]) {
      expect(() => gainCount(wrong, 1)).toThrow(ArgumentError);
      expect(() => gainCount(3, wrong)).toThrow(ArgumentError);
    }
    expect(() => gainCount(3, 0)).toThrow("a gain can't hold for 0 samples");
  });
});

describe('checkGains', () => {
  it('refuses gains that are not those of so many samples', () => {
    const gains = { coherence: 2, values: Float32Array.of(1, 2, 3, 4) };
    expect(() => checkGains(gains, 3)).not.toThrow();
    expect(() => checkGains(gains, 4)).not.toThrow();
    expect(() => checkGains(gains, 2)).toThrow(ArgumentError);
    expect(() => checkGains(gains, 5)).toThrow("2 gains of coherence 2 don't fit 5 samples");
  });
});
