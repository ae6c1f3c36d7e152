import { meanPower } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { randomBits, testRandom, overAwgn } from '../test/random.js';
import { demodulate, modulate, type ModulationOrder } from './modulation.js';

const ORDERS: readonly ModulationOrder[] = [2, 4, 6, 8];

/** The points of a constellation by their bits, as TS 38.211, clauses 5.1.3 to 5.1.6, writes them. */
function pointsOf(order: ModulationOrder): { bits: number[]; re: number; im: number }[] {
  const part = (b: number[]): number => {
    const s = b.map((bit) => 1 - 2 * bit);
    return [
      (): number => s[0]!,
      (): number => s[0]! * (2 - s[1]!),
      (): number => s[0]! * (4 - s[1]! * (2 - s[2]!)),
      (): number => s[0]! * (8 - s[1]! * (4 - s[2]! * (2 - s[3]!))),
    ][order / 2 - 1]!();
  };
  const norm = Math.sqrt({ 2: 2, 4: 10, 6: 42, 8: 170 }[order]);
  return Array.from({ length: 2 ** order }, (_, label) => {
    const bits = Array.from({ length: order }, (__, k) => (label >> (order - 1 - k)) & 1);
    return {
      bits,
      re: part(bits.filter((___, k) => k % 2 === 0)) / norm,
      im: part(bits.filter((___, k) => k % 2 === 1)) / norm,
    };
  });
}

/** erfc to 1.2e-7 of its value (Press et al., "Numerical Recipes", 2nd ed., clause 6.2). */
function erfc(x: number): number {
  const t = 1 / (1 + x / 2);
  const powers = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  return t * Math.exp(-x * x + powers.reduceRight((sum, coefficient) => sum * t + coefficient, 0));
}

/** The exact bit error rate of Gray-mapped QAM on AWGN (Cho, Yoon, IEEE Trans. Commun. 50(7), 2002, eq. 14 and 16). */
function bitErrorRate(order: ModulationOrder, esN0: number): number {
  const side = 2 ** (order / 2);
  let sum = 0;
  for (let k = 1; k <= order / 2; k++) {
    for (let i = 0; i < (1 - 2 ** -k) * side; i++) {
      const half = (i * 2 ** (k - 1)) / side;
      const weight = (-1) ** Math.floor(half) * (2 ** (k - 1) - Math.floor(half + 0.5));
      sum += (weight * erfc((2 * i + 1) * Math.sqrt((3 * esN0) / (2 * (side * side - 1))))) / side;
    }
  }
  return sum / (order / 2);
}

describe.each(ORDERS)('modulation of order %i', (order) => {
  it('maps bits as TS 38.211 does, to unit mean power', () => {
    const points = pointsOf(order);
    const symbols = modulate(Uint8Array.from(points.flatMap(({ bits }) => bits)), order);
    points.forEach(({ re, im }, k) => {
      expect(symbols[2 * k]).toBeCloseTo(re, 6);
      expect(symbols[2 * k + 1]).toBeCloseTo(im, 6);
    });
    expect(meanPower(symbols)).toBeCloseTo(1, 6);
  });

  it.each(['max-log', 'exact'] as const)('gives the LLRs of the definition over all points (%s)', (method) => {
    const random = testRandom(`llr-${order}`);
    const count = 50;
    const y = new Float32Array(2 * count);
    const h = new Float32Array(2 * count);
    random.fillNormal(y);
    random.fillNormal(h, Math.SQRT1_2);
    const noiseVariance = Float32Array.from({ length: count }, () => 0.02 + random.uniform());
    const llr = demodulate({ y, h, noiseVariance }, order, method);
    const points = pointsOf(order);
    for (let k = 0; k < count; k++) {
      const [a, b] = [h[2 * k]!, h[2 * k + 1]!];
      const metrics = points.map(
        ({ re, im }) =>
          -((y[2 * k]! - a * re + b * im) ** 2 + (y[2 * k + 1]! - a * im - b * re) ** 2) / noiseVariance[k]!,
      );
      for (let bit = 0; bit < order; bit++) {
        const of = (value: number): number => {
          const chosen = metrics.filter((_, p) => points[p]!.bits[bit] === value);
          const most = Math.max(...chosen);
          return method === 'max-log' ? most : most + Math.log(chosen.reduce((sum, m) => sum + Math.exp(m - most), 0));
        };
        const expected = of(0) - of(1);
        expect(Math.abs(llr[k * order + bit]! - expected)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected)));
      }
    }
  });

  it('has the bit error rate of the closed form, uncoded on AWGN', () => {
    const random = testRandom(`ber-${order}`);
    const bits = randomBits(order * 40_000, random);
    for (const esN0Db of [order + 1, 3 * order]) {
      const llr = demodulate(overAwgn(modulate(bits, order), 10 ** (-esN0Db / 10), random), order);
      const errors = llr.reduce((sum, value, k) => sum + (Number(value < 0) === bits[k] ? 0 : 1), 0);
      const expected = bitErrorRate(order, 10 ** (esN0Db / 10)) * bits.length;
      // Bits of a symbol err together now and then, which widens the binomial's deviation a little.
      expect(Math.abs(errors - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });
});

it('knows nothing of a symbol without gain, and is sure without noise', () => {
  const sure = demodulate({ y: Float32Array.of(1, 1, 0.3, 0.3), h: null, noiseVariance: new Float32Array(2) }, 4);
  expect([...sure].every((value) => Number.isFinite(value) && Math.abs(value) > 1000)).toBe(true);
  const none = demodulate({ y: Float32Array.of(1, 1), h: new Float32Array(2), noiseVariance: Float32Array.of(1) }, 4);
  expect([...none]).toEqual([0, 0, 0, 0]);
});

it('refuses halves of symbols and wrong shapes', () => {
  expect(() => modulate(new Uint8Array(5), 4)).toThrow('no whole number of 16QAM symbols');
  const y = new Float32Array(4);
  expect(() => demodulate({ y, h: null, noiseVariance: new Float32Array(1) }, 2)).toThrow("2 symbols can't have");
  expect(() => demodulate({ y, h: null, noiseVariance: Float32Array.of(1, -1) }, 2)).toThrow(
    "can't have the variance -1",
  );
});
