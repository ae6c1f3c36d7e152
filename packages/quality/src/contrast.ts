import type { RgbImage } from '@semcast/core';
import { checkPair, lumaOf } from './image.js';
import type { QualityMetric } from './metric.js';
import { C2, eachWindowRow, SIMILARITY_BUCKETS, WINDOW_SIZE } from './structural-similarity.js';

/**
 * The contrast comparison of SSIM alone, its mean over every whole 11×11 Gaussian window of the luma:
 *
 *   c = (2·σa·σb + C2) / (σa² + σb² + C2) = 1 - (σa - σb)² / (σa² + σb² + C2)
 *
 * Wang, Bovik, Sheikh, Simoncelli 2004, eq. 9. It asks whether each spot varies as much as the original's does, and not
 * whether the variation is the same: it falls where texture was blurred away, and where noise was added, and rises
 * where a sampler puts texture back that isn't the original's. PSNR and SSIM, which compare pixel by pixel, fall for
 * that.
 *
 * @returns 0 … 1; null when the short side is below 11 pixels
 * @throws QualityError E_IMAGE_SIZES, E_IMAGE_DATA
 */
export function contrast(original: RgbImage, decoded: RgbImage): number | null {
  checkPair(original, decoded);
  const { width, height } = original;
  if (Math.min(width, height) < WINDOW_SIZE) {
    return null;
  }
  const a = lumaOf(original);
  const b = lumaOf(decoded);
  let difference = 0;
  eachWindowRow(
    a,
    (y, p, q) => {
      p.set(a.data.subarray(y * width, (y + 1) * width));
      q.set(b.data.subarray(y * width, (y + 1) * width));
    },
    ({ varianceP, varianceQ }) => {
      let row = 0;
      for (let x = 0; x < varianceP.length; x++) {
        // Rounding makes a variance of nothing negative.
        const [ofA, ofB] = [Math.max(0, varianceP[x]!), Math.max(0, varianceQ[x]!)];
        row += (Math.sqrt(ofA) - Math.sqrt(ofB)) ** 2 / (ofA + ofB + C2);
      }
      difference += row / varianceP.length;
    },
  );
  return 1 - difference / (height - WINDOW_SIZE + 1);
}

export const contrastMetric = {
  name: 'contrast',
  label: 'Contrast',
  unit: '',
  decimals: 4,
  higherIsBetter: true,
  best: 1,
  minimumSize: WINDOW_SIZE,
  range: [0.8, 1],
  buckets: SIMILARITY_BUCKETS,
  compute: contrast,
} as const satisfies QualityMetric;
