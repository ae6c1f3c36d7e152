import type { RgbImage } from '@semcast/core';
import type { QualityMetric } from './metric.js';
import { contrastMetric } from './contrast.js';
import { msSsimMetric } from './ms-ssim.js';
import { psnrMetric } from './psnr.js';
import { ssimMetric } from './ssim.js';

/** Every metric, by its name. */
export const qualityMetrics = {
  psnrDb: psnrMetric,
  ssim: ssimMetric,
  msSsim: msSsimMetric,
  contrast: contrastMetric,
} as const satisfies Record<string, QualityMetric>;

export type MetricName = keyof typeof qualityMetrics;

/** Every metric but PSNR, which has a place of its own in tables and plots: previews have it, too. */
export const otherMetrics = Object.values(qualityMetrics).filter((metric) => metric.name !== 'psnrDb');

/** One value for each metric of the registry, in its order. */
export function eachMetric<Value>(make: (name: MetricName, metric: QualityMetric) => Value): {
  readonly [K in MetricName]: Value;
} {
  const entries = Object.entries(qualityMetrics).map(([name, metric]) => [name, make(name as MetricName, metric)]);
  return Object.fromEntries(entries) as { readonly [K in MetricName]: Value };
}

/** Figures of a picture by name; the one that every picture has is PSNR. */
export type Figures = Readonly<Record<string, number>> & Pick<QualityReport, 'psnrDb'>;

/** One value a metric; null where the picture is too small for it, which none is for PSNR. */
export type QualityReport = { readonly [K in Exclude<MetricName, 'psnrDb'>]: number | null } & {
  readonly psnrDb: number;
};

/**
 * Every metric of the registry at once.
 *
 * @throws QualityError E_IMAGE_SIZES when the pictures differ in size, E_IMAGE_DATA when one isn't what it says
 */
export function measureQuality(original: RgbImage, decoded: RgbImage): QualityReport {
  return eachMetric((_, metric) => metric.compute(original, decoded)) as QualityReport;
}

/**
 * All that was measured of a picture as one record: the registry's figures by name, those that a small picture hasn't
 * left out, and distances of metric bundles by folder.
 */
export function allFigures(measured: QualityReport & { readonly metrics: Readonly<Record<string, number>> }): Figures {
  const known = Object.entries(eachMetric((name) => measured[name])).filter(([, value]) => value !== null);
  return { ...(Object.fromEntries(known) as Figures), ...measured.metrics };
}
