import type { RgbImage } from '@semcast/core';
import sharp from 'sharp';

/** The pixels of a picture that this program has written. */
export async function readPicture(file: string): Promise<RgbImage> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}
