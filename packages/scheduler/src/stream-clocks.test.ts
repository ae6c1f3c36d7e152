import { describe, expect, it } from 'vitest';
import { StreamClocks } from './stream-clocks.js';

describe('StreamClocks', () => {
  it('advances by equal shares of what is spent', () => {
    const clocks = new StreamClocks();
    const [a, b] = [clocks.enter('a'), clocks.enter('b')];
    clocks.charge(a, 100);
    expect([clocks.virtualMs, a.virtualMs, b.virtualMs]).toEqual([50, 100, 0]);
    clocks.charge(b, 100);
    expect([clocks.virtualMs, a.virtualMs, b.virtualMs]).toEqual([100, 100, 100]);
  });

  it('shares equally among clients, and a client its share among its streams', () => {
    const clocks = new StreamClocks();
    const [a, b] = [clocks.enter('a', { client: 'many' }), clocks.enter('b', { client: 'many' })];
    const c = clocks.enter('c');
    expect([a, b, c].map((stream) => clocks.shareOf(stream))).toEqual([0.25, 0.25, 0.5]);
    // What each may have costs each as much virtual time as V advances.
    clocks.charge(a, 75);
    clocks.charge(b, 75);
    clocks.charge(c, 150);
    expect([clocks.virtualMs, a.virtualMs, b.virtualMs, c.virtualMs]).toEqual([100, 100, 100, 100]);
    clocks.leave(b);
    expect([a, c].map((stream) => clocks.shareOf(stream))).toEqual([0.5, 0.5]);
  });

  it('shares what a client has among its streams by their weights, and takes nothing from other clients', () => {
    const clocks = new StreamClocks();
    const [a, b] = [clocks.enter('a', { client: 'many', weight: 3 }), clocks.enter('b', { client: 'many' })];
    const c = clocks.enter('c', { weight: 16 });
    expect([a, b, c].map((stream) => clocks.shareOf(stream))).toEqual([0.375, 0.125, 0.5]);
    clocks.charge(a, 75);
    clocks.charge(b, 25);
    clocks.charge(c, 100);
    const { virtualMs } = clocks;
    for (const stream of [a, b, c]) {
      expect(stream.virtualMs / virtualMs).toBeCloseTo(1, 9);
    }
    clocks.leave(a);
    expect([b, c].map((stream) => clocks.shareOf(stream))).toEqual([0.5, 0.5]);
  });

  it('lets a newcomer neither owe nor be owed anything', () => {
    const clocks = new StreamClocks();
    clocks.enter('b');
    clocks.charge(clocks.enter('a'), 1000);
    expect(clocks.enter('c').virtualMs).toBe(500);
  });

  it('remembers a lead, not a lag, of a stream that leaves and comes back', () => {
    const clocks = new StreamClocks();
    const [a, b] = [clocks.enter('a'), clocks.enter('b')];
    clocks.enter('c');
    clocks.charge(a, 300);
    clocks.leave(a);
    clocks.leave(b);
    expect(clocks.remembered).toBe(1);
    expect(clocks.enter('a').virtualMs).toBe(300);
    expect(clocks.enter('b').virtualMs).toBe(100);
    expect(clocks.remembered).toBe(0);
  });

  it('keeps every stream within its distance of V', () => {
    const clocks = new StreamClocks();
    const [a, b] = [clocks.enter('a'), clocks.enter('b')];
    clocks.charge(a, 1000);
    clocks.keepWithin(200);
    expect([a.virtualMs, b.virtualMs]).toEqual([700, 300]);
  });

  it('begins anew when nobody is left', () => {
    const clocks = new StreamClocks();
    const a = clocks.enter('a');
    clocks.charge(a, 1000);
    clocks.leave(a);
    expect([clocks.size, clocks.remembered, clocks.enter('a').virtualMs]).toEqual([0, 0, 0]);
    // What is charged late belongs to nobody.
    clocks.charge(a, 1000);
    expect(clocks.virtualMs).toBe(0);
  });

  it('remembers a thousand streams or so, whatever clients call themselves', () => {
    const clocks = new StreamClocks();
    clocks.enter('stays');
    for (let i = 0; i < 3000; i++) {
      const stream = clocks.enter(`once-${i}`);
      clocks.charge(stream, 10);
      clocks.leave(stream);
    }
    expect(clocks.remembered).toBeLessThanOrEqual(1024);
    expect(clocks.size).toBe(1);
  });

  it('lets no string of newcomers pass a stream that waits', () => {
    const clocks = new StreamClocks();
    const waiting = clocks.enter('waits');
    let newcomers = 0;
    while (clocks.enter(`n${newcomers}`).virtualMs + 10 < waiting.virtualMs + 1000) {
      const stream = clocks.get(`n${newcomers}`)!;
      clocks.charge(stream, 10);
      clocks.leave(stream);
      newcomers += 1;
      expect(newcomers).toBeLessThan(1000);
    }
    expect(newcomers).toBeGreaterThan(0);
  });
});
