import type { Metadata } from 'sharp';
import type { ImageFormat } from './formats.js';

/** Rows that libvips keeps where a format gives its rows one after the other. */
const STREAMED_ROWS = 1024;

type Header = Pick<Metadata, 'width' | 'height' | 'channels' | 'depth' | 'isProgressive' | 'chromaSubsampling'>;

/**
 * The memory that decoding a file takes at its peak, in bytes, on top of the file and of what is made of it: an upper
 * bound by format and header. What gives its rows one after the other is cheap however large it is; the rest lies in
 * memory as a whole, however small the picture is that one wants.
 */
export function decodeBytes(format: ImageFormat, header: Header): number {
  const { width, height, channels = 3 } = header;
  const pixel = channels * (header.depth === 'ushort' ? 2 : 1);
  switch (format) {
    case 'jpeg':
      // A progressive one keeps its coefficients, 16 bits each.
      return header.isProgressive === true
        ? width * height * (header.chromaSubsampling === '4:2:0' ? 3 : 2 * channels)
        : streamed(header, pixel);
    case 'png':
      return header.isProgressive === true ? width * height * pixel : streamed(header, pixel);
    case 'tiff':
      // In strips it would be streamed; in planes it isn't, and the header doesn't tell.
      return 1.5 * width * height * pixel;
    case 'webp':
      return 5 * width * height;
    case 'gif':
      return 6 * width * height;
    case 'avif':
      // Frame buffers of the decoder, planes and RGB at a time; measured.
      return 20 * width * height;
  }
}

function streamed({ width, height }: Header, pixel: number): number {
  return width * Math.min(height, STREAMED_ROWS) * pixel;
}
