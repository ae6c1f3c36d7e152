import { ArgumentError, tensor, type RgbImage, type Tensor } from '@semcast/core';
import { checkImage } from './image.js';

/** Side of a patch, in pixels. */
export const PATCH_SIZE = 64;
/** Distance between the corners of neighbouring patches, in pixels. */
const PATCH_STRIDE = 32;

const PATCH_VALUES = 3 * PATCH_SIZE * PATCH_SIZE;

const positionsAlong = (side: number): number =>
  side < PATCH_SIZE ? 0 : Math.floor((side - PATCH_SIZE) / PATCH_STRIDE) + 1;

/** How many whole patches a picture of this size has: 345 for 768×512, 0 when a side is below 64 pixels. */
export function patchCount(width: number, height: number): number {
  return positionsAlong(width) * positionsAlong(height);
}

interface PatchRange {
  /** The first patch, default 0. */
  readonly from?: number;
  /** At most this many of them, default all. A patch is 48 KiB, so a large picture is better taken in parts. */
  readonly count?: number;
}

/**
 * The whole 64×64 patches of a picture at stride 32, row by row from the top left, as [B, 3, 64, 64] in [-1, 1]
 * (value / 127.5 - 1): what the feature networks of a metric bundle take. Pixels at the right and bottom that fill no
 * whole patch are left out. B is 0 for a picture with a side below 64 pixels.
 *
 * @throws QualityError E_IMAGE_DATA; ArgumentError when the range isn't made of whole numbers
 */
export function patches(image: RgbImage, { from = 0, count = Infinity }: PatchRange = {}): Tensor {
  checkImage(image);
  if (!Number.isSafeInteger(from) || from < 0) {
    throw new ArgumentError(`a patch range starts at a whole number from 0, not ${from}`);
  }
  if (!(Number.isSafeInteger(count) || count === Infinity) || count < 0) {
    throw new ArgumentError(`a patch range has a whole number of patches, not ${count}`);
  }
  const { width, height, data } = image;
  const columns = positionsAlong(width);
  const taken = Math.max(0, Math.min(count, patchCount(width, height) - from));
  const out = new Float32Array(taken * PATCH_VALUES);
  const plane = PATCH_SIZE * PATCH_SIZE;
  for (let patch = 0; patch < taken; patch++) {
    const left = ((from + patch) % columns) * PATCH_STRIDE;
    const top = Math.floor((from + patch) / columns) * PATCH_STRIDE;
    for (let y = 0; y < PATCH_SIZE; y++) {
      let source = 3 * ((top + y) * width + left);
      let target = patch * PATCH_VALUES + y * PATCH_SIZE;
      for (let x = 0; x < PATCH_SIZE; x++, source += 3, target++) {
        out[target] = data[source]! / 127.5 - 1;
        out[target + plane] = data[source + 1]! / 127.5 - 1;
        out[target + 2 * plane] = data[source + 2]! / 127.5 - 1;
      }
    }
  }
  return tensor(out, [taken, 3, PATCH_SIZE, PATCH_SIZE]);
}
