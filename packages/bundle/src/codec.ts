import { tensor, type Cbr, type RgbImage, type Tensor } from '@semcast/core';
import type { Bundle } from './bundle.js';
import { FeedError, ImageTooLargeError, InferenceError } from './errors.js';
import { padTo } from './images.js';
import { activeChannels, clampCsnrDb, type Condition } from './rates.js';
import type { ImageFeed, RunOptions, SessionPool } from './types.js';

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

/** One condition for the whole batch, or one for each item. */
export type BatchCondition = Condition | readonly Condition[];

/** Condition inputs as the graphs take them. */
export interface ConditionTensors {
  /** [B], dB, clamped to the bundle's range. */
  readonly csnrDb: Tensor;
  /** [B], active channels / latent channels. */
  readonly rate: Tensor;
  /** [B, C, 1, 1], 1 for active channels. */
  readonly mask: Tensor;
}

/** A bundle's encoder and decoder, for pictures of any size. */
export interface Codec {
  /** Picture → latent. */
  encode(image: RgbImage, condition: Condition, options?: RunOptions): Promise<EncodedImage>;
  /** Latent [1,C,h,w] (equalised, inactive channels zero) → picture of the given size. */
  decode(
    latent: Tensor,
    condition: Condition & { readonly width: number; readonly height: number },
    options?: RunOptions,
  ): Promise<RgbImage>;
  /** Network input [B,3,H,W] (sizes multiples of the stride) → latent [B,C,h,w]. */
  encodeTensor(image: Tensor, condition: BatchCondition, options?: RunOptions): Promise<Tensor>;
  /** Latent [B,C,h,w] → network output [B,3,H,W]. */
  decodeTensor(latent: Tensor, condition: BatchCondition, options?: RunOptions): Promise<Tensor>;
  /** Sizes of latent and padded picture. */
  geometry(width: number, height: number): LatentGeometry;
  /** Channels that a rate sends. */
  activeChannels(cbr: string | Cbr): number;
  /** The inputs that tell a graph about channel and rate. */
  conditionTensors(conditions: readonly Condition[]): ConditionTensors;
}

/**
 * Encode and decode pictures with a bundle's graphs. The pool must hold the graph that is used (`encoder`,
 * `decoder`), under that name.
 *
 * Errors of all methods, beside those of the pool's runs: UnknownRateError (E_UNKNOWN_RATE), ImageTooLargeError
 * (E_IMAGE_TOO_LARGE), FeedError (E_FEED) when a latent has the wrong shape.
 */
