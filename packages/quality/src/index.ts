export { bootstrapInterval, type Interval } from './bootstrap.js';
export { QualityError } from './errors.js';
export type { QualityMetric } from './metric.js';
export { msSsim } from './ms-ssim.js';
export { patchCount, patches } from './patches.js';
export { createPatchFrechet, distanceOfSums, type PatchFrechet, type PatchSums } from './patch-frechet-distance.js';
export { psnr } from './psnr.js';
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
