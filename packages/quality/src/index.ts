import type { RgbImage, Tensor } from '@semcast/core';

/** A full-reference measure of an 8-bit RGB picture. */
export interface QualityMetric {
  readonly name: string;
  /** 'dB', or '' for a ratio without unit. */
  readonly unit: 'dB' | '';
  readonly higherIsBetter: boolean;
  /** Pictures whose short side is below this many pixels give null. */
  readonly minimumSize: number;
  compute(original: RgbImage, decoded: RgbImage): number | null;
}

export type MetricName = 'psnrDb' | 'ssim' | 'msSsim';
/** One value a metric; the keys are those of the sweep's rows. */
export type QualityReport = Readonly<Record<MetricName, number | null>>;

export declare const qualityMetrics: Readonly<Record<MetricName, QualityMetric>>;
export declare function psnr(original: RgbImage, decoded: RgbImage): number;
export declare function ssim(original: RgbImage, decoded: RgbImage): number | null;
export declare function msSsim(original: RgbImage, decoded: RgbImage): number | null;
/** Every metric of the registry at once. */
export declare function measureQuality(original: RgbImage, decoded: RgbImage): QualityReport;
/** All whole 64×64 patches at stride 32, as [B, 3, 64, 64] in [-1, 1]; B is 0 for a smaller picture. */
export declare function patches(image: RgbImage): Tensor;
/** Features are [patches, F]. */
export declare function patchFrechetDistance(original: Tensor, decoded: Tensor): number;
