import { readFileSync } from 'node:fs';
import type { RgbImage } from '@semcast/core';
import { ssim as ssimOracle } from 'ssim.js';
import { describe, expect, it } from 'vitest';
import { DAMAGES, flat, grey, noise, noisy, picture } from '../fixtures/test-pictures.js';
import { contrast } from './contrast.js';
import { halve } from './image.js';
import { MS_SSIM_WEIGHTS, msSsim } from './ms-ssim.js';
import { psnr } from './psnr.js';
import { ssim } from './ssim.js';

interface ReferenceRow {
  width: number;
  height: number;
  damage: string;
  psnrDb: number;
  ssim: number;
  msSsim: number;
}

const reference = JSON.parse(readFileSync(new URL('../fixtures/reference.json', import.meta.url), 'utf8')) as {
  pictures: ReferenceRow[];
};

const C1 = (0.01 * 255) ** 2;

describe('against the numpy reference', () => {
  it('has rows for every damage', () => {
    expect(new Set(reference.pictures.map(({ damage }) => damage))).toEqual(new Set(Object.keys(DAMAGES)));
  });

  it.each(reference.pictures)('$width×$height, $damage', ({ width, height, damage, ...expected }) => {
    const original = picture(width, height);
    const decoded = DAMAGES[damage]!(original);
    expect(psnr(original, decoded)).toBeCloseTo(expected.psnrDb, 10);
    expect(ssim(original, decoded)).toBeCloseTo(expected.ssim, 10);
    expect(msSsim(original, decoded)).toBeCloseTo(expected.msSsim, 10);
  });
});

describe('psnr', () => {
  it('is 20·log10(255 / d) for a constant difference d', () => {
    for (const difference of [1, 5, 51, 255]) {
      expect(psnr(flat(7, 5, 0), flat(7, 5, difference))).toBeCloseTo(20 * Math.log10(255 / difference), 12);
    }
  });

  it('takes one mean over the three channels', () => {
    const original = flat(4, 4, 100);
    const redOff = { ...original, data: original.data.map((v, i) => (i % 3 === 0 ? v + 30 : v)) };
    expect(psnr(original, redOff)).toBeCloseTo(10 * Math.log10((255 * 255) / (900 / 3)), 12);
  });

  it('stays a number for equal pictures and at most 100 dB for nearly equal ones', () => {
    expect(psnr(flat(2, 2, 1), flat(2, 2, 1))).toBe(100);
    const large = flat(768, 512, 50);
    const oneBitOff = { ...large, data: large.data.with(12_345, 51) };
    expect(10 * Math.log10(255 ** 2 * large.data.length)).toBeGreaterThan(100);
    expect(psnr(large, oneBitOff)).toBe(100);
  });
});

const rgba = ({ width, height, data }: RgbImage) => ({
  width,
  height,
  data: Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) =>
    i % 4 === 3 ? 255 : data[3 * Math.floor(i / 4) + (i % 4)]!,
  ),
});

/** SSIM by ssim.js, with the window and the steps of the 2004 paper. */
const oracle = (a: RgbImage, b: RgbImage) =>
  ssimOracle(rgba(a), rgba(b), { ssim: 'original', downsample: false, rgb2grayVersion: 'original' }).mssim;

/** A checkerboard of single pixels. */
function board(low: number, high: number): RgbImage {
  const image = flat(40, 40, 0);
  const data = image.data.map((_, i) => {
    const pixel = Math.floor(i / 3);
    return (Math.floor(pixel / 40) + pixel) % 2 === 0 ? low : high;
  });
  return { ...image, data };
}

