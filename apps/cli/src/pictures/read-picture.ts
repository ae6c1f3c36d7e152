import { readFile } from 'node:fs/promises';
import type { RgbImage } from '@semcast/core';
import { openImage } from '@semcast/images';

/** The pixels of a picture that this program has written. @throws ImageUnreadableError */
export async function readPicture(file: string): Promise<RgbImage> {
  const image = await openImage(await readFile(file), { formats: ['png', 'webp'] });
  const { data, info } = await image.decode(
    async (pixels) => await pixels.removeAlpha().raw().toBuffer({ resolveWithObject: true }),
  );
  return { width: info.width, height: info.height, data };
}
