import { createHash } from 'node:crypto';
import type { RgbImage } from '@semcast/core';
import { compress, type CompressOptions } from './compress.js';
import { packPayload } from './payload.js';

/** Some rounds of a folder of photographs, each at the few blocks that a channel's SNR wanders through. */
const MAX_BLOCKS = 256;

/**
 * The transport blocks of pictures that were compressed last. Photographs come round again, and the search for the best
 * that fits takes some ten runs of an image encoder; the same picture in a block of the same size is the same block.
 */
export class CompressedBlocks {
  /** The one that was asked for last at the end. */
  readonly #known = new Map<string, Uint8Array>();
  readonly #most: number;

  constructor(most = MAX_BLOCKS) {
    this.#most = most;
  }

  /**
   * The best of a picture that fits a block of so many bytes, packed; all zeros where none fits.
   *
   * @throws the signal's reason
   */
  async blockOf(image: RgbImage, blockBytes: number, options: CompressOptions): Promise<Uint8Array> {
    const { width, height, data } = image;
    const terms = JSON.stringify([width, height, blockBytes, options.format, options.effort]);
    const key = createHash('sha256').update(terms).update(data).digest('base64');
    const block = this.#known.get(key) ?? packPayload(await compress(image, blockBytes, options), blockBytes);
    this.#known.delete(key);
    this.#known.set(key, block);
    if (this.#known.size > this.#most) {
      this.#known.delete(this.#known.keys().next().value!);
    }
    return block;
  }
}
