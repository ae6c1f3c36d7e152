import { describe, expect, it } from 'vitest';
import { backoffDelayMs } from './backoff.js';
import { CLOSE_CODES, retryAfter } from './close-codes.js';

describe('backoffDelayMs', () => {
  it('doubles up to the longest', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 2000].map((failures) => backoffDelayMs(failures, {}, () => 0));
    expect(delays).toEqual([200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  });

  it('is shortened by the random share', () => {
    expect(backoffDelayMs(1, { initialMs: 100 }, () => 0.5)).toBe(75);
    for (let i = 0; i < 100; i++) {
      const delay = backoffDelayMs(3, { initialMs: 200, maxMs: 800 });
      expect(delay > 400 && delay <= 800).toBe(true);
    }
  });
});

describe('retryAfter', () => {
  it('is never where trying again would end the same way, limited where a changed bit may have been the cause', () => {
    const codes = [...Object.values(CLOSE_CODES), 1002, 1005, 1006, 1007, 1012, 4999].sort((a, b) => a - b);
    expect(codes.filter((code) => retryAfter(code) === 'never')).toEqual([4401, 4404, 4410]);
    expect(codes.filter((code) => retryAfter(code) === 'limited')).toEqual([1002, 1007, 1009, 4400, 4406]);
  });
});
