import type { RgbImage } from '@semcast/core';

/**
 * A full-reference measure of an 8-bit RGB picture. One file a metric, one line in `registry.ts`: membership gives it
 * its field in JSON, its columns in tables, its histogram in Prometheus and Grafana, its place in the console, and its
 * run of the conformance suite.
 */
export interface QualityMetric {
  /**
   * The key in the registry and the field in JSON, with its unit: `psnrDb`. Its histogram is
   * `semcast_reconstruction_psnr_db`.
   */
  readonly name: string;
  /** What people call it: `PSNR`. */
  readonly label: string;
  /** `dB`; empty for a plain ratio. */
  readonly unit: string;
  /** Digits behind the point of a mean over photographs, and so the least difference that counts. */
  readonly decimals: number;
  readonly higherIsBetter: boolean;
  /** The value of a picture compared with itself. */
  readonly best: number;
  /** A picture whose short side has fewer pixels than this gives null. */
  readonly minimumSize: number;
  /** From poor to good pictures, in ascending order: the least that an axis shows. */
  readonly range: readonly [low: number, high: number];
  /** Upper bounds of its histogram, ascending, without +Inf. */
  readonly buckets: readonly number[];
  /**
   * @throws QualityError E_IMAGE_SIZES when the pictures differ in size, E_IMAGE_DATA when one isn't what it says.
   */
  compute(original: RgbImage, decoded: RgbImage): number | null;
}
