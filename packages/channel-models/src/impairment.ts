import type { ComplexVector } from '@semcast/core';
import type { z } from 'zod';
import type { FrameCoordinates } from './fading.js';
import type { FadingProcess } from './model.js';

/** Where on a frame's way an impairment acts: at the transmitter, at the receiver's antenna, or behind its noise. */
export type ImpairmentStage = 'before-fading' | 'before-noise' | 'after-noise';

/** The frame that an impairment meets. */
export interface ImpairmentContext {
  readonly coordinates: FrameCoordinates;
  /** The purpose of its draws, its own among all impairments of a channel. */
  readonly purpose: string;
  /** The model that the frame itself goes through. */
  readonly model: FadingProcess;
}

/**
 * Impair a frame: a pure function of samples and coordinates.
 *
 * @param samples complex samples; may be overwritten
 * @returns as many samples; may be the same vector
 */
export type Impair = (samples: ComplexVector, context: ImpairmentContext) => ComplexVector;

/** An impairment beside fading and noise: one file, and one line in `impairment-registry.ts`. */
export interface Impairment<Options extends z.ZodObject = z.ZodObject> {
  /** Its key in the registry; kebab-case. */
  readonly name: string;
  readonly stage: ImpairmentStage;
  /** Strict; every option has a default, so that the name alone is a configuration. */
  readonly optionsSchema: Options;
  /** @throws OptionError when options of the right form make no impairment at this sample rate */
  create(options: z.output<Options>, sampleRateHz: number): Impair;
}
