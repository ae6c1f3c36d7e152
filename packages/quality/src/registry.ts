import type { RgbImage } from '@semcast/core';
import type { QualityMetric } from './metric.js';
import { msSsimMetric } from './ms-ssim.js';
import { psnrMetric } from './psnr.js';
import { ssimMetric } from './ssim.js';

/** Every metric, by its name. */
export const qualityMetrics = {
  psnrDb: psnrMetric,
  ssim: ssimMetric,
  msSsim: msSsimMetric,
} as const satisfies Record<string, QualityMetric>;

export type MetricName = keyof typeof qualityMetrics;

/** One value a metric; null where the picture is too small for it. Only ever null for metrics that can be. */
export type QualityReport = {
  readonly [K in MetricName]: ReturnType<(typeof qualityMetrics)[K]['compute']>;
};

/**
 * Every metric of the registry at once.
 *
 * @throws QualityError E_IMAGE_SIZES when the pictures differ in size, E_IMAGE_DATA when one isn't what it says
 */
export function measureQuality(original: RgbImage, decoded: RgbImage): QualityReport {
  const entries = Object.entries(qualityMetrics).map(([name, metric]) => [name, metric.compute(original, decoded)]);
  return Object.fromEntries(entries) as QualityReport;
}
