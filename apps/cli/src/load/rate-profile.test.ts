import { array, assert, double, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueAfterMs, framesOf, rateProfile, steady, withWarmUp } from './rate-profile.js';

const parse = rateProfile({ maxRate: 1000 });

describe('a rate over time', () => {
  it('is read from seconds and rates', () => {
    expect(parse('0:2, 30:2,30:8.5')).toEqual([
      { atS: 0, rate: 2 },
      { atS: 30, rate: 2 },
      { atS: 30, rate: 8.5 },
    ]);
  });

  it.each([
    ['0:1', 'is no list of 2 to 100 points'],
    ['0:1,5', 'is no list of 2 to 100 points'],
    ['0:1,5:-1', 'is no list of 2 to 100 points'],
    ['1:1,5:1', 'does not begin at 0 s'],
    ['0:1,5:1,4:1', 'does not go on in time'],
    ['0:1,0:2', 'does not go on in time'],
    ['0:1,5:1001', 'goes beyond'],
    ['0:0,5:0.1', 'has no frame'],
  ])('%s %s', (typed, message) => {
    expect(() => parse(typed)).toThrow(message);
  });

  it('has as many frames as its area, and none beyond', () => {
    const profile = parse('0:0,10:10,10:100,20:100');
    expect(framesOf(profile)).toBe(1050);
    // Up to t along the ramp, t²/2.
    expect(dueAfterMs(profile, 8)).toBeCloseTo(4000, 9);
    expect(dueAfterMs(profile, 50)).toBeCloseTo(10_000, 9);
    expect(dueAfterMs(profile, 150)).toBeCloseTo(11_000, 9);
    expect(dueAfterMs(profile, 1050)).toBe(Infinity);
  });

  it('has as many frames up to a moment as are due by then, whatever its form', () => {
    const point = record({
      seconds: integer({ max: 50, min: 0 }),
      rate: integer({ max: 50, min: 0 }),
    });
    assert(
      property(
        array(point, { minLength: 1, maxLength: 6 }),
        double({ min: 0, max: 1, noNaN: true }),
        (steps, share) => {
          let atS = 0;
          const profile = [{ atS, rate: 1 }, ...steps.map(({ seconds, rate }) => ({ atS: (atS += seconds), rate }))];
          const frames = share * framesOf(profile);
          const dueS = Math.min(dueAfterMs(profile, frames) / 1000, atS);
          const before = profile.filter((each) => each.atS <= dueS);
          const [last, next] = [before.at(-1)!, profile[before.length] ?? profile.at(-1)!];
          const slope = next.atS === last.atS ? 0 : (next.rate - last.rate) / (next.atS - last.atS);
          const until = [...before, { atS: dueS, rate: last.rate + slope * (dueS - last.atS) }];
          expect(framesOf(until)).toBeCloseTo(frames, 6);
        },
      ),
    );
  });

  it('begins with its warm-up', () => {
    expect(withWarmUp(steady(4, 10), 5)).toEqual([
      { atS: 0, rate: 4 },
      { atS: 5, rate: 4 },
      { atS: 15, rate: 4 },
    ]);
  });
});
