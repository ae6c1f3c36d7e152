import type { RgbImage } from '@semcast/core';
import { openImage } from '@semcast/images';
import type { ResultHead } from '@semcast/wire';
import { ResultUnreadableError } from './errors.js';

const SAME_RELEASE = 'run the same release of semcast on both ends';

/** The picture that was sent, which a result has to fit. */
interface SentSize {
  readonly width: number;
  readonly height: number;
}

/**
 * The pixels of a picture that came back: of the format and size that its head says, whatever else a receiver sends.
 *
 * @param timeoutMs how long decoding may take; default 60 s
 * @throws ResultUnreadableError when it can't be decoded or has another size than the picture that was sent
 */
export async function decodeResult(
  head: ResultHead,
  payload: Uint8Array,
  sent: SentSize,
  timeoutMs?: number,
): Promise<RgbImage> {
  const { format, width, height } = head.image;
  checkSize(width, height, sent);
  if (format === 'raw') {
    if (payload.length !== 3 * width * height) {
      throw new ResultUnreadableError(
        `a raw picture of ${width} × ${height} has ${3 * width * height} bytes; ${payload.length} came back`,
        { remedy: SAME_RELEASE },
      );
    }
    // A copy: the payload is a view into what the socket delivered.
    return { width, height, data: new Uint8Array(payload) };
  }
  try {
    const image = await openImage(payload, { formats: [format], timeoutMs });
    checkSize(image.width, image.height, sent);
    const { data, info } = await image.decode(
      async (pixels) =>
        await pixels.toColourspace('srgb').removeAlpha().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }),
    );
    return { width: info.width, height: info.height, data };
  } catch (cause) {
    if (cause instanceof ResultUnreadableError) {
      throw cause;
    }
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ResultUnreadableError(`the ${format} picture that came back can't be decoded: ${message}`, {
      remedy: SAME_RELEASE,
      cause,
    });
  }
}

function checkSize(width: number, height: number, sent: SentSize): void {
  if (width !== sent.width || height !== sent.height) {
    throw new ResultUnreadableError(
      `a picture of ${sent.width} × ${sent.height} was sent and one of ${width} × ${height} came back`,
      { remedy: SAME_RELEASE },
    );
  }
}
