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
  label: 'PSNR',
  unit: 'dB',
  decimals: 2,
  higherIsBetter: true,
  best: MAX_PSNR_DB,
  minimumSize: 1,
  range: [18, 34],
  // One decibel apart where the difference is seen; a codec gives 15 to 34 dB between -5 and 20 dB of SNR.
  buckets: [8, 10, 12, 14, 16, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 36, 38, 40, 45, 50],
  compute: psnr,
} as const satisfies QualityMetric;
