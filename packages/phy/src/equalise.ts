import { ArgumentError, csnrDbToNoiseVariance, meanPower, powerToDb, type ComplexVector } from '@semcast/core';
import { complexCount } from './complex.js';
import { PowerError } from './errors.js';
import { checkGains, type Gains } from './gains.js';

/** The range within which CSNR is reported, in dB: beyond it lies no signal at all, or no noise at all. */
export const CSNR_LIMITS_DB = { min: -50, max: 100 } as const;

/** A CSNR in dB from a power ratio, within {@link CSNR_LIMITS_DB}; the lower limit where the ratio is no number. */
export function limitedCsnrDb(ratio: number): number {
  const { min, max } = CSNR_LIMITS_DB;
  return ratio > 0 ? Math.min(max, Math.max(min, powerToDb(ratio))) : min;
}

export interface EqualiseOptions {
  /** Complex samples as received, y = h⊙z + n. */
  readonly samples: ComplexVector;
  /** h; null means a gain of 1. */
  readonly gains: Gains | null;
  /** N0 per complex sample, at least 0. */
  readonly noiseVariance: number;
}

export interface Equalised {
  /** ẑ = z + e, where e is uncorrelated with z over the frame. */
  readonly symbols: ComplexVector;
  /** The CSNR in dB of the AWGN channel with the same mean error, 1/mean|e|²; within {@link CSNR_LIMITS_DB}. */
  readonly csnrDb: number;
  /** mean|e|² per complex symbol, as `csnrDb` says. */
  readonly noiseVariance: number;
}

/**
 * Equalise symbols of unit power under known gains, so that what remains looks like AWGN to a decoder trained on it.
 *
 * The linear MMSE estimate β_k·y_k/h_k, with β_k = |h_k|²/(|h_k|² + N0), minimises the error of each symbol but
 * shrinks it: E[ẑ_k|z_k] = β_k·z_k (Kay, "Fundamentals of Statistical Signal Processing: Estimation Theory", 1993,
 * chapter 12). One common factor 1/β̄, β̄ = mean β_k, makes it unbiased on average over the frame:
 *
 *     ẑ_k = h_k*·y_k / ((|h_k|² + N0)·β̄)
 *
 * The error e = ẑ - z then has mean power 1/β̄ - 1, and is uncorrelated with z over the frame, so the effective CSNR is
 * β̄/(1 - β̄): the MMSE's SNR 1/(1 - β̄) less one, as for every unbiased receiver (Cioffi, Dudevoir, Eyuboglu, Forney,
 * "MMSE decision-feedback equalizers and coding", IEEE Trans. Commun. 43, 1995). With one gain for the frame it is
 * |h|²/N0, and ẑ = y/h.
 *
 * @throws ShapeError when the gains are not those of so many samples
 * @throws PowerError when samples, gains or the result are not all finite
 */
export function equalise({ samples, gains, noiseVariance }: EqualiseOptions): Equalised {
  const sampleCount = complexCount(samples);
  if (!(noiseVariance >= 0 && noiseVariance < Infinity)) {
    throw new ArgumentError(`noise can't have the variance ${noiseVariance}`);
  }
  if (gains === null) {
    const csnrDb = limitedCsnrDb(1 / noiseVariance);
    return { symbols: finite(samples.slice()), csnrDb, noiseVariance: csnrDbToNoiseVariance(csnrDb) };
  }
  checkGains(gains, sampleCount);
  const { coherence, values } = gains;
  const symbols = new Float32Array(samples.length);
  // β̄ and 1 - β̄, each summed from its own terms: a difference of nearly equal numbers would lose high CSNRs.
  let kept = 0;
  let missing = 0;
  for (let block = 0, i = 0; block < values.length; block += 2) {
    const gainI = values[block]!;
    const gainQ = values[block + 1]!;
    const power = gainI * gainI + gainQ * gainQ;
    const total = power + noiseVariance;
    const end = Math.min(i + 2 * coherence, samples.length);
    const count = (end - i) / 2;
    if (power === 0) {
      // Nothing got through. The symbols stay zero, also where there is no noise and 0/0 would follow.
      missing += count;
      i = end;
      continue;
    }
    kept += (count * power) / total;
    missing += (count * noiseVariance) / total;
    const weightI = gainI / total;
    const weightQ = gainQ / total;
    for (; i < end; i += 2) {
      const sampleI = samples[i]!;
      const sampleQ = samples[i + 1]!;
      symbols[i] = weightI * sampleI + weightQ * sampleQ;
      symbols[i + 1] = weightI * sampleQ - weightQ * sampleI;
    }
  }
  if (kept > 0) {
    const unbias = sampleCount / kept;
    for (let i = 0; i < symbols.length; i++) {
      symbols[i]! *= unbias;
    }
  }
  const csnrDb = limitedCsnrDb(kept / missing);
  return { symbols: finite(symbols), csnrDb, noiseVariance: csnrDbToNoiseVariance(csnrDb) };
}

/** One look at the result finds every NaN and infinity that came in, or arose on the way. */
function finite(symbols: ComplexVector): ComplexVector {
  if (!Number.isFinite(meanPower(symbols))) {
    throw new PowerError('the samples or their gains are not all finite and of ordinary size');
  }
  return symbols;
}
