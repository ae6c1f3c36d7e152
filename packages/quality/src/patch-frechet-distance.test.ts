import { readFileSync } from 'node:fs';
import { RandomSource, tensor, type Tensor } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { features } from '../fixtures/test-pictures.js';
import { gaussianFrechetDistance } from './gaussian-frechet.js';
import { createPatchFrechet, distanceOfSums } from './patch-frechet-distance.js';

const patchFrechetDistance = (originals: Tensor, decoded: Tensor, { directions }: { directions?: number } = {}) =>
  createPatchFrechet(originals, directions).distanceTo(decoded);
const diagonal = (values: readonly number[]): number[] =>
  values.flatMap((value, i) => values.map((_, j) => (i === j ? value : 0)));

describe('gaussianFrechetDistance', () => {
  it('is |μ1 - μ2|² + Σ(σ1 - σ2)² for diagonal covariances', () => {
    const first = { mean: [1, 2, 3], covariance: diagonal([4, 9, 0]) };
    const second = { mean: [0, 4, 3], covariance: diagonal([1, 25, 4]) };
    expect(gaussianFrechetDistance(first, second)).toBeCloseTo(1 + 4 + (1 + 4 + 4), 12);
  });

  it('is (1 - √c)²·tr Σ for a covariance scaled by c', () => {
    const covariance = [2, 0.5, -0.3, 0.5, 1, 0.2, -0.3, 0.2, 3];
    const distance = gaussianFrechetDistance(
      { mean: [0, 0, 0], covariance },
      { mean: [0, 0, 0], covariance: covariance.map((v) => 4 * v) },
    );
    expect(distance).toBeCloseTo((1 - 2) ** 2 * 6, 10);
  });

  it('matches the closed form in two dimensions, where the covariances do not commute', () => {
    // tr (AB)^½ = √(tr AB + 2·√(det AB)) for 2×2.
    const a = [2, 0.8, 0.8, 1];
    const b = [1.5, -0.6, -0.6, 0.7];
    const traceAB = 2 * 1.5 + 0.8 * -0.6 + 0.8 * -0.6 + 1 * 0.7;
    const determinant = (2 * 1 - 0.8 ** 2) * (1.5 * 0.7 - 0.6 ** 2);
    const expected = 3 + 2.2 - 2 * Math.sqrt(traceAB + 2 * Math.sqrt(determinant));
    const [first, second] = [
      { mean: [0, 0], covariance: a },
      { mean: [0, 0], covariance: b },
    ];
    expect(gaussianFrechetDistance(first, second)).toBeCloseTo(expected, 12);
    expect(gaussianFrechetDistance(second, first)).toBeCloseTo(expected, 12);
  });

  it('is zero for equal Gaussians and never negative', () => {
    const moments = { mean: [0.1, 0.7], covariance: [1e-12, 0, 0, 3] };
    expect(gaussianFrechetDistance(moments, moments)).toBeGreaterThanOrEqual(0);
    expect(gaussianFrechetDistance(moments, moments)).toBeLessThan(1e-12);
  });

  it('refuses moments that do not fit together or are not finite', () => {
    const one = { mean: [0], covariance: [1] };
    const message = 'moments of dimension 1 need 1 means and 1 covariances, all finite; these have 2 and 4';
    expect(() => gaussianFrechetDistance(one, { mean: [0, 0], covariance: diagonal([1, 1]) })).toThrow(message);
    expect(() => gaussianFrechetDistance(one, { mean: [Number.NaN], covariance: [1] })).toThrow(
      expect.objectContaining({ code: 'E_MOMENTS' }),
    );
    const none = { mean: [], covariance: [] };
    expect(() => gaussianFrechetDistance(none, none)).toThrow(expect.objectContaining({ code: 'E_MOMENTS' }));
  });
});

/** Rows of independent normals: column i has mean `mean(i)` and standard deviation `deviation(i)`. */
function gaussianFeatures(
  rows: number,
  size: number,
  seed: number,
  mean: (i: number) => number,
  deviation: (i: number) => number,
): Tensor {
  const random = new RandomSource([seed, 1, 2, 3]);
  const data = Float32Array.from(
    { length: rows * size },
    (_, k) => mean(k % size) + deviation(k % size) * random.normal(),
  );
  return tensor(data, [rows, size]);
}

const zero = () => 0;
const deviation = (i: number) => 10 / (1 + i);
const fixedSet = (rows: number, size: number) => tensor(features(rows, size, 3, 1), [rows, size]);
const sixteenfold = (v: number) => 16 * v - 4096;

