import type { RgbImage } from '@semcast/core';
import { CODINGS, rawImage, type DigitalFormat, type Size } from './codings.js';
import { decompress } from './decompress.js';
import { MAX_HALVINGS, roomIn, type PicturePayload } from './payload.js';

export interface CompressOptions {
  readonly format: DigitalFormat;
  /** 0 … 9 */
  readonly effort: number;
  readonly signal?: AbortSignal | undefined;
}

/** A picture within a budget. */
export interface CompressedPicture extends PicturePayload {
  readonly quality: number;
  /** As the receiver will see it. */
  readonly decoded: RgbImage;
  /** Σ(x - x̂)² over all samples. */
  readonly squaredError: number;
}

/** The effort at which codings and sizes are tried. */
const DRAFT_EFFORT = 2;

/**
 * The best picture that fits a block of so many bytes: at the largest quality, with the better of the format's chroma
 * resolutions, and with its sides halved as often as that makes it better, which is what an adaptive link does at few
 * bits. "Better" is the squared error of what the receiver will see.
 *
 * Chroma and size are chosen with little effort, at which they differ as they do with more.
 *
 * @returns null where not even a picture of one pixel fits
 * @throws the signal's reason
 */
export async function compress(
  image: RgbImage,
  blockBytes: number,
  { format, effort, signal }: CompressOptions,
): Promise<CompressedPicture | null> {
  const search: Search = { image, room: roomIn(blockBytes), signal };
  const draft = await draftOf(search, format, Math.min(effort, DRAFT_EFFORT));
  if (draft === null || effort <= DRAFT_EFFORT) {
    return draft;
  }
  const picture = await resized(image, halved(image, draft.halvings));
  const fine = await fitted(search, picture, { ...draft, effort });
  return fine !== null && fine.squaredError < draft.squaredError ? fine : draft;
}

interface Search {
  readonly image: RgbImage;
  /** The most bytes. */
  readonly room: number;
  readonly signal: AbortSignal | undefined;
}

async function draftOf(search: Search, format: DigitalFormat, effort: number): Promise<CompressedPicture | null> {
  let best: CompressedPicture | null = null;
  for (let halvings = 0; halvings <= MAX_HALVINGS; halvings++) {
    const size = halved(search.image, halvings);
    const picture = await resized(search.image, size);
    const before: CompressedPicture | null = best;
    let quality = FIRST_QUALITY;
    for (const [coding, { format: own }] of CODINGS.entries()) {
      const found = own === format ? await fitted(search, picture, { coding, halvings, quality, effort }) : null;
      quality = found?.quality ?? quality;
      if (found !== null && (best === null || found.squaredError < best.squaredError)) {
        best = found;
      }
    }
    // Smaller ones are only worse from here on.
    if ((before !== null && best === before) || (size.width === 1 && size.height === 1)) {
      break;
    }
  }
  return best;
}

/** A picture at the largest quality that fits, looked for from a given one on; null where none does. */
async function fitted(
  { image, room, signal }: Search,
  picture: RgbImage,
  {
    coding,
    halvings,
    quality,
    effort,
  }: Pick<CompressedPicture, 'coding' | 'halvings' | 'quality'> & { readonly effort: number },
): Promise<CompressedPicture | null> {
  const encode = async (wanted: number): Promise<Uint8Array> => await CODINGS[coding]!.encode(picture, wanted, effort);
  const fit = await largestFit(encode, room, quality, signal);
  if (fit === null) {
    return null;
  }
  const payload = { coding, halvings, bytes: fit.bytes };
  const decoded = await decompress(payload, image, { signal });
  return { ...payload, quality: fit.quality, decoded, squaredError: squaredErrorOf(image, decoded) };
}

/** Sides that were halved so many times, rounded up. */
export function halved({ width, height }: Size, halvings: number): Size {
  return { width: Math.ceil(width / 2 ** halvings), height: Math.ceil(height / 2 ** halvings) };
}

async function resized(image: RgbImage, { width, height }: Size): Promise<RgbImage> {
  if (width === image.width && height === image.height) {
    return image;
  }
  const data = await rawImage(image).resize(width, height, { fit: 'fill' }).raw().toBuffer();
  return { width, height, data };
}

interface Fit {
  readonly quality: number;
  readonly bytes: Uint8Array;
}

const BEST_QUALITY = 100;
const FIRST_QUALITY = 30;
/** By how much the logarithm of a file's size rises with each step of quality, about: where a search begins. */
const LOG_SIZE_A_STEP = 0.045;
/** Guesses before a search goes on by halves. */
const GUESSES = 4;

/**
 * The largest quality at which a picture takes at most so many bytes: a bisection over 1 … 100 whose first steps go
 * where the sizes seen so far point to, as each costs an encoder's run.
 *
 * @returns null where the lowest doesn't fit
 */
export async function largestFit(
  encode: (quality: number) => Promise<Uint8Array>,
  most: number,
  first: number,
  signal?: AbortSignal,
): Promise<Fit | null> {
  let fit: Fit | null = null;
  let low = 0;
  let high = BEST_QUALITY + 1;
  let quality = first;
  for (let runs = 1; high - low > 1; runs++) {
    signal?.throwIfAborted();
    const bytes = await encode(quality);
    if (bytes.length <= most) {
      low = quality;
      fit = { quality, bytes };
    } else {
      high = quality;
    }
    const step = Math.floor(Math.log(most / bytes.length) / LOG_SIZE_A_STEP);
    const guess = quality + (step === 0 ? (low === quality ? 1 : -1) : step);
    const wanted = runs < GUESSES ? guess : Math.floor((low + high) / 2);
    quality = Math.min(high - 1, Math.max(low + 1, wanted));
  }
  return fit;
}

function squaredErrorOf({ data: a }: RgbImage, { data: b }: RgbImage): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += (a[i]! - b[i]!) ** 2;
  }
  return sum;
}
