import { describe, expect, it } from 'vitest';
import { complexNormal } from '../test/signals.js';
import { mirrorZeros } from './zeros.js';

/** Σ_l h_l·x^l */
function at(taps: ArrayLike<number>, [xI, xQ]: readonly [number, number]): [number, number] {
  let [re, im] = [0, 0];
  for (let l = taps.length / 2 - 1; l >= 0; l--) {
    [re, im] = [taps[2 * l]! + xI * re - xQ * im, taps[2 * l + 1]! + xI * im + xQ * re];
  }
  return [re, im];
}

const onCircle = (angle: number) => [Math.cos(angle), Math.sin(angle)] as const;

describe('mirrorZeros', () => {
  it('of two taps exchanges them, conjugated', () => {
    const [mirrored, ...others] = mirrorZeros(Float64Array.of(1, 2, 3, -4));
    expect(others).toEqual([]);
    // (1 + 2j) + (3 - 4j)·x has its zero at -(1 + 2j)/(3 - 4j).
    const ratio = [(3 * 3 + 4 * 4) / (1 + 4), (1 + 4) / (3 * 3 + 4 * 4)];
    expect(Math.hypot(mirrored![0]!, mirrored![1]!) ** 2).toBeCloseTo(25, 9);
    expect(Math.hypot(mirrored![2]!, mirrored![3]!) ** 2).toBeCloseTo(5, 9);
    expect(ratio[0]! * ratio[1]!).toBeCloseTo(1, 9);
  });

  it.each([2, 3, 8, 16])('gives %d - 1 other channels of the same |H|, of which each has a zero mirrored', (count) => {
    for (let frame = 0; frame < 20; frame++) {
      const taps = Float64Array.from(complexNormal(count, 1, 'zeros', frame), (v, i) => v * Math.exp(-(i >> 1) / 8));
      const channels = mirrorZeros(taps);
      expect(channels.length).toBe(count - 1);
      for (const mirrored of channels) {
        let most = 0;
        for (let k = 0; k < 32; k++) {
          const x = onCircle((2 * Math.PI * k) / 32);
          most = Math.max(most, Math.abs(Math.hypot(...at(mirrored, x)) - Math.hypot(...at(taps, x))));
        }
        expect(most).toBeLessThan(1e-6);
        // They differ: one has lost the zero that the other has.
        expect(Math.max(...mirrored.map((v, i) => Math.abs(v - taps[i]!)))).toBeGreaterThan(1e-3);
      }
    }
  });

  it('gives back the channel when the mirrored zero is mirrored', () => {
    const taps = Float64Array.of(1, 0, 0.5, 0.2, -0.3, 0.4);
    for (const mirrored of mirrorZeros(taps)) {
      const back = mirrorZeros(mirrored).map((each) => {
        // But for a common phase.
        const [re, im] = [0, 1, 2].reduce(
          ([a, b], l) => [
            a! + each[2 * l]! * taps[2 * l]! + each[2 * l + 1]! * taps[2 * l + 1]!,
            b! + each[2 * l]! * taps[2 * l + 1]! - each[2 * l + 1]! * taps[2 * l]!,
          ],
          [0, 0],
        );
        const energy = (v: Float64Array) => v.reduce((sum, value) => sum + value * value, 0);
        return Math.hypot(re!, im!) / Math.sqrt(energy(each) * energy(taps));
      });
      expect(Math.max(...back)).toBeCloseTo(1, 9);
    }
  });

  it('leaves out what has no zero', () => {
    expect(mirrorZeros(Float64Array.of(1, 1, 0, 0))).toEqual([]);
    expect(mirrorZeros(Float64Array.of(0, 0, 0, 0))).toEqual([]);
  });
});