describe('patchFrechetDistance', () => {
  it('is zero for identical sets, in any order of patches', () => {
    const set = tensor(features(150, 40, 3, 1), [150, 40]);
    expect(patchFrechetDistance(set, set)).toBeLessThan(1e-10);
    const reversed = new Float32Array(set.data.length);
    for (let row = 0; row < 150; row++) {
      reversed.set(set.data.subarray(row * 40, (row + 1) * 40), (149 - row) * 40);
    }
    expect(patchFrechetDistance(set, tensor(reversed, [150, 40]))).toBeLessThan(1e-10);
  });

  it('measures Gaussians of known means and deviations', () => {
    // Directions are the columns, largest first; the scale is the deviation of the first, 10.
    const originals = gaussianFeatures(20_000, 8, 11, zero, deviation);
    const shifted = gaussianFeatures(
      20_000,
      8,
      12,
      (i) => (i === 1 ? 4 : 0),
      (i) => (i === 0 ? 15 : deviation(i)),
    );
    // (15 - 10)²/10² for the widened column and 4²/10² for the shifted one.
    const expected = 0.25 + 0.16;
    expect(Math.abs(patchFrechetDistance(originals, shifted, { directions: 4 }) - expected)).toBeLessThan(0.02);
    // The same change in a direction that is not kept isn't seen.
    const beyond = gaussianFeatures(20_000, 8, 13, (i) => (i === 7 ? 4 : 0), deviation);
    expect(patchFrechetDistance(originals, beyond, { directions: 4 })).toBeLessThan(0.005);
  });

  it('is the exact |shift|² / scale² for a set moved along its first direction', () => {
    const originals = gaussianFeatures(400, 36, 5, zero, (i) => (i === 0 ? 50 : 1));
    const { data } = originals;
    let [mean, square] = [0, 0];
    for (let row = 0; row < 400; row++) {
      mean += data[row * 36]! / 400;
      square += data[row * 36]! ** 2 / 400;
    }
    const moved = tensor(
      data.map((v, k) => (k % 36 === 0 ? v + 25 : v)),
      [400, 36],
    );
    expect(patchFrechetDistance(originals, moved)).toBeCloseTo(625 / (square - mean ** 2), 2);
  });

  it('is the same from the sums of the pictures of a set, and of a resampled one', () => {
    const [size, each] = [40, 50];
    const cut = (set: Float32Array, parts: readonly number[]) =>
      tensor(
        Float32Array.from(parts.flatMap((part) => [...set.subarray(part * each * size, (part + 1) * each * size)])),
        [parts.length * each, size],
      );
    const [a, b] = [features(150, size, 3, 0), features(150, size, 4, 2)];
    const compare = createPatchFrechet(cut(a, [0, 1, 2]));
    const sums = (set: Float32Array, parts: readonly number[]) => parts.map((part) => compare.sums(cut(set, [part])));
    const whole = distanceOfSums(sums(a, [0, 1, 2]), sums(b, [0, 1, 2]));
    expect(whole / compare.distanceTo(cut(b, [0, 1, 2]))).toBeCloseTo(1, 8);
    // One part of the set three times is that part: n - 1 for n is all that differs.
    const repeated = distanceOfSums(sums(a, [0, 1, 2]), sums(b, [1, 1, 1]));
    expect(repeated / compare.distanceTo(cut(b, [1, 1, 1]))).toBeCloseTo(1, 8);
  });

  it('does not depend on the scale or the origin of the features', () => {
    const [a, b] = [features(120, 40, 3, 0), features(130, 40, 4, 2)];
    const distance = patchFrechetDistance(tensor(a, [120, 40]), tensor(b, [130, 40]));
    expect(
      patchFrechetDistance(tensor(a.map(sixteenfold), [120, 40]), tensor(b.map(sixteenfold), [130, 40])),
    ).toBeCloseTo(distance, 6);
  });

  it('matches the SVD of the numpy reference', () => {
    interface Row {
      patches: number;
      decodedPatches: number;
      size: number;
      directions: number;
      distance: number;
    }
    const { patchFrechet } = JSON.parse(
      readFileSync(new URL('../fixtures/reference.json', import.meta.url), 'utf8'),
    ) as {
      patchFrechet: Row[];
    };
    expect(patchFrechet.length).toBeGreaterThan(0);
    for (const { patches, decodedPatches, size, directions, distance } of patchFrechet) {
      const originals = tensor(features(patches, size, 3, 0), [patches, size]);
      const decoded = tensor(
        features(decodedPatches, size, 4, 2).map((v) => v * 0.5),
        [decodedPatches, size],
      );
      const prepared = createPatchFrechet(originals, directions);
      expect(prepared.distanceTo(decoded)).toBeCloseTo(distance, 7);
      expect(prepared.distanceTo(originals)).toBeLessThan(1e-9);
    }
  });

  it('refuses what has no answer, with a message', () => {
    expect(() => patchFrechetDistance(fixedSet(32, 40), fixedSet(60, 40))).toThrow(
      expect.objectContaining({
        code: 'E_TOO_FEW_PATCHES',
        message: "32 patches with 40 features of the originals can't fill 32 principal directions",
        remedy: 'use more or larger pictures, so that each set has more than 32 patches, better some thousands',
      }),
    );
    expect(patchFrechetDistance(fixedSet(33, 40), fixedSet(33, 40))).toBeLessThan(1e-9);
    expect(() => patchFrechetDistance(fixedSet(60, 40), fixedSet(32, 40))).toThrow('of the decoded set');
    expect(() => patchFrechetDistance(fixedSet(60, 31), fixedSet(60, 31))).toThrow(
      expect.objectContaining({ code: 'E_TOO_FEW_PATCHES' }),
    );
    expect(() => patchFrechetDistance(fixedSet(60, 40), fixedSet(60, 41))).toThrow(
      'the originals have 40 features a patch, the decoded set has 41',
    );
    expect(() => patchFrechetDistance(tensor(new Float32Array(8), [2, 2, 2]), fixedSet(60, 2))).toThrow(
      'the features of the originals have shape [2, 2, 2], not [patches, F]',
    );
    expect(() => patchFrechetDistance(tensor(new Float32Array(2400), [60, 40]), fixedSet(60, 40))).toThrow(
      'every patch of the originals has the same features',
    );
    for (const broken of [Number.NaN, Infinity]) {
      const bad = tensor(fixedSet(60, 40).data.with(77, broken), [60, 40]);
      expect(() => patchFrechetDistance(fixedSet(60, 40), bad)).toThrow(
        'the features of the decoded set hold NaN or infinity',
      );
    }
    expect(() => patchFrechetDistance(fixedSet(60, 40), fixedSet(60, 40), { directions: 0 })).toThrow(
      'the number of principal directions is a whole number from 1, not 0',
    );
  });
});
