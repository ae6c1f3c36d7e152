import type { FrameHead } from '@semcast/wire';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startDeadline } from './deadline.js';

describe('startDeadline', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const start = (deadlineMs: number | undefined, signal: AbortSignal) =>
    startDeadline({ head: { deadlineMs } as FrameHead, signal });

  it('fires in time, not before, with its reason', () => {
    const { signal } = start(250, new AbortController().signal);
    vi.advanceTimersByTime(249);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(signal.reason).toMatchObject({ reason: 'deadline', message: expect.stringContaining('250 ms') as string });
  });

  it('passes on the signal of the delivery, and is silent once the frame has ended', () => {
    const delivery = new AbortController();
    const deadline = start(250, delivery.signal);
    const other = start(250, new AbortController().signal);
    other.stop();
    delivery.abort(new Error('gone'));
    expect(deadline.signal.reason).toMatchObject({ message: 'gone' });
    vi.advanceTimersByTime(1000);
    expect(other.signal.aborted).toBe(false);
    expect(start(250, delivery.signal).signal.aborted).toBe(true);
  });

  it('does not fire at once for a time that no timer can hold, nor without a deadline', () => {
    const far = start(1e15, new AbortController().signal);
    const delivery = new AbortController();
    const none = start(undefined, delivery.signal);
    vi.advanceTimersByTime(1_000_000);
    expect([far.signal.aborted, none.signal.aborted]).toEqual([false, false]);
    expect(none.signal).toBe(delivery.signal);
    far.stop();
    none.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
