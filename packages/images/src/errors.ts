import { errorClass } from '@semcast/core';

/** `E_IMAGE_UNREADABLE`: bytes that should be an image file are of no format that is taken, damaged, or take too long. */
export class ImageUnreadableError extends errorClass(
  'ImageUnreadableError',
  'E_IMAGE_UNREADABLE',
  'use a complete JPEG, PNG, WebP, TIFF, GIF or AVIF file',
) {}
