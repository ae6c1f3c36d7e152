export { QualityError, type QualityErrorCode } from './errors.js';
export { gaussianFrechetDistance, type GaussianMoments } from './gaussian-frechet.js';
export type { QualityMetric } from './metric.js';
export { msSsim, MS_SSIM_MINIMUM_SIZE } from './ms-ssim.js';
export { PATCH_SIZE, PATCH_STRIDE, patchCount, patches, type PatchRange } from './patches.js';
export {
  createPatchFrechet,
  distanceOfSums,
  FRECHET_DIRECTIONS,
  patchFrechetDistance,
  type PatchFrechet,
  type PatchFrechetOptions,
  type PatchSums,
} from './patch-frechet-distance.js';
export { MAX_PSNR_DB, psnr } from './psnr.js';
export {
  allFigures,
  eachMetric,
  measureQuality,
  otherMetrics,
  qualityMetrics,
  type Figures,
  type MetricName,
  type QualityReport,
} from './registry.js';
export { ssim } from './ssim.js';
