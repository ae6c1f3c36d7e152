import { array, assert, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameSet } from './frame-set.js';

describe('FrameSet', () => {
  it('joins neighbours, so that frames ending in any order leave one range', () => {
    const set = new FrameSet();
    for (const frame of [0, 2, 4, 1, 3]) {
      expect(set.add(frame)).toBe(true);
    }
    expect(set.ranges).toEqual([[0, 4]]);
    expect(set.add(3)).toBe(false);
    expect([set.size, set.last, new FrameSet().last]).toEqual([5, 4, -1]);
  });

  it('finds the first frame that is missing', () => {
    const set = new FrameSet([
      [0, 9],
      [12, 12],
    ]);
    expect(set.firstMissing(0)).toBe(10);
    expect(set.firstMissing(11)).toBe(11);
    expect(set.firstMissing(12)).toBe(13);
    expect(set.firstMissing(99)).toBe(99);
    expect(new FrameSet().firstMissing(0)).toBe(0);
  });

  it('agrees with a plain Set, whatever is added', () => {
    assert(
      property(array(nat(40), { maxLength: 60 }), (frames) => {
        const set = new FrameSet();
        const reference = new Set<number>();
        for (const frame of frames) {
          expect(set.add(frame)).toBe(!reference.has(frame));
          reference.add(frame);
        }
        for (let frame = 0; frame <= 41; frame++) {
          expect(set.has(frame)).toBe(reference.has(frame));
          let missing = frame;
          while (reference.has(missing)) {
            missing++;
          }
          expect(set.firstMissing(frame)).toBe(missing);
        }
        expect(set.size).toBe(reference.size);
        const ranges = set.ranges;
        expect(ranges.every(([first], i) => i === 0 || first > ranges[i - 1]![1] + 1)).toBe(true);
        expect(new FrameSet(ranges).ranges).toEqual(ranges);
      }),
    );
  });
});
