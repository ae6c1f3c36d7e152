import { describe, expect, it } from 'vitest';
import { WritingTime } from './writing-time.js';

describe('WritingTime', () => {
  it('keeps back what pictures of that size took to write, and more', () => {
    const writing = new WritingTime();
    const guess = writing.allowanceMs(65_536, 1000);
    expect(guess).toBeGreaterThan(5);
    expect(guess).toBeLessThan(100);
    for (let i = 0; i < 50; i++) {
      writing.observe(65_536, 100);
    }
    expect(writing.allowanceMs(65_536, 10_000)).toBeCloseTo(155, 6);
    expect(writing.allowanceMs(2 * 65_536, 10_000)).toBeCloseTo(305, 6);
  });

  it('follows what has changed', () => {
    const writing = new WritingTime();
    writing.observe(1000, 10);
    for (let i = 0; i < 30; i++) {
      writing.observe(1000, 40);
    }
    expect(writing.allowanceMs(1000, 10_000)).toBeGreaterThan(60);
  });

  it('never keeps back more than half of the time that there is', () => {
    expect(new WritingTime().allowanceMs(1e9, 50)).toBe(25);
  });
});
