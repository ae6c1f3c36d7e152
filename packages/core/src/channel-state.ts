import { ArgumentError } from './errors.js';
import type { ComplexVector } from './tensor.js';

/**
 * Complex gains of a frame, piecewise constant: the gain of sample k is `values` at floor(k / coherence).
 *
 * `values` is interleaved I, Q and holds {@link gainCount} gains; `coherence` is in samples, at least 1.
 */
export interface Gains {
  readonly coherence: number;
  readonly values: ComplexVector;
}

/** One path of a channel: sample k receives what was sent `delay` samples before, times the path's gain at k. */
export interface Tap {
  /** In samples, at least 0. */
  readonly delay: number;
  readonly gains: Gains;
}

/** What a channel does to a frame: y_k = Σ h_tap(k)·z_(k - delay of tap) + n_k, where nothing is sent before k = 0. */
export interface ChannelState {
  /** In the order of their delays; a flat channel has one, of delay 0. Null: y = z + n, a gain that is always 1. */
  readonly taps: readonly Tap[] | null;
  /** N0 per complex sample, at least 0. */
  readonly noiseVariance: number;
}

/**
 * How many gains a frame needs when each holds for `coherence` samples: ceil(samples / coherence).
 *
 * @throws ArgumentError when a frame can't have so many samples, or a gain can't hold for so many
 */
export function gainCount(sampleCount: number, coherence: number): number {
  if (!Number.isSafeInteger(sampleCount) || sampleCount < 0) {
    throw new ArgumentError(`a frame can't have ${sampleCount} samples`);
  }
  if (!Number.isSafeInteger(coherence) || coherence < 1) {
    throw new ArgumentError(`a gain can't hold for ${coherence} samples`);
  }
  return Math.ceil(sampleCount / coherence);
}

/** @throws ArgumentError when these are not the gains of `sampleCount` samples */
export function checkGains({ coherence, values }: Gains, sampleCount: number): void {
  if (values.length !== 2 * gainCount(sampleCount, coherence)) {
    throw new ArgumentError(`${values.length / 2} gains of coherence ${coherence} don't fit ${sampleCount} samples`);
  }
}
