import type { ChannelState, ComplexVector } from '@semcast/core';
import type { z } from 'zod';

/** What a demodulator makes of samples: y_k = h_k·z_k + n_k for each symbol z_k, in the order in which they were sent. */
export interface Demodulated {
  readonly y: ComplexVector;
  /** One complex gain a symbol; null where each is 1. */
  readonly h: ComplexVector | null;
  /** The variance of n_k, one a symbol, interference counted in; at least 0. */
  readonly noiseVariance: Float64Array;
}

/** A configured waveform, both ways; it holds no state. */
export interface Modem {
  /** The complex samples that so many symbols take. */
  samplesFor(symbolCount: number): number;
  /**
   * @param symbols complex, of unit mean power
   * @returns `samplesFor` complex samples, of unit mean power; may be the symbols themselves
   * @throws ArgumentError when the symbols are no complex vector
   */
  modulate(symbols: ComplexVector): ComplexVector;
  /**
   * @param channel what the frame met; null where the receiver isn't told and must estimate it
   * @throws ArgumentError when the samples are no complex vector, or the channel's gains not those of so many
   * @throws PowerError when nothing can be estimated from the samples
   */
  demodulate(samples: ComplexVector, channel: ChannelState | null): Demodulated;
}

/**
 * A waveform, how symbols become samples: one file, and one line in `registry.ts`.
 *
 * Being in the registry gives it its place in the transmitter's configuration and in the heads of frames, its validated
 * options and its conformance tests.
 */
export interface Waveform<Options extends z.ZodObject = z.ZodObject> {
  /** Its key in the registry; kebab-case. */
  readonly name: string;
  /** Strict and flat; every option has a default, so that the name alone is a configuration. */
  readonly optionsSchema: Options;
  create(options: z.output<Options>): Modem;
}
