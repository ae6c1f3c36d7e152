import { describe, expect, it } from 'vitest';
import { Places } from './places.js';

describe('places', () => {
  it('are free until all are taken, and again when one is given back', () => {
    const places = new Places<string>({ max: 2 });
    expect([places.add('a', 'A'), places.add('b', 'B')]).toEqual([undefined, undefined]);
    places.delete('a');
    places.delete('a');
    expect(places.add('c', 'C')).toBeUndefined();
    expect(['a', 'b', 'c'].map((holder) => places.has(holder))).toEqual([false, true, true]);
  });

  it('are taken from the oldest where every owner has one', () => {
    const places = new Places<number>({ max: 3 });
    const losers = Array.from({ length: 6 }, (_, i) => places.add(i, `owner ${i}`));
    expect(losers).toEqual([undefined, undefined, undefined, 0, 1, 2]);
  });

  it('are limited for each owner, who then makes room for itself', () => {
    const places = new Places<string>({ max: 10, maxPerOwner: 2 });
    places.add('b', 'B');
    expect(['a1', 'a2', 'a3', 'a4'].map((holder) => places.add(holder, 'A'))).toEqual([
      undefined,
      undefined,
      'a1',
      'a2',
    ]);
    expect(places.has('b')).toBe(true);
  });

  it('are taken from the owner that has the most', () => {
    const places = new Places<string>({ max: 4, maxPerOwner: 3 });
    places.add('b', 'B');
    for (const holder of ['a1', 'a2', 'a3']) {
      places.add(holder, 'A');
    }
    expect(places.add('c', 'C')).toBe('a1');
    expect(places.add('d', 'D')).toBe('a2');
    // All have one now.
    expect(places.add('e', 'E')).toBe('b');
    // Its own, rather than that of somebody who has no more.
    expect(places.add('e2', 'E')).toBe('e');
  });

  it('never come to more than there are, whatever happens', () => {
    const places = new Places<number>({ max: 5, maxPerOwner: 3 });
    const holders = new Map<number, number>();
    for (let i = 0; i < 500; i++) {
      const owner = (i * 7 + (i >> 3)) % 4;
      const loser = places.add(i, String(owner));
      holders.delete(loser ?? -1);
      holders.set(i, owner);
      if (i % 5 === 0) {
        const [oldest] = holders.keys();
        places.delete(oldest!);
        holders.delete(oldest!);
      }
      expect(holders.size).toBeLessThanOrEqual(5);
      expect([...holders.values()].filter((other) => other === owner).length).toBeLessThanOrEqual(3);
      expect([...holders.keys()].every((holder) => places.has(holder))).toBe(true);
    }
  });
});
