import type { RgbImage } from '@semcast/core';
import { checkPair, lumaOf } from './image.js';
import type { QualityMetric } from './metric.js';
import { SIMILARITY_BUCKETS, structuralSimilarity, WINDOW_SIZE } from './structural-similarity.js';

/**
 * Structural similarity of the luma (BT.601, full range) at full resolution: the mean over every whole 11×11 Gaussian
 * window (σ 1.5, K1 0.01, K2 0.03). Wang et al. 2004; see `structural-similarity.ts` for the equations.
 *
 * The authors' demonstration first shrinks a picture to a short side of about 256; this, like most papers on
 * transmission, doesn't. Figures made with that step are higher and don't compare.
 *
 * @returns at most 1; null when the short side is below 11 pixels
 * @throws QualityError E_IMAGE_SIZES, E_IMAGE_DATA
 */
export function ssim(original: RgbImage, decoded: RgbImage): number | null {
  checkPair(original, decoded);
  if (Math.min(original.width, original.height) < WINDOW_SIZE) {
    return null;
  }
  return structuralSimilarity(lumaOf(original), lumaOf(decoded)).ssim;
}

export const ssimMetric = {
  name: 'ssim',
  label: 'SSIM',
  unit: '',
  decimals: 4,
  higherIsBetter: true,
  best: 1,
  minimumSize: WINDOW_SIZE,
  range: [0.5, 1],
  buckets: SIMILARITY_BUCKETS,
  compute: ssim,
} as const satisfies QualityMetric;
