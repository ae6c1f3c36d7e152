import type { RgbImage } from '@semcast/core';
import sharp from 'sharp';

/** Standard deviations of the Gaussians of the unsharp masks that a decoder is held against, in pixels. */
export const SHARPENING_RADII = [1, 2, 4] as const;

/** No unsharp mask is stronger: beyond it a picture is nothing but edges. */
const MAX_AMOUNT = 64;
/** Mean PSNRs are matched to this, in dB. */
const TOLERANCE_DB = 0.002;

/** A one-shot decode, what it should be, and its blurred form. */
export interface SharpeningPicture {
  readonly original: RgbImage;
  readonly decoded: RgbImage;
  readonly blurred: Uint8Array;
}

export async function blur({ width, height, data }: RgbImage, radius: number): Promise<Uint8Array> {
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .blur({ sigma: radius, precision: 'float' })
    .raw()
    .toBuffer();
}

/** x + amount·(x - blurred), in 8 bits: an unsharp mask. */
export function sharpen({ decoded, blurred }: Omit<SharpeningPicture, 'original'>, amount: number): RgbImage {
  const { width, height, data } = decoded;
  const sharpened = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    sharpened[i] = sharpenedValue(data[i]!, blurred[i]!, amount);
  }
  return { width, height, data: sharpened };
}

function sharpenedValue(value: number, blurred: number, amount: number): number {
  return Math.min(255, Math.max(0, Math.round(value + amount * (value - blurred))));
}

/** Mean PSNR in dB, of pictures that are nowhere made. */
function meanPsnrDb(pictures: readonly SharpeningPicture[], amount: number): number {
  let total = 0;
  for (const { original, decoded, blurred } of pictures) {
    const values = decoded.data;
    let squares = 0;
    for (let i = 0; i < values.length; i++) {
      const error = sharpenedValue(values[i]!, blurred[i]!, amount) - original.data[i]!;
      squares += error * error;
    }
    total += 10 * Math.log10(255 ** 2 / Math.max(squares / values.length, 1e-6));
  }
  return total / pictures.length;
}

/**
 * The largest amount at which the pictures still have a mean PSNR of `psnrDb`; 0 where they never have as much.
 *
 * The error of an unsharp mask is a parabola of its amount but for rounding and clipping, so beyond its best amount the
 * PSNR falls for good.
 */
export function amountFor(pictures: readonly SharpeningPicture[], psnrDb: number): number {
  if (meanPsnrDb(pictures, 0) < psnrDb) {
    return 0;
  }
  let [low, high] = [0, 1];
  while (high < MAX_AMOUNT && meanPsnrDb(pictures, high) >= psnrDb) {
    [low, high] = [high, 2 * high];
  }
  while (high - low > 1e-4) {
    const middle = (low + high) / 2;
    const excess = meanPsnrDb(pictures, middle) - psnrDb;
    if (Math.abs(excess) < TOLERANCE_DB) {
      return middle;
    }
    [low, high] = excess > 0 ? [middle, high] : [low, middle];
  }
  return low;
}
