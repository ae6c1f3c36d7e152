import type { ComplexVector, RandomSource } from '@semcast/core';
import type { z } from 'zod';

/**
 * Complex gains of a frame, piecewise constant: the gain of sample k is `values` at floor(k / coherence).
 *
 * `values` is interleaved I, Q and holds ceil(samples / coherence) gains; `coherence` is in samples, at least 1.
 */
export interface Gains {
  readonly coherence: number;
  readonly values: ComplexVector;
}

/** One configured channel, ready to draw the fading of any frame. */
export interface FadingProcess {
  /**
   * Draw the gains of a frame of `sampleCount` complex samples, with E|h|² = 1; null where the gain is always 1.
   *
   * All randomness comes from `random`, so that equal sources give equal gains.
   */
  drawFading(random: RandomSource, sampleCount: number): Gains | null;
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
  /** One line for `--help` and the console. */
  readonly summary: string;
  /** Strict; every option has a default, so that the name alone is a configuration. */
  readonly optionsSchema: Options;
  create(options: z.output<Options>): FadingProcess;
}
