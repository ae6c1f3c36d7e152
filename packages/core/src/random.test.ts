import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { philox4x32, randomFor, RandomSource } from './random.js';

const coordinates = { seed: 7, stream: 'cam-1', frame: 3, purpose: 'noise' };

/** Φ(x), by Abramowitz & Stegun 7.1.26 (absolute error below 1.5e-7). */
function normalCdf(x: number): number {
  const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const erf = 1 - poly * Math.exp((-x * x) / 2);
  return x >= 0 ? (1 + erf) / 2 : (1 - erf) / 2;
}

describe('philox4x32', () => {
  it('matches the known answers of the reference implementation', () => {
    expect(philox4x32([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    expect(philox4x32([ones, ones, ones, ones], [ones, ones])).toEqual([
      0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd,
    ]);
    expect(philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ]);
  });
});

describe('randomFor', () => {
  it('gives the same sequence for the same coordinates, and another for any other', () => {
    const draw = (change: Partial<typeof coordinates>) => {
      const random = randomFor({ ...coordinates, ...change });
      return Array.from({ length: 8 }, () => random.uint32()).join();
    };
    const reference = draw({});
    expect(draw({})).toBe(reference);
    for (const change of [
      { seed: 8 },
      { seed: 7 + 2 ** 32 },
      { stream: 'cam-2' },
      { frame: 4 },
      { purpose: 'fading' },
    ]) {
      expect(draw(change)).not.toBe(reference);
    }
    expect(draw({ frame: 3 + 2 ** 32 })).not.toBe(reference);
  });

  it('gives the recorded normal numbers, whichever way they are asked for', () => {
    const n = 200_000;
    const filled = new Float64Array(n);
    const filler = randomFor(coordinates);
    filler.fillNormal(filled, 0.5);
    expect(createHash('sha256').update(new Uint8Array(filled.buffer)).digest('hex')).toBe(
      'ea4bf8d6e5c828a2049b19e27c28a949cfbf2c10442a5d162144a53977e89a4a',
    );
    expect(filler.uint32()).toBe(2464388870);
    const single = randomFor(coordinates);
    expect(Float64Array.from({ length: n }, () => 0.5 * single.normal())).toEqual(filled);
    expect(single.uint32()).toBe(2464388870);
    const added = new Float64Array(n).fill(8);
    const adder = randomFor(coordinates);
    // In two pieces: the state survives between calls.
    adder.addNormal(added.subarray(0, 777), 0.5);
    adder.addNormal(added.subarray(777), 0.5);
    expect(added).toEqual(filled.map((value) => 8 + value));
    expect(adder.uint32()).toBe(2464388870);
  });

  it('draws standard normals: moments, Kolmogorov-Smirnov, tails', () => {
    const n = 1_000_000;
    const values = new Float64Array(n);
    randomFor(coordinates).fillNormal(values);
    let [mean, square, cube, fourth, beyond3] = [0, 0, 0, 0, 0];
    for (const v of values) {
      mean += v / n;
      square += v ** 2 / n;
      cube += v ** 3 / n;
      fourth += v ** 4 / n;
      beyond3 += Math.abs(v) > 4 ? 1 : 0;
    }
    // Five standard errors of each estimate at n = 1e6.
    expect(Math.abs(mean)).toBeLessThan(5e-3);
    expect(Math.abs(square - 1)).toBeLessThan(5 * Math.sqrt(2) * 1e-3);
    expect(Math.abs(cube)).toBeLessThan(5 * Math.sqrt(15) * 1e-3);
    expect(Math.abs(fourth - 3)).toBeLessThan(5 * Math.sqrt(96) * 1e-3);
    // P(|v| > 4) = 6.334e-5: 63 expected, 5 sigma is 40.
    expect(Math.abs(beyond3 - 63)).toBeLessThan(40);
    values.sort();
    let distance = 0;
    for (let i = 0; i < n; i++) {
      distance = Math.max(distance, Math.abs(normalCdf(values[i]!) - (i + 0.5) / n));
    }
    // The 1e-6 quantile of the Kolmogorov distribution is 2.69/√n.
    expect(distance * Math.sqrt(n)).toBeLessThan(2.69);
  });

  it('draws neighbouring frames without correlation', () => {
    const n = 100_000;
    const a = new Float64Array(n);
    const b = new Float64Array(n);
    randomFor(coordinates).fillNormal(a);
    randomFor({ ...coordinates, frame: 4 }).fillNormal(b);
    let correlation = 0;
    for (let i = 0; i < n; i++) {
      correlation += (a[i]! * b[i]!) / n;
    }
    expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(n));
  });

  it('draws uniforms on [0, 1) and survives an all-zero state', () => {
    const random = new RandomSource([0, 0, 0, 0]);
    let mean = 0;
    for (let i = 0; i < 100_000; i++) {
      const u = random.uniform();
      expect(u >= 0 && u < 1).toBe(true);
      mean += u / 100_000;
    }
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / 100_000));
  });
});
