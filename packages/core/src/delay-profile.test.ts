import { describe, expect, it } from 'vitest';
import { exponentialProfile } from './delay-profile.js';

describe('exponentialProfile', () => {
  it('is a geometric series of unit power', () => {
    const powers = exponentialProfile({ taps: 8, decay: 4 });
    const ratio = Math.exp(-1 / 4);
    expect(powers[0]).toBeCloseTo((1 - ratio) / (1 - ratio ** 8), 12);
    expect([...powers.subarray(1)].map((power, l) => power / powers[l]!)).toEqual(
      Array.from({ length: 7 }, () => expect.closeTo(ratio, 12) as number),
    );
    expect([...exponentialProfile({ taps: 1, decay: 0.01 })]).toEqual([1]);
  });
});
