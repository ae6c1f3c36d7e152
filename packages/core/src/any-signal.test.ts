import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { withAnySignal } from './any-signal.js';

describe('withAnySignal', () => {
  const aborted = async (signal: AbortSignal): Promise<unknown> =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(signal.reason));
    });

  it('fires with the reason of the first, and only that', async () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const reason = withAnySignal([a.signal, b.signal], aborted);
    b.abort('b');
    a.abort('a');
    expect(await reason).toBe('b');
  });

  it('has fired where one has', async () => {
    const never = new AbortController().signal;
    const seen = await withAnySignal([never, AbortSignal.abort('before')], async ({ reason }) => reason as unknown);
    expect(seen).toBe('before');
  });

  it('leaves nothing at its signals, whether the work succeeds or fails', async () => {
    const { signal } = new AbortController();
    let during = 0;
    const work = async (): Promise<number> => (during = getEventListeners(signal, 'abort').length);
    await withAnySignal([signal], work);
    await expect(withAnySignal([signal], async () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect([during, getEventListeners(signal, 'abort').length]).toEqual([1, 0]);
  });
});
