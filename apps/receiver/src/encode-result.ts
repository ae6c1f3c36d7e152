import { describeError, type RgbImage } from '@semcast/core';
import { FrameDropError, type ResultFormat } from '@semcast/wire';
import sharp from 'sharp';

/** A picture as bytes. */
export interface EncodedImage {
  readonly format: ResultFormat;
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/**
 * A decoded picture in the format that the stream asked for, always lossless: the transmitter must measure
 * exactly the picture that was decoded.
 *
 * PNG and WebP are made in threads of libvips. PNG at level 3 with adaptive filters: 25 ms for 768×512, and 30 %
 * smaller than level 6 without filters in 19 ms. WebP at effort 0: as fast, and smaller again by a fifth.
 *
 * @throws FrameDropError `encode-failed`
 */
export async function encodeResult(image: RgbImage, format: ResultFormat): Promise<EncodedImage> {
  const { width, height, data } = image;
  if (format === 'raw') {
    return { format, width, height, bytes: data };
  }
  // One picture takes one thread: several pictures are on their way at a time, beside the networks.
  const raw = sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false });
  try {
    const bytes = await (
      format === 'png'
        ? raw.png({ compressionLevel: 3, adaptiveFiltering: true })
        : raw.webp({ lossless: true, effort: 0 })
    ).toBuffer();
    return { format, width, height, bytes };
  } catch (error) {
    throw new FrameDropError(
      'encode-failed',
      `the picture can't be written as ${format}: ${describeError(error)}; ask for another format`,
      { cause: error },
    );
  }
}
