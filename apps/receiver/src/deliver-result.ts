import type { Delivery, LostReason, ResultHead, ResultStage } from '@semcast/wire';
import type { ObservedCsnr } from './demodulate-frame.js';
import type { EncodedImage } from './encode-result.js';

/** What is known of a picture beside its pixels. */
export interface ResultFacts {
  readonly stage: ResultStage;
  readonly decoder: string;
  readonly steps: number;
  readonly csnrDb: ObservedCsnr;
  readonly residual: number | null;
  readonly timingsMs: ResultHead['timingsMs'];
  /** The channel as it was estimated; absent where it was told or assumed, and from previews. */
  readonly estimate?: NonNullable<ResultHead['estimate']>;
  /** Network runs that the sampler spent; absent without a sampler. */
  readonly evaluations?: number;
  readonly reducedSteps?: boolean;
  readonly lost?: LostReason;
}

/**
 * Send a picture to the sender of the frame. A final one is kept until its arrival is acknowledged; an intermediate one
 * is sent if the client keeps up.
 *
 * @returns false when nobody wants it any more
 */
export function deliverResult(delivery: Delivery, image: EncodedImage, facts: ResultFacts): boolean {
  const { format, width, height, bytes } = image;
  const head: ResultHead = {
    stream: delivery.stream,
    frame: delivery.frame,
    image: { format, width, height },
    ...facts,
  };
  return facts.stage === 'final' ? delivery.finish(head, bytes) : delivery.preview(head, bytes);
}
