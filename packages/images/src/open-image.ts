import sharp, { type Metadata, type Sharp } from 'sharp';
import { decodeBytes } from './decode-bytes.js';
import { ImageUnreadableError } from './errors.js';
import { IMAGE_FORMATS, imageFormatOf, type ImageFormat } from './formats.js';
import { restrictLoaders } from './loaders.js';

export interface OpenImageOptions {
  /** The formats that are taken; default: all of them. */
  readonly formats?: readonly ImageFormat[];
  /** How long reading the header, and then decoding, may take. Default 60 s. */
  readonly timeoutMs?: number | undefined;
  /** Nobody wants the picture any more: rejects with the signal's reason, whether libvips has stopped or not. */
  readonly signal?: AbortSignal | undefined;
}

/** An image file whose header has been read. */
export interface OpenedImage {
  readonly format: ImageFormat;
  /** Width and height as they are seen: upright, as EXIF says. */
  readonly width: number;
  readonly height: number;
  /** The memory that decoding takes at its peak, an upper bound, on top of the file and of what `run` makes of it. */
  readonly decodeBytes: number;
  /**
   * Decode it: `run` says what is made of the picture, which comes upright, and of an animation is the first one.
   *
   * @throws ImageUnreadableError when the file is damaged or decoding takes longer than it may
   */
  decode<T>(run: (image: Sharp) => Promise<T>): Promise<T>;
}

const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * Open an image file that somebody else made: the one way in for bytes from a folder or a peer.
 *
 * The format is what the first bytes say, and is one of those that are wanted; no other loader can run. Header and
 * pixels are each read within a time, after which the promise rejects, whether libvips has stopped or not.
 *
 * @throws ImageUnreadableError (E_IMAGE_UNREADABLE); the signal's reason
 */
export async function openImage(bytes: Uint8Array, options: OpenImageOptions = {}): Promise<OpenedImage> {
  const { formats = IMAGE_FORMATS, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  signal?.throwIfAborted();
  restrictLoaders();
  const format = imageFormatOf(bytes);
  if (format === undefined || !formats.includes(format)) {
    throw new ImageUnreadableError(
      format === undefined
        ? `it is no image file of a known format: it begins with ${firstBytes(bytes)}`
        : `it is a file of format ${format}, not ${formats.join(' or ')}`,
    );
  }
  const header = await within({ timeoutMs, signal }, sharp(bytes, { limitInputPixels: false }).metadata());
  checkSamples(header);
  const { width, height } = header.autoOrient;
  return {
    format,
    width,
    height,
    decodeBytes: decodeBytes(format, header),
    decode: (run) =>
      within(
        { timeoutMs, signal },
        run(
          // `failOn: 'error'` refuses truncated and damaged files, and lets through what merely isn't tidy.
          sharp(bytes, { limitInputPixels: false, failOn: 'error' })
            .timeout({ seconds: Math.ceil(timeoutMs / 1000) })
            .autoOrient(),
        ),
      ),
  };
}

interface Bounds {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Wait for libvips no longer than that, and with one kind of error. A thread that it doesn't give back is left alone. */
async function within<T>({ timeoutMs, signal }: Bounds, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const ended = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new ImageUnreadableError(`decoding it takes longer than ${timeoutMs} ms`));
    }, timeoutMs);
    onAbort = () => {
      reject(signal!.reason as Error);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, ended]);
  } catch (cause) {
    if (cause instanceof ImageUnreadableError || signal?.aborted === true) {
      throw cause;
    }
    throw new ImageUnreadableError(cause instanceof Error ? cause.message : String(cause), { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort!);
  }
}

/** What libvips calls samples that have no range of their own, and would take as if they had another's. */
const UNSCALED: Readonly<Record<string, string>> = {
  char: 'signed 8-bit numbers',
  short: 'signed 16-bit numbers',
  int: 'signed 32-bit numbers',
  uint: 'unsigned 32-bit numbers',
  float: '32-bit floating-point numbers',
  double: '64-bit floating-point numbers',
  complex: 'complex numbers',
  dpcomplex: 'complex numbers',
};

/** Only unsigned samples of up to 16 bits say by themselves which value is black and which is white. */
function checkSamples({ depth }: Metadata): void {
  if (depth !== 'uchar' && depth !== 'ushort') {
    throw new ImageUnreadableError(
      `its samples are ${UNSCALED[depth ?? ''] ?? 'of an unknown type'}, which don't say what is black and what is white`,
      { remedy: 'save it with 8 or 16 bits a channel, unsigned' },
    );
  }
}

function firstBytes(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 8));
  // What a file says goes to a terminal: letters only where all of them are.
  return /^[\x20-\x7e]+$/.test(start.toString('latin1')) ? `“${start.toString('latin1')}”` : start.toString('hex');
}
