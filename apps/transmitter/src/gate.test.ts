import { describe, expect, it } from 'vitest';
import { Gate } from './gate.js';

const never = new AbortController().signal;

/** What has been admitted so far, after every promise that could settle has. */
async function settle(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('Gate', () => {
  it('lets in as many as fit, and the next one when one leaves', async () => {
    const gate = new Gate(2);
    const first = await gate.enter(1, never);
    await gate.enter(1, never);
    let third = false;
    const waiting = gate.enter(1, never).then((release) => {
      third = true;
      return release;
    });
    await settle();
    expect([third, gate.used, gate.waiting]).toEqual([false, 2, 1]);
    first();
    first();
    await waiting;
    expect([third, gate.used, gate.waiting]).toEqual([true, 2, 0]);
  });

  it('keeps the order of arrival, also past a heavy one', async () => {
    const gate = new Gate(10);
    const release = await gate.enter(6, never);
    const order: string[] = [];
    const heavy = gate.enter(8, never).then((r) => {
      order.push('heavy');
      r();
      return undefined;
    });
    const light = gate.enter(1, never).then(() => order.push('light'));
    await settle();
    expect(order).toEqual([]);
    release();
    await Promise.all([heavy, light]);
    expect(order).toEqual(['heavy', 'light']);
  });

  it('lets what is heavier than the capacity in alone', async () => {
    const gate = new Gate(10);
    const release = await gate.enter(1, never);
    let inside = false;
    const giant = gate.enter(1000, never).then((r) => {
      inside = true;
      return r;
    });
    await settle();
    expect(inside).toBe(false);
    release();
    (await giant)();
    expect(gate.used).toBe(0);
  });

  it('frees a caller whose signal fires, and those behind it', async () => {
    const gate = new Gate(4);
    await gate.enter(3, never);
    const abort = new AbortController();
    const heavy = gate.enter(4, abort.signal);
    const light = gate.enter(1, never);
    abort.abort(new Error('enough'));
    await expect(heavy).rejects.toThrow('enough');
    await light;
    expect([gate.used, gate.waiting]).toEqual([4, 0]);
    await expect(gate.enter(1, abort.signal)).rejects.toThrow('enough');
  });
});
