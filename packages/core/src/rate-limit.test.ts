import { describe, expect, it } from 'vitest';
import { addressOwner, RateLimit } from './rate-limit.js';

describe('a rate limit', () => {
  it('lets a burst through, then the rate, for each owner', () => {
    const limit = new RateLimit({ perSecond: 10, burst: 3 });
    const admitted = (owner: string, nowMs: number) => Array.from({ length: 5 }, () => limit.admit(owner, nowMs));
    expect(limit.isSpent('a', 0)).toBe(false);
    expect(admitted('a', 0)).toEqual([true, true, true, false, false]);
    expect(limit.isSpent('a', 99)).toBe(true);
    expect(admitted('a', 100)).toEqual([true, false, false, false, false]);
    expect(admitted('b', 100)).toEqual([true, true, true, false, false]);
    expect(admitted('a', 100_000)).toEqual([true, true, true, false, false]);
  });

  it('in the long run admits the rate, however often it is asked', () => {
    const limit = new RateLimit({ perSecond: 7, burst: 20 });
    let admitted = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 3) {
      admitted += Number(limit.admit('a', nowMs));
    }
    expect(admitted).toBeGreaterThanOrEqual(20 + 7 * 60 - 1);
    expect(admitted).toBeLessThanOrEqual(20 + 7 * 60);
  });

  it('remembers so many owners, those heard of last', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 1 });
    for (let i = 0; i <= 4096; i++) {
      limit.admit(`owner-${i}`, 0);
    }
    expect([limit.isSpent('owner-0', 0), limit.isSpent('owner-1', 0), limit.isSpent('owner-4096', 0)]).toEqual([
      false,
      true,
      true,
    ]);
  });
});

describe('the owner of an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    [undefined, 'unknown'],
  ])('%s: %s', (address, owner) => {
    expect(addressOwner(address)).toBe(owner);
  });
});
