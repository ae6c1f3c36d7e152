import { SemcastError } from '@semcast/core';

/** `E_IMAGE_UNREADABLE`: bytes that should be an image file are of no format that is taken, damaged, or take too long. */
export class ImageUnreadableError extends SemcastError {
  override readonly name = 'ImageUnreadableError';

  constructor(message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super('E_IMAGE_UNREADABLE', message, {
      remedy: 'use a complete JPEG, PNG, WebP, TIFF, GIF or AVIF file',
      ...options,
    });
  }
}
