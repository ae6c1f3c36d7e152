import type { RgbImage } from '@semcast/core';
import sharp, { type Sharp } from 'sharp';
import { stripAvif, wrapAvif } from './avif.js';

/** The image formats of the digital link. */
export const DIGITAL_FORMATS = ['avif', 'webp', 'jpeg'] as const;
export type DigitalFormat = (typeof DIGITAL_FORMATS)[number];

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** One way to compress a picture: a format with a resolution of chroma. */
export interface Coding {
  readonly format: DigitalFormat;
  /** @param quality 1 … 100 @param effort 0 … 9, slower and better */
  encode(picture: RgbImage, quality: number, effort: number): Promise<Uint8Array>;
  /**
   * The file that a decoder takes, from what was sent of it.
   *
   * @throws UnfitPictureError when it is none of a picture of that size
   */
  fileOf(sent: Uint8Array, size: Size): Uint8Array;
}

const whole = (sent: Uint8Array): Uint8Array => sent;

function avif(chromaSubsampling: '4:2:0' | '4:4:4'): Coding {
  return {
    format: 'avif',
    encode: async (picture, quality, effort) =>
      stripAvif(await rawImage(picture).avif({ quality, effort, chromaSubsampling, tune: 'psnr' }).toBuffer()),
    fileOf: (sent, size) => wrapAvif(sent, { ...size, subsampled: chromaSubsampling === '4:2:0' }),
  };
}

function jpeg(chromaSubsampling: '4:2:0' | '4:4:4'): Coding {
  return {
    format: 'jpeg',
    encode: async (picture, quality) =>
      await rawImage(picture).jpeg({ quality, chromaSubsampling, mozjpeg: true }).toBuffer(),
    fileOf: whole,
  };
}

const webp: Coding = {
  format: 'webp',
  encode: async (picture, quality, effort) =>
    await rawImage(picture)
      .webp({ quality, effort: Math.min(effort, 6) })
      .toBuffer(),
  fileOf: whole,
};

/** All of them, in the order of their numbers on the air: new ones go to the end. */
export const CODINGS: readonly Coding[] = [avif('4:2:0'), avif('4:4:4'), webp, jpeg('4:2:0'), jpeg('4:4:4')];

export function rawImage({ width, height, data }: RgbImage): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false });
}
