import { ArgumentError, complexCount, type ChannelState, type ComplexVector } from '@semcast/core';
import type { z } from 'zod';
import { estimateBlindly, type SymbolStatistics, type TapModel } from '../blind.js';
import type { Equaliser } from '../equalise.js';
import { WaveformError } from '../errors.js';

/** What became of symbols: y_k = h_k·z_k + n_k for each symbol z_k, in the order in which they were sent. */
export interface ReceivedSymbols {
  readonly y: ComplexVector;
  /** One complex gain a symbol; null where each is 1. */
  readonly h: ComplexVector | null;
  /**
   * The variance of n_k, one a symbol, at least 0; interference is counted in, and so is the error of h where that was
   * estimated.
   */
  readonly noiseVariance: Float64Array;
}

/** What a demodulator makes of samples. */
export interface Demodulated extends ReceivedSymbols {
  /** Where h and noiseVariance come from: the channel told them, pilots or the symbols gave them, or they were assumed. */
  readonly source: 'told' | 'estimated' | 'assumed';
}

/** A configured waveform, both ways; it holds no state. */
export interface Modem {
  /**
   * What its demodulator does with a channel that is told: `ignored` where it is estimated, `used` where it is told and
   * something can be assumed otherwise, `needed` where nothing else was asked for.
   */
  readonly channelState: 'ignored' | 'used' | 'needed';
  /** Whether the channel is estimated from the symbols themselves, of which the statistics are needed then. */
  readonly blind: boolean;
  readonly equaliser: Equaliser;
  /**
   * Whether the equaliser may go by mean and variance of the symbols: not with gains of least squares, whose error goes
   * along with them, so that what such weights take for certain is the noise of the pilots.
   */
  readonly weighsSymbols: boolean;
  /** The complex samples that so many symbols take. */
  samplesFor(symbolCount: number): number;
  /**
   * @param symbols complex, of unit mean power
   * @returns `samplesFor` complex samples, of unit mean power; may be the symbols themselves
   * @throws ArgumentError when the symbols are no complex vector
   */
  modulate(symbols: ComplexVector): ComplexVector;
  /**
   * @param samples as many as `symbolCount` symbols take
   * @param channel what the frame met; null where the receiver isn't told and must estimate it
   * @param statistics of the symbols, in the order in which they were sent
   * @throws ArgumentError when the samples are not those of so many symbols, or the channel's gains not those of the samples
   * @throws PowerError when nothing can be estimated from the samples
   * @throws WaveformError when the channel is needed and null, or the statistics are needed and missing
   */
  demodulate(
    samples: ComplexVector,
    symbolCount: number,
    channel: ChannelState | null,
    statistics?: SymbolStatistics,
  ): Demodulated;
  /** Which carrier each symbol is on, and how the taps of a channel act there, for those who estimate them. */
  tapModel(symbolCount: number): TapModel;
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

/** @throws ArgumentError when there are more samples or fewer */
export function checkSampleCount(samples: ComplexVector, expected: number): void {
  const count = complexCount(samples);
  if (count !== expected) {
    throw new ArgumentError(`the symbols take ${expected} samples, not ${count}`);
  }
}

/**
 * What is received, with gains and noise that its symbols give away.
 *
 * @throws WaveformError without statistics
 */
export function demodulateBlindly(
  y: ComplexVector,
  statistics: SymbolStatistics | undefined,
  taps: TapModel,
): Demodulated {
  if (statistics === undefined) {
    throw new WaveformError('estimator "blind" needs the statistics of the symbols', {
      remedy: 'give both ends a bundle that has moments, or choose another estimator',
    });
  }
  const { h, noiseVariance, errorVariance } = estimateBlindly(y, statistics, taps);
  const variance = new Float64Array(complexCount(y)).fill(noiseVariance + errorVariance);
  return { y, h, noiseVariance: variance, source: 'estimated' };
}