describe('ssim', () => {
  it.each(Object.entries(DAMAGES))('agrees with ssim.js on grey pictures: %s', (_, damage) => {
    const original = grey(picture(117, 90));
    const decoded = grey(damage(original));
    // It doesn't round either, but its grey is 0.9999·G by the weights of MATLAB.
    expect(ssim(original, decoded)).toBeCloseTo(oracle(original, decoded), 4);
  });

  it('agrees with ssim.js in colour, up to its rounding of the luma', () => {
    const original = picture(117, 90);
    expect(Math.abs(ssim(original, noisy(original, 40, 2))! - oracle(original, noisy(original, 40, 2)))).toBeLessThan(
      2e-3,
    );
  });

  it('is the luminance term alone for flat pictures', () => {
    for (const [a, b] of [
      [100, 120],
      [0, 255],
      [10, 11],
    ] as const) {
      expect(ssim(flat(30, 20, a), flat(30, 20, b))).toBeCloseTo((2 * a * b + C1) / (a * a + b * b + C1), 10);
    }
  });

  it('has known contrast and structure for a checkerboard against its negative', () => {
    // Under the window a board of single pixels has nearly zero mean offset and variance δ², and its negative covariance -δ².
    const [delta, c2] = [30, (0.03 * 255) ** 2];
    const expected = (-2 * delta ** 2 + c2) / (2 * delta ** 2 + c2);
    expect(ssim(board(98, 158), board(158, 98))).toBeCloseTo(expected, 3);
  });

  it('weighs the channels by BT.601', () => {
    const original = flat(20, 20, 90);
    for (const [channel, weight] of [0.299, 0.587, 0.114].entries()) {
      const shifted = { ...original, data: original.data.map((v, i) => (i % 3 === channel ? v + 100 : v)) };
      const luma = 90 + 100 * weight;
      expect(ssim(original, shifted)).toBeCloseTo((2 * 90 * luma + C1) / (90 * 90 + luma * luma + C1), 10);
    }
  });
});

describe('contrast', () => {
  /** Fine texture around grey, by position. */
  const textured = (amplitude: number, seed: number): RgbImage => {
    const values = noise(96 * 96, seed);
    const data = new Uint8Array(3 * 96 * 96).map(
      (_, i) => 128 + (amplitude * (values[Math.floor(i / 3)]! - 128)) / 128,
    );
    return { width: 96, height: 96, data };
  };

  it('asks for as much texture as the original has, and not for the same', () => {
    const original = textured(40, 1);
    const soft = textured(8, 1);
    const other = textured(40, 2);
    expect(contrast(original, other)).toBeGreaterThan(0.98);
    expect(contrast(original, soft)).toBeLessThan(0.6);
    // By pixels it is the other way round.
    expect(psnr(original, soft)).toBeGreaterThan(psnr(original, other) + 3);
  });

  it('falls for too much as for too little', () => {
    const original = textured(20, 1);
    expect(contrast(original, textured(100, 3))).toBeLessThan(0.6);
  });

  it('is the published ratio: of deviations 2 and 1 of flat windows nothing, of rough ones 2·2·1/(2² + 1²)', () => {
    const amplitude = 100;
    const value = contrast(textured(amplitude, 1), textured(amplitude / 2, 1))!;
    // C2 hardly counts beside deviations of 29 and 58.
    expect(value).toBeCloseTo(0.8, 1);
  });
});

describe('msSsim', () => {
  it('is the luminance term of the coarsest scale alone for flat pictures', () => {
    const [a, b] = [60, 90];
    const luminance = (2 * a * b + C1) / (a * a + b * b + C1);
    expect(msSsim(flat(176, 200, a), flat(176, 200, b))).toBeCloseTo(luminance ** 0.1333, 10);
  });

  it('is 0, not NaN, where a scale is anticorrelated', () => {
    const original = picture(208, 192);
    expect(msSsim(original, { ...original, data: original.data.map((v) => 255 - v) })).toBe(0);
  });

  it('uses the published exponents', () => {
    expect(MS_SSIM_WEIGHTS.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1.0001, 10);
  });

  it('halves by 2×2 means, repeating the edge of an odd side', () => {
    const plane = { width: 3, height: 3, data: Float64Array.from([0, 4, 10, 8, 4, 20, 1, 3, 7]) };
    expect(halve(plane)).toEqual({ width: 2, height: 2, data: Float64Array.from([4, 15, 2, 7]) });
  });
});