export function createCodec(bundle: Bundle, pool: SessionPool, options: CodecOptions = {}): Codec {
  const { manifest } = bundle;
  const { stride, latentChannels, normalisation } = manifest;
  const maxImagePixels = options.maxImagePixels ?? DEFAULT_MAX_IMAGE_PIXELS;

  function geometry(width: number, height: number): LatentGeometry {
    const paddedWidth = padTo(width, stride);
    const paddedHeight = padTo(height, stride);
    const [h, w] = [paddedHeight / stride, paddedWidth / stride];
    return { channels: latentChannels, height: h, width: w, positions: h * w, paddedWidth, paddedHeight };
  }

  function conditionTensors(conditions: readonly Condition[]): ConditionTensors {
    const batch = conditions.length;
    const csnrDb = new Float32Array(batch);
    const rate = new Float32Array(batch);
    const mask = new Float32Array(batch * latentChannels);
    for (const [item, condition] of conditions.entries()) {
      const active = activeChannels(manifest, condition.cbr);
      csnrDb[item] = clampCsnrDb(manifest, condition.csnrDb);
      rate[item] = active / latentChannels;
      mask.fill(1, item * latentChannels, item * latentChannels + active);
    }
    return {
      csnrDb: tensor(csnrDb, [batch]),
      rate: tensor(rate, [batch]),
      mask: tensor(mask, [batch, latentChannels, 1, 1]),
    };
  }

  function batchConditions(condition: BatchCondition, batch: number): ConditionTensors {
    const list = isList(condition) ? condition : Array.from({ length: batch }, () => condition);
    if (list.length !== batch) {
      throw new FeedError(`a batch of ${batch} needs ${batch} conditions, not ${list.length}`, {
        remedy: 'pass one condition for all, or one for each',
      });
    }
    return conditionTensors(list);
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

  function checkLatent({ dims }: Tensor, batch: number, { channels, height, width }: LatentGeometry): void {
    const wanted = [batch, channels, height, width];
    if (dims.join() !== wanted.join()) {
      throw new FeedError(`a latent has the shape [${dims.join(', ')}]`, {
        remedy: `the bundle ${manifest.name} takes [${wanted.join(', ')}] here`,
      });
    }
  }

  async function runEncoder(
    image: Tensor | ImageFeed,
    conditions: ConditionTensors,
    expected: readonly number[],
    runOptions: RunOptions | undefined,
  ): Promise<Tensor> {
    const { latent } = await pool.run(
      'encoder',
      { image, csnr_db: conditions.csnrDb, rate: conditions.rate, mask: conditions.mask },
      runOptions,
    );
    if (latent === undefined || latent.dims.join() !== expected.join()) {
      throw new InferenceError(
        `the encoder of the bundle ${manifest.name} gave a latent of [${latent?.dims.join(', ')}] ` +
          `where its manifest (stride ${stride}, ${latentChannels} channels) makes it [${expected.join(', ')}]`,
        { remedy: 'correct stride or latentChannels in bundle.json, or export the graph again' },
      );
    }
    return latent;
  }

  return {
    geometry,
    conditionTensors,
    activeChannels: (cbr) => activeChannels(manifest, cbr),

    async encode(image, condition, runOptions) {
      checkSize(image.width, image.height);
      const { positions, height, width } = geometry(image.width, image.height);
      const active = activeChannels(manifest, condition.cbr);
      const latent = await runEncoder(
        { image, multiple: stride, normalisation },
        conditionTensors([condition]),
        [1, latentChannels, height, width],
        runOptions,
      );
      return { latent, activeChannels: active, positions, channelUses: (active / 2) * positions };
    },

    async decode(latent, { width, height, ...condition }, runOptions) {
      checkSize(width, height);
      checkLatent(latent, 1, geometry(width, height));
      const { csnrDb, rate } = conditionTensors([condition]);
      const [image] = await pool.runToImages(
        'decoder',
        { latent, csnr_db: csnrDb, rate },
        { output: 'image', normalisation, sizes: [{ width, height }] },
        runOptions,
      );
      return image!;
    },

    async encodeTensor(image, condition, runOptions) {
      const [batch = 0, , height = 0, width = 0] = image.dims;
      if (image.dims.length !== 4 || height % stride !== 0 || width % stride !== 0) {
        throw new FeedError(`a picture tensor has the shape [${image.dims.join(', ')}]`, {
          remedy: `make it [batch, 3, height, width] with sides that are multiples of ${stride}`,
        });
      }
      checkSize(width, batch * height);
      const expected = [batch, latentChannels, height / stride, width / stride];
      return runEncoder(image, batchConditions(condition, batch), expected, runOptions);
    },

    async decodeTensor(latent, condition, runOptions) {
      const [batch = 0, , height = 0, width = 0] = latent.dims;
      checkLatent(latent, batch, geometry(width * stride, height * stride));
      checkSize(width * stride, batch * height * stride);
      const { csnrDb, rate } = batchConditions(condition, batch);
      const { image } = await pool.run('decoder', { latent, csnr_db: csnrDb, rate }, runOptions);
      return image!;
    },
  };
}

function isList(condition: BatchCondition): condition is readonly Condition[] {
  return Array.isArray(condition);
}
