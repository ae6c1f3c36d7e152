import type { RgbImage } from '@semcast/core';
import { qualityMetrics } from '@semcast/quality';
import { decodeResult } from '@semcast/transmitter';
import type { ResultMessage } from '@semcast/wire';

/** The most pictures that are measured a second. */
const MAX_PER_SECOND = 4;
/** The largest share of time for measuring quality, so that it doesn't load the machine under test. */
const MAX_TIME_SHARE = 0.02;

/** What is measured: cheap, and one that rises with texture where the others fall. */
const MEASURES = ['psnrDb', 'ssim', 'contrast'] as const;
type Measure = (typeof MEASURES)[number];
export type SampledQuality = Readonly<Record<Measure, number | null>>;

/**
 * Quality of some of the pictures that come back: one at a time, a few a second, and never more than a fiftieth of the
 * time. Which ones depends on the clock alone, not on what is in them.
 */
export class QualitySampler {
  readonly #startedAt = performance.now();
  #busy: Promise<void> | undefined;
  #lastAt = -Infinity;
  #spentMs = 0;
  #samples = 0;
  readonly #sums = new Map<Measure, { sum: number; count: number }>();
  #unreadable = 0;

  /** Means over the sample; null where no picture was measured, or none large enough. */
  means(): SampledQuality {
    const mean = (measure: Measure): number | null => {
      const { sum, count } = this.#sums.get(measure) ?? { sum: 0, count: 0 };
      return count === 0 ? null : sum / count;
    };
    return { psnrDb: mean('psnrDb'), ssim: mean('ssim'), contrast: mean('contrast') };
  }

  /** Pictures measured. */
  get samples(): number {
    return this.#samples;
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
      const picture = await decodeResult(head, payload, original);
      for (const measure of MEASURES) {
        const value = qualityMetrics[measure].compute(original, picture);
        const { sum, count } = this.#sums.get(measure) ?? { sum: 0, count: 0 };
        if (value !== null) {
          this.#sums.set(measure, { sum: sum + value, count: count + 1 });
        }
      }
      this.#samples++;
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
