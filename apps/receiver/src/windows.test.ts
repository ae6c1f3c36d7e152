import { describe, expect, it } from 'vitest';
import { fairWindow } from './windows.js';

describe('fairWindow', () => {
  const limits = { maxQueue: 20, creditsPerStream: 8 };

  it('is an equal share, at least one, at most what a stream may have', () => {
    expect([0, 1, 2, 3, 7, 20].map((streams) => fairWindow(streams, limits))).toEqual([8, 8, 8, 6, 2, 1]);
    expect(fairWindow(50, limits)).toBe(1);
  });

  it('never gives out more than there is, as long as streams are no more than places', () => {
    for (let streams = 1; streams <= limits.maxQueue; streams++) {
      expect(streams * fairWindow(streams, limits)).toBeLessThanOrEqual(limits.maxQueue);
    }
  });
});
