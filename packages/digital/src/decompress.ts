import { describeError, type RgbImage } from '@semcast/core';
import { openImage } from '@semcast/images';
import { CODINGS, type Size } from './codings.js';
import { halved } from './compress.js';
import { UnfitPictureError } from './errors.js';
import type { PicturePayload } from './payload.js';

export interface DecompressOptions {
  /** How long the header, and then the pixels, may take. Default 60 s. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The picture of a payload, at its full size. Bytes are those of a peer: only the loader of the coding's format runs, and
 * only on a picture of the size that it must have.
 *
 * @throws UnfitPictureError when they are no such picture; the signal's reason
 */
export async function decompress(
  { coding: number, halvings, bytes }: PicturePayload,
  { width, height }: Size,
  { timeoutMs, signal }: DecompressOptions = {},
): Promise<RgbImage> {
  const coding = CODINGS[number];
  if (coding === undefined) {
    throw new UnfitPictureError(`there is no coding ${number}`);
  }
  const size = halved({ width, height }, halvings);
  try {
    const image = await openImage(coding.fileOf(bytes, size), { formats: [coding.format], timeoutMs, signal });
    if (image.width !== size.width || image.height !== size.height) {
      throw new UnfitPictureError(
        `the picture is one of ${image.width} × ${image.height}, and should be of ${size.width} × ${size.height}`,
      );
    }
    const data = await image.decode(async (pixels) => {
      const rgb = pixels.toColourspace('srgb').removeAlpha();
      const upscaled = halvings === 0 ? rgb : rgb.resize(width, height, { fit: 'fill' });
      return await upscaled.raw({ depth: 'uchar' }).toBuffer();
    });
    return { width, height, data };
  } catch (cause) {
    if (cause instanceof UnfitPictureError || signal?.aborted === true) {
      throw cause;
    }
    throw new UnfitPictureError(`the ${coding.format} picture can't be decoded: ${describeError(cause)}`, { cause });
  }
}
