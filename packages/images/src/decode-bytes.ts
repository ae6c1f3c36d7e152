import type { Metadata } from 'sharp';
import type { ImageFormat } from './formats.js';

/** Rows that libvips keeps where a format gives its rows one after the other. */
const STREAMED_ROWS = 1024;

type Header = Pick<Metadata, 'width' | 'height' | 'channels' | 'depth' | 'isProgressive' | 'chromaSubsampling'>;

/** Bytes of a decoded pixel. */
const pixelOf = ({ channels, depth }: Header): number => channels * (depth === 'ushort' ? 2 : 1);
const streamed = (header: Header): number => (pixelOf(header) * Math.min(header.height, STREAMED_ROWS)) / header.height;

/** Bytes a pixel that decoding takes at its peak. */
const BYTES_A_PIXEL: Readonly<Record<ImageFormat, (header: Header) => number>> = {
  jpeg: (header) => {
    if (!header.isProgressive) {
      return streamed(header);
    }
    // It keeps its coefficients, 16 bits each.
    return header.chromaSubsampling === '4:2:0' ? 3 : 2 * header.channels;
  },
  png: (header) => (header.isProgressive ? pixelOf(header) : streamed(header)),
  // In strips it would be streamed; in planes it isn't, and the header doesn't tell.
  tiff: (header) => 1.5 * pixelOf(header),
  webp: () => 5,
  gif: () => 6,
  // Frame buffers of the decoder, planes and RGB at a time; measured.
  avif: () => 20,
};

/**
 * The memory that decoding a file takes at its peak, in bytes, on top of the file and of what is made of it: an upper
 * bound by format and header. What gives its rows one after the other is cheap however large it is; the rest lies in
 * memory as a whole, however small the picture is that one wants.
 */
export function decodeBytes(format: ImageFormat, header: Header): number {
  return header.width * header.height * BYTES_A_PIXEL[format](header);
}
