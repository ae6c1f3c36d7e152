import type { RgbImage } from '@semcast/core';

/**
 * A full-reference measure of an 8-bit RGB picture. One file a metric, one line in `registry.ts`: membership gives it
 * its column in the sweep and its run of the conformance suite.
 */
export interface QualityMetric {
  /** The key in the registry, in `measureQuality` and in the sweep's rows, with its unit: `psnrDb`. */
  readonly name: string;
  /** 'dB', or '' for a plain ratio. */
  readonly unit: 'dB' | '';
  readonly higherIsBetter: boolean;
  /** The value of a picture compared with itself. */
  readonly best: number;
  /** A picture whose short side has fewer pixels than this gives null. */
  readonly minimumSize: number;
  /**
   * @throws QualityError E_IMAGE_SIZES when the pictures differ in size, E_IMAGE_DATA when one isn't what it says.
   */
  compute(original: RgbImage, decoded: RgbImage): number | null;
}
