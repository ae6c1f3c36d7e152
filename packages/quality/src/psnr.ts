import type { RgbImage } from '@semcast/core';
import { checkPair } from './image.js';
import type { QualityMetric } from './metric.js';

/** What equal pictures are given, so that the figure stays a number in JSON and in a mean. */
export const MAX_PSNR_DB = 100;

/**
 * Peak signal-to-noise ratio over the three channels together: 10·log10(255² / mean (a - b)²), at most
 * {@link MAX_PSNR_DB}.
 *
 * One mean over all R, G and B values, then one logarithm (not the mean of three logarithms).
 *
 * @returns decibels
 * @throws QualityError E_IMAGE_SIZES, E_IMAGE_DATA
 */
export function psnr(original: RgbImage, decoded: RgbImage): number {
  checkPair(original, decoded);
  const a = original.data;
  const b = decoded.data;
  let squares = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    squares += difference * difference;
  }
  return Math.min(MAX_PSNR_DB, 10 * Math.log10((255 * 255 * a.length) / squares));
}

export const psnrMetric = {
  name: 'psnrDb',
  unit: 'dB',
  higherIsBetter: true,
  best: MAX_PSNR_DB,
  minimumSize: 1,
  compute: psnr,
} as const satisfies QualityMetric;
