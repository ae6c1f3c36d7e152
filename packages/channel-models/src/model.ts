import type { Tap } from '@semcast/core';
import type { z } from 'zod';
import type { FrameCoordinates } from './fading.js';

/** One configured channel, ready to draw the fading of any frame. */
export interface FadingProcess {
  /**
   * Draw the taps of a frame of `sampleCount` complex samples, with E Σ|h|² = 1; null where the gain is always 1.
   *
   * A pure function: equal coordinates give equal taps, whatever was drawn before.
   */
  drawFading(coordinates: FrameCoordinates, sampleCount: number): readonly Tap[] | null;
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
  /**
   * The Rician K factor of the gain at any one frequency: power of the line of sight over all that is scattered. 0 is
   * Rayleigh fading, Infinity none.
   */
  kFactor(options: z.output<Options>): number;
  /**
   * @param sampleRateHz what turns seconds into samples
   * @throws OptionError when options of the right form make no channel at this sample rate
   */
  create(options: z.output<Options>, sampleRateHz: number): FadingProcess;
}
