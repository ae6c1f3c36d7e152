import type { Codec, GraphName } from '@semcast/bundle';
import type { RgbImage } from '@semcast/core';
import type { z } from 'zod';
import type { Observation } from '../demodulate-frame.js';

/** The networks of a bundle, as functions: a decoder knows neither files nor threads. */
export interface DecoderNetworks {
  readonly codec: Codec;
}

/** A picture on the way to the final one. */
export interface PartialResult {
  readonly stage: 'preview' | 'intermediate';
  readonly image: RgbImage;
  /** Sampler steps spent so far. */
  readonly steps: number;
}

export interface DecodeContext {
  /** Fires when nobody wants the picture any more. */
  readonly signal: AbortSignal;
  /** To be called with pictures that are worth a look before the final one. */
  readonly onPartial: (result: PartialResult) => void;
}

export interface DecodedPicture {
  readonly image: RgbImage;
  /** Sampler steps spent; 0 for a decoder without a sampler. */
  readonly steps: number;
  /** Fewer steps than asked for, because the receiver is busy. */
  readonly reducedSteps?: boolean;
}

/**
 * A way to turn a received signal into a picture: one file, and one line in `registry.ts`.
 *
 * Being in the registry gives it its place in the handshake, its validated options and its metric label.
 */
export interface Decoder<Options extends z.ZodObject = z.ZodObject> {
  /** Its key in the registry; kebab-case. */
  readonly name: string;
  /** One line for `--help` and the console. */
  readonly summary: string;
  /** Strict; every option has a default, so that the name alone is a configuration. */
  readonly optionsSchema: Options;
  /** Graphs that a bundle must have for this decoder to be offered. */
  readonly graphs: readonly GraphName[];
  /**
   * Decode one frame.
   *
   * @throws the signal's reason, or an error of the networks
   */
  decode(
    observation: Observation,
    networks: DecoderNetworks,
    options: z.output<Options>,
    context: DecodeContext,
  ): Promise<DecodedPicture>;
}
