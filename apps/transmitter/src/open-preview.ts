import { describeError, type RgbImage } from '@semcast/core';
import type { ResultMessage } from '@semcast/wire';
import { decodeResult } from './decode-result.js';

/** The preview of a frame: its file, and its pixels as soon as they are decoded. */
export interface Preview {
  readonly message: ResultMessage;
  /** Never rejects; undefined when the picture can't be read, or has another size than the one sent. */
  readonly pixels: Promise<RgbImage | undefined>;
}

export interface OpenPreviewOptions {
  readonly timeoutMs: number;
  readonly onWarning: (message: string) => void;
  /** Called with the pixels, before anything else gets them. */
  readonly measure?: (image: RgbImage) => void;
}

/**
 * Begin to decode a preview as it comes: while the receiver samples, this side has nothing else to do for the frame,
 * and later the final picture shouldn't wait for it.
 */
export function openPreview(
  message: ResultMessage,
  sent: Pick<RgbImage, 'width' | 'height'>,
  { timeoutMs, onWarning, measure }: OpenPreviewOptions,
): Preview {
  const pixels = decodeResult(message.head, message.payload, sent, timeoutMs).catch((error: unknown) => {
    // A preview is optional: the frame goes on without it.
    onWarning(`the preview of frame ${message.head.frame} can't be measured: ${describeError(error)}`);
    return undefined;
  });
  void pixels.then((image) => image && measure?.(image));
  return { message, pixels };
}
