import { tensor, type Cbr, type RgbImage, type Tensor } from '@semcast/core';
import type { Bundle } from './bundle.js';
import { FeedError, ImageTooLargeError, InferenceError } from './errors.js';
import { padTo, pictureOrThrow } from './images.js';
import { activeChannels, clampCsnrDb, type Condition } from './rates.js';
import type { SessionPool } from './pool.js';
import type { RunOptions } from './types.js';

/** 8.4 million pixels: about 1.3 GB in a worker while it runs, with the bundle that comes with semcast. */
const DEFAULT_MAX_IMAGE_PIXELS = 2 ** 23;

export interface CodecOptions {
  /** A larger picture is refused with E_IMAGE_TOO_LARGE. Default 2^23 pixels. */
  readonly maxImagePixels?: number;
}

export interface EncodedImage {
  /** [1, C, h, w]: inactive channels are zero; mean power is 1 per complex symbol over the active ones. */
  readonly latent: Tensor;
  /** Channels that are sent, a prefix 0 … activeChannels-1. */
  readonly activeChannels: number;
  /** h·w */
  readonly positions: number;
  /** Complex symbols: activeChannels/2 · positions. */
  readonly channelUses: number;
}

/** Sizes that follow from a picture's. */
export interface LatentGeometry {
  /** C, active or not. */
  readonly channels: number;
  /** h and w, of the latent. */
  readonly height: number;
  readonly width: number;
  /** h·w */
  readonly positions: number;
  /** Of the picture, padded to the stride. */
  readonly paddedHeight: number;
  readonly paddedWidth: number;
}

/** What is known of a bundle's codec without its graphs. */
export function codecGeometry(manifest: Bundle['manifest']) {
  const { stride, latentChannels } = manifest;
  return {
    /** Sizes of latent and padded picture. */
    geometry: (width: number, height: number): LatentGeometry => {
      const paddedWidth = padTo(width, stride);
      const paddedHeight = padTo(height, stride);
      const [h, w] = [paddedHeight / stride, paddedWidth / stride];
      return { channels: latentChannels, height: h, width: w, positions: h * w, paddedWidth, paddedHeight };
    },
    /** Channels that a rate sends. */
    activeChannels: (cbr: string | Cbr): number => activeChannels(manifest, cbr),
  };
}

/** A bundle's encoder and decoder, for pictures of any size. */
export type Codec = ReturnType<typeof createCodec>;

/**
 * Encode and decode pictures with a bundle's graphs. The pool must hold the graph that is used (`encoder`,
 * `decoder`), under that name.
 *
 * Errors of all methods, beside those of the pool's runs: UnknownRateError (E_UNKNOWN_RATE), ImageTooLargeError
 * (E_IMAGE_TOO_LARGE), FeedError (E_FEED) when a latent has the wrong shape.
 */
export function createCodec(bundle: Bundle, pool: SessionPool, options: CodecOptions = {}) {
  const { manifest } = bundle;
  const { stride, latentChannels, normalisation } = manifest;
  const maxImagePixels = options.maxImagePixels ?? DEFAULT_MAX_IMAGE_PIXELS;

  const { geometry } = codecGeometry(manifest);

  /** What both graphs are given of channel and rate: dB, clamped to the bundle's range, and active / latent channels. */
  function conditionFeeds(csnrDb: number, active: number): { csnr_db: Tensor; rate: Tensor } {
    return {
      csnr_db: tensor(Float32Array.of(clampCsnrDb(manifest, csnrDb)), [1]),
      rate: tensor(Float32Array.of(active / latentChannels), [1]),
    };
  }

  function checkSize(width: number, height: number): void {
    const pixels = width * height;
    if (!Number.isSafeInteger(pixels) || width < 1 || height < 1) {
      throw new FeedError(`a picture can't have ${width}×${height} pixels`, { remedy: 'pass whole, positive sides' });
    }
    if (pixels > maxImagePixels) {
      throw new ImageTooLargeError(
        `a picture of ${width}×${height} has ${pixels} pixels; at most ${maxImagePixels} are taken`,
        { remedy: 'send it smaller (for example "--size 1024"), or raise the limit' },
      );
    }
  }

  return {
    ...codecGeometry(manifest),

    /** Picture → latent. */
    async encode(image: RgbImage, { csnrDb, cbr }: Condition, runOptions?: RunOptions): Promise<EncodedImage> {
      checkSize(image.width, image.height);
      const { positions, height, width } = geometry(image.width, image.height);
      const active = activeChannels(manifest, cbr);
      const mask = tensor(new Float32Array(latentChannels).fill(1, 0, active), [1, latentChannels, 1, 1]);
      const feeds = {
        image: { images: [image], multiple: stride, normalisation },
        ...conditionFeeds(csnrDb, active),
        mask,
      };
      const { latent } = (await pool.run('encoder', feeds, runOptions)).tensors;
      const expected = [1, latentChannels, height, width].join(', ');
      if (latent?.dims.join(', ') !== expected) {
        throw new InferenceError(
          `the encoder of the bundle ${manifest.name} gave a latent of [${latent?.dims.join(', ')}] ` +
            `where its manifest (stride ${stride}, ${latentChannels} channels) makes it [${expected}]`,
          { remedy: 'correct stride or latentChannels in bundle.json, or export the graph again' },
        );
      }
      return { latent, activeChannels: active, positions, channelUses: (active / 2) * positions };
    },

    /** Latent [1,C,h,w] (equalised, inactive channels zero) → picture of the given size. */
    async decode(
      latent: Tensor,
      { width, height, csnrDb, cbr }: Condition & { readonly width: number; readonly height: number },
      runOptions?: RunOptions,
    ): Promise<RgbImage> {
      checkSize(width, height);
      const { channels, height: rows, width: columns } = geometry(width, height);
      const wanted = [1, channels, rows, columns].join(', ');
      if (latent.dims.join(', ') !== wanted) {
        throw new FeedError(`a latent has the shape [${latent.dims.join(', ')}]`, {
          remedy: `the bundle ${manifest.name} takes [${wanted}] here`,
        });
      }
      const feeds = { latent, ...conditionFeeds(csnrDb, activeChannels(manifest, cbr)) };
      const fetch = { output: 'image', normalisation, sizes: [{ width, height }], keepTensor: false };
      const { images } = await pool.run('decoder', feeds, { ...runOptions, fetch });
      return pictureOrThrow(images[0]!);
    },
  };
}
