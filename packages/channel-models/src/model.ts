import type { RandomSource, Tap } from '@semcast/core';
import type { z } from 'zod';

/** One configured channel, ready to draw the fading of any frame. */
export interface FadingProcess {
  /**
   * Draw the taps of a frame of `sampleCount` complex samples, with E Σ|h|² = 1; null where the gain is always 1.
   *
   * All randomness comes from `random`, so that equal sources give equal taps.
   */
  drawFading(random: RandomSource, sampleCount: number): readonly Tap[] | null;
}

/**
 * A channel model: one file, and one line in `registry.ts`.
 *
 * Being in the registry gives it its place in the configuration (`optionsSchema`, validated), its CLI choice, its
 * conformance tests and its metric label.
 */
export interface ChannelModel<Options extends z.ZodObject = z.ZodObject> {
  /** Its key in the registry; kebab-case. */
  readonly name: string;
  /** Strict; every option has a default, so that the name alone is a configuration. */
  readonly optionsSchema: Options;
  create(options: z.output<Options>): FadingProcess;
}
