import type { RgbImage } from '@semcast/core';
import { QualityError } from './errors.js';

/** One channel of a picture: rows from the top, height·width values on the 8-bit scale 0 … 255. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float64Array;
}

/** @throws QualityError E_IMAGE_DATA when the data isn't what width and height say. */
export function checkImage({ width, height, data }: RgbImage): void {
  const sides = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0;
  if (!sides || data.length !== 3 * width * height) {
    throw new QualityError(
      'E_IMAGE_DATA',
      `a ${width}×${height} RGB picture can't have ${data.length} bytes`,
      'pass interleaved RGB without alpha: 3·width·height bytes',
    );
  }
}

/** @throws QualityError E_IMAGE_DATA or E_IMAGE_SIZES when the pictures can't be compared pixel by pixel. */
export function checkPair(original: RgbImage, decoded: RgbImage): void {
  checkImage(original);
  checkImage(decoded);
  if (original.width !== decoded.width || original.height !== decoded.height) {
    throw new QualityError(
      'E_IMAGE_SIZES',
      `the original is ${original.width}×${original.height}, the decoded picture ${decoded.width}×${decoded.height}`,
      'compare pictures of equal size: crop the padding of the decoder away first',
    );
  }
}

/** Y = 0.299·R + 0.587·G + 0.114·B (ITU-R BT.601, full range), not rounded. */
export function lumaOf({ width, height, data }: RgbImage): Plane {
  const luma = new Float64Array(width * height);
  for (let i = 0, j = 0; i < luma.length; i++, j += 3) {
    luma[i] = 0.299 * data[j]! + 0.587 * data[j + 1]! + 0.114 * data[j + 2]!;
  }
  return { width, height, data: luma };
}

/**
 * Half the size, each value the mean of a 2×2 block.
 *
 * An odd side is rounded up, its last row or column repeated, as in the authors' MS-SSIM code
 * (`imfilter(…, 'symmetric')`, then every second pixel).
 */
export function halve({ width, height, data }: Plane): Plane {
  const halfWidth = Math.ceil(width / 2);
  const halfHeight = Math.ceil(height / 2);
  const half = new Float64Array(halfWidth * halfHeight);
  for (let y = 0; y < halfHeight; y++) {
    const top = 2 * y * width;
    const bottom = Math.min(2 * y + 1, height - 1) * width;
    for (let x = 0; x < halfWidth; x++) {
      const left = 2 * x;
      const right = Math.min(left + 1, width - 1);
      half[y * halfWidth + x] =
        0.25 * (data[top + left]! + data[top + right]! + data[bottom + left]! + data[bottom + right]!);
    }
  }
  return { width: halfWidth, height: halfHeight, data: half };
}
