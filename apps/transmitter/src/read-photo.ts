import { stat, readFile } from 'node:fs/promises';
import { SemcastError, type RgbImage } from '@semcast/core';
import { openImage, type OpenedImage } from '@semcast/images';
import { isMisread, RENAME } from './misread-name.js';
import { PhotoTooLargeError, PhotoUnreadableError } from './errors.js';

/** A file's path, or the bytes of an image file. */
export type PhotoInput = string | Uint8Array;

export interface ReadPhotoOptions {
  /** Short side resized to this many pixels and centre-cropped to a square; 0 keeps the photograph's own size. */
  readonly size: number;
  /** The most pixels of the picture that is sent. */
  readonly maxImagePixels: number;
  /**
   * The most memory that decoding may take, in bytes: it goes by the file's pixels and format, not by `size`. Default
   * 384 MiB.
   */
  readonly maxDecodeBytes?: number;
  /** The most bytes of an image file. Default 512 MiB. */
  readonly maxFileBytes?: number;
  /** How long reading the header, and then decoding, may take, in milliseconds. Default 60 s. */
  readonly timeoutMs?: number;
}

/** A photograph whose header has been read: its size is known, its pixels are still in the file. */
export interface Photo {
  /** Width and height as it will be sent: upright (EXIF), resized and cropped. */
  readonly width: number;
  readonly height: number;
  /** The memory that decoding takes at its peak, an upper bound, beside the picture that comes of it. */
  readonly decodeBytes: number;
  /** Decode the pixels. @throws PhotoUnreadableError for a damaged file. */
  read(): Promise<RgbImage>;
}

export const DEFAULT_MAX_DECODE_BYTES = 384 * 1024 ** 2;
const DEFAULT_MAX_FILE_BYTES = 512 * 1024 ** 2;

/**
 * Open a photograph and check that it may be sent, before any of its pixels are decoded.
 *
 * JPEG, PNG, WebP, TIFF, GIF and AVIF are read, by what the file says and not by its name. All becomes 8-bit sRGB: EXIF rotation is applied, CMYK, grey, palette and 16-bit pictures are
 * converted, transparency is laid on white (the paper that most pictures with alpha are drawn for), and of an animation
 * the first picture is taken.
 *
 * @throws PhotoUnreadableError (E_PHOTO_UNREADABLE), PhotoTooLargeError (E_PHOTO_TOO_LARGE)
 */
export async function openPhoto(input: PhotoInput, options: ReadPhotoOptions): Promise<Photo> {
  const bytes = typeof input === 'string' ? await readImageFile(input, options) : input;
  const what = typeof input === 'string' ? input : 'the image';
  if (bytes.byteLength === 0) {
    throw new PhotoUnreadableError(`${what} is empty (0 bytes)`, { remedy: 'replace it by an image file' });
  }
  const image = await openImage(bytes, options).catch((cause: unknown) => {
    throw unreadable(what, cause);
  });
  checkSize(what, image, options);
  checkMemory(what, image, options);
  const { size } = options;
  const resized = size > 0;
  return {
    width: resized ? size : image.width,
    height: resized ? size : image.height,
    decodeBytes: image.decodeBytes,
    read: async () => {
      const decoding = image.decode(async (whole) => {
        const fitted = resized ? whole.resize(size, size, { fit: 'cover', position: 'centre' }) : whole;
        return await fitted
          .flatten({ background: '#ffffff' })
          .toColourspace('srgb')
          .raw({ depth: 'uchar' })
          .toBuffer({ resolveWithObject: true });
      });
      const { data, info } = await decoding.catch((cause: unknown) => {
        throw unreadable(what, cause);
      });
      if (info.channels !== 3) {
        throw new PhotoUnreadableError(`${what} has ${info.channels} channels after conversion to sRGB`, {
          remedy: 'convert it to an RGB PNG or JPEG',
        });
      }
      return { width: info.width, height: info.height, data };
    },
  };
}

/** Open a photograph and decode it: 8-bit RGB, upright, on white. Errors as {@link openPhoto}. */
export async function readPhoto(input: PhotoInput, options: ReadPhotoOptions): Promise<RgbImage> {
  return (await openPhoto(input, options)).read();
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function checkSize(what: string, { width, height }: Size, options: ReadPhotoOptions): void {
  const pixels = width * height;
  const sent = options.size > 0 ? options.size ** 2 : pixels;
  if (sent > options.maxImagePixels) {
    const shown = options.size > 0 ? `${options.size} × ${options.size}` : `${width} × ${height}`;
    throw new PhotoTooLargeError(
      `${what} would be sent with ${shown} = ${sent} pixels; the limit is ${options.maxImagePixels}`,
      { remedy: 'send it smaller (--size N), or raise maxImagePixels here and at the receiver' },
    );
  }
}

function checkMemory(
  what: string,
  { format, width, height, decodeBytes }: OpenedImage,
  { maxDecodeBytes = DEFAULT_MAX_DECODE_BYTES }: ReadPhotoOptions,
): void {
  if (decodeBytes > maxDecodeBytes) {
    throw new PhotoTooLargeError(
      `${what} has ${width} × ${height} pixels, and decoding it takes ${mebibytes(decodeBytes)} of memory as ${format}; ` +
        `the limit maxDecodeBytes is ${mebibytes(maxDecodeBytes)}`,
      {
        remedy:
          'make it smaller first, save it as a JPEG or PNG that is neither progressive nor interlaced, or raise maxDecodeBytes',
      },
    );
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}

async function readImageFile(
  file: string,
  { maxFileBytes = DEFAULT_MAX_FILE_BYTES }: ReadPhotoOptions,
): Promise<Uint8Array> {
  try {
    const info = await stat(file);
    if (info.isDirectory()) {
      throw new PhotoUnreadableError(`${file} is a folder`, { remedy: 'name the image files in it' });
    }
    // A named pipe or a device would be read for ever.
    if (!info.isFile()) {
      throw new PhotoUnreadableError(`${file} is no ordinary file`, { remedy: 'name an image file' });
    }
    if (info.size > maxFileBytes) {
      throw new PhotoTooLargeError(`${file} has ${info.size} bytes; at most ${maxFileBytes} are read`, {
        remedy: 'make it smaller with an image program first',
      });
    }
    return await readFile(file);
  } catch (cause) {
    throw cause instanceof SemcastError ? cause : unreadable(file, cause);
  }
}

function unreadable(what: string, cause: unknown): PhotoUnreadableError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') {
    return new PhotoUnreadableError(`${what} doesn't exist`, {
      remedy: isMisread(what) ? RENAME : 'check the path',
      cause,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new PhotoUnreadableError(`${what} may not be read by this user`, {
      remedy: 'change its permissions',
      cause,
    });
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return new PhotoUnreadableError(`${what} can't be read as an image: ${message}`, {
    remedy:
      (cause instanceof SemcastError ? cause.remedy : undefined) ??
      'use a complete JPEG, PNG, WebP, TIFF, GIF or AVIF file',
    cause,
  });
}
