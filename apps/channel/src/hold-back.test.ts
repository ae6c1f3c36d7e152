import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HoldBack } from './hold-back.js';

describe('HoldBack', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('makes the reader wait while the writer is full, and lets it go on when that has drained', () => {
    const reader = { pause: vi.fn<() => void>(), resume: vi.fn<() => void>() };
    const writer = { bufferedBytes: 100 };
    const hold = new HoldBack(reader, () => writer.bufferedBytes > 100);
    hold.check();
    expect(reader.pause).not.toHaveBeenCalled();
    writer.bufferedBytes = 101;
    hold.check();
    hold.check();
    expect(reader.pause).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1000);
    expect(reader.resume).not.toHaveBeenCalled();
    expect(hold.holding).toBe(true);
    writer.bufferedBytes = 0;
    vi.advanceTimersByTime(1000);
    expect(reader.resume).toHaveBeenCalledTimes(1);
    expect(hold.holding).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer behind when it is stopped', () => {
    const reader = { pause: vi.fn<() => void>(), resume: vi.fn<() => void>() };
    const hold = new HoldBack(reader, () => true);
    hold.check();
    hold.stop();
    expect(vi.getTimerCount()).toBe(0);
    expect(reader.resume).not.toHaveBeenCalled();
  });
});
