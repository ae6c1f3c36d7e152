import type { RgbImage } from '@semcast/core';
import { checkPair, halve, lumaOf, type Plane } from './image.js';
import type { QualityMetric } from './metric.js';
import { SIMILARITY_BUCKETS, structuralSimilarity, WINDOW_SIZE } from './structural-similarity.js';

/** Exponents of the scales, finest first (Wang, Simoncelli, Bovik 2003, section 3.2). They sum to 1.0001 there too. */
export const MS_SSIM_WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333] as const;

/** The shortest side, in pixels, that leaves one whole window after four halvings. */
export const MS_SSIM_MINIMUM_SIZE = WINDOW_SIZE * 2 ** (MS_SSIM_WEIGHTS.length - 1);

/**
 * Multi-scale structural similarity of the luma: Wang, Simoncelli, Bovik 2003, "Multiscale structural similarity for
 * image quality assessment", eq. 7 with the published exponents.
 *
 *   ∏ over scales 1 … 4 of mean(contrast · structure)^weight · mean(SSIM of scale 5)^weight
 *
 * Each scale is the mean of 2×2 blocks of the one before. The mean over windows is taken before the exponent, as in
 * the authors' code. A negative mean (a picture against its negative) has no real power and counts as 0.
 *
 * @returns 0 … 1; null when the short side is below {@link MS_SSIM_MINIMUM_SIZE} pixels
 * @throws QualityError E_IMAGE_SIZES, E_IMAGE_DATA
 */
export function msSsim(original: RgbImage, decoded: RgbImage): number | null {
  checkPair(original, decoded);
  if (Math.min(original.width, original.height) < MS_SSIM_MINIMUM_SIZE) {
    return null;
  }
  let a: Plane = lumaOf(original);
  let b: Plane = lumaOf(decoded);
  let product = 1;
  for (const [scale, weight] of MS_SSIM_WEIGHTS.entries()) {
    const coarsest = scale === MS_SSIM_WEIGHTS.length - 1;
    const { ssim, contrastStructure } = structuralSimilarity(a, b);
    product *= Math.max(0, coarsest ? ssim : contrastStructure) ** weight;
    if (!coarsest) {
      a = halve(a);
      b = halve(b);
    }
  }
  return product;
}

export const msSsimMetric = {
  name: 'msSsim',
  label: 'MS-SSIM',
  unit: '',
  decimals: 4,
  higherIsBetter: true,
  best: 1,
  minimumSize: MS_SSIM_MINIMUM_SIZE,
  range: [0.7, 1],
  buckets: SIMILARITY_BUCKETS,
  compute: msSsim,
} as const satisfies QualityMetric;
