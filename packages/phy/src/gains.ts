import { ArgumentError, type ComplexVector } from '@semcast/core';
import { ShapeError } from './errors.js';
import { deinterleave } from './interleaver.js';
import { symbolCount, symbolsToLatent, type LatentLayout } from './layout.js';

/**
 * Complex gains of a frame, piecewise constant: the gain of sample k is `values` at floor(k / coherence).
 *
 * `values` is interleaved I, Q and holds ceil(samples / coherence) gains; `coherence` is in samples, at least 1.
 */
export interface Gains {
  readonly coherence: number;
  readonly values: ComplexVector;
}

/** @throws ShapeError when these are not the gains of `sampleCount` samples */
export function checkGains({ coherence, values }: Gains, sampleCount: number): void {
  if (!Number.isSafeInteger(coherence) || coherence < 1) {
    throw new ArgumentError(`a gain can't hold for ${coherence} samples`);
  }
  if (values.length !== 2 * Math.ceil(sampleCount / coherence)) {
    throw new ShapeError(`${values.length / 2} gains of coherence ${coherence} don't fit ${sampleCount} samples`);
  }
}

/**
 * One gain for every sample, in the order of the samples.
 *
 * @param gains null means a gain of 1
 */
export function expandGains(gains: Gains | null, sampleCount: number): ComplexVector {
  const expanded = new Float32Array(2 * sampleCount);
  if (gains === null) {
    for (let i = 0; i < expanded.length; i += 2) {
      expanded[i] = 1;
    }
    return expanded;
  }
  checkGains(gains, sampleCount);
  const { coherence, values } = gains;
  for (let k = 0; k < sampleCount; k++) {
    const block = 2 * Math.floor(k / coherence);
    expanded[2 * k] = values[block]!;
    expanded[2 * k + 1] = values[block + 1]!;
  }
  return expanded;
}

/**
 * The gain that each symbol of a latent met, laid out like the latent: Re h in channel 2k, Im h in channel 2k+1, zero
 * in channels that were not sent. Guided decoders take h in this form.
 *
 * @param gains in the order of the samples on the air
 * @param options.interleaved whether the symbols were interleaved before they were sent
 */
export function gainsToLatent(
  gains: Gains | null,
  layout: LatentLayout,
  options: { interleaved: boolean },
): Float32Array {
  const expanded = expandGains(gains, symbolCount(layout));
  return symbolsToLatent(options.interleaved ? deinterleave(expanded) : expanded, layout);
}
