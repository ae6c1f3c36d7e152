import type { RgbImage } from '@semcast/core';
import { psnr } from '@semcast/quality';
import { decodeResult } from '@semcast/transmitter';
import type { ResultMessage } from '@semcast/wire';

/** The most pictures that are measured a second. */
const MAX_PER_SECOND = 4;
/** The largest share of time for measuring quality, so that it doesn't load the machine under test. */
const MAX_TIME_SHARE = 0.02;

/**
 * PSNR of some of the pictures that come back: one at a time, a few a second, and never more than a fiftieth of the
 * time. Which ones depends on the clock alone, not on what is in them.
 */
export class QualitySampler {
  readonly #startedAt = performance.now();
  #busy: Promise<void> | undefined;
  #lastAt = -Infinity;
  #spentMs = 0;
  #sum = 0;
  #count = 0;
  #unreadable = 0;

  /** Mean PSNR in dB over the sample; null of none. */
  get psnrDb(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }

  /** Pictures measured. */
  get samples(): number {
    return this.#count;
  }

  /** Pictures of the sample that couldn't be decoded, or had another size than what was sent. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** A final picture has arrived; it is measured if there is time for it. */
  offer(original: RgbImage, message: ResultMessage): void {
    const now = performance.now();
    const due =
      this.#busy === undefined &&
      now - this.#lastAt >= 1000 / MAX_PER_SECOND &&
      this.#spentMs <= MAX_TIME_SHARE * (now - this.#startedAt);
    if (due) {
      this.#lastAt = now;
      this.#busy = this.#measure(original, message);
    }
  }

  /** Resolves when nothing is being measured. */
  async settled(): Promise<void> {
    await this.#busy;
  }

  async #measure(original: RgbImage, { head, payload }: ResultMessage): Promise<void> {
    const startedAt = performance.now();
    try {
      this.#sum += psnr(original, await decodeResult(head, payload, original));
      this.#count++;
    } catch {
      // The result is no picture of this size: a fault of the peer, which is counted and reported, and doesn't end the
      // run.
      this.#unreadable++;
    } finally {
      this.#spentMs += performance.now() - startedAt;
      this.#busy = undefined;
    }
  }
}
