import { ArgumentError, complexCount, meanPower, powerToDb, type ComplexVector } from '@semcast/core';
import { PowerError, ShapeError } from './errors.js';
import type { ReceivedSymbols } from './waveforms/waveform.js';

/** The range within which CSNR is reported, in dB: beyond it lies no signal at all, or no noise at all. */
export const CSNR_LIMITS_DB = { min: -50, max: 100 } as const;

/** A CSNR in dB from a power ratio, within {@link CSNR_LIMITS_DB}; the lower limit where the ratio is no number. */
export function limitedCsnrDb(ratio: number): number {
  const { min, max } = CSNR_LIMITS_DB;
  return ratio > 0 ? Math.min(max, Math.max(min, powerToDb(ratio))) : min;
}

/** `mmse`: the least error; `zf`: zero forcing, y/h, whatever becomes of the noise. */
export type Equaliser = 'mmse' | 'zf';

export interface Equalised {
  /** ẑ = z + e, where e is uncorrelated with z over the frame; y itself where each gain is 1. */
  readonly symbols: ComplexVector;
  /** The CSNR in dB of the AWGN channel with the same mean error, 1/mean|e|²; within {@link CSNR_LIMITS_DB}. */
  readonly csnrDb: number;
}

/**
 * Equalise symbols of unit power under known gains, so that what remains looks like AWGN to a decoder trained on it.
 *
 * The linear MMSE estimate β_k·y_k/h_k, with β_k = |h_k|²/(|h_k|² + N_k), minimises the error of each symbol but
 * shrinks it: E[ẑ_k|z_k] = β_k·z_k (Kay, "Fundamentals of Statistical Signal Processing: Estimation Theory", 1993,
 * chapter 12). One common factor 1/β̄, β̄ = mean β_k, makes it unbiased on average over the frame:
 *
 *     ẑ_k = h_k*·y_k / ((|h_k|² + N_k)·β̄)
 *
 * The error e = ẑ - z then has mean power 1/β̄ - 1, and is uncorrelated with z over the frame, so the effective CSNR is
 * β̄/(1 - β̄): the MMSE's SNR 1/(1 - β̄) less one, as for every unbiased receiver (Cioffi, Dudevoir, Eyuboglu, Forney,
 * "MMSE decision-feedback equalizers and coding", IEEE Trans. Commun. 43, 1995). With one gain for the frame it is
 * |h|²/N0, and ẑ = y/h. Where each gain is 1, ẑ = y.
 *
 * Zero forcing, ẑ_k = y_k/h_k, has the error N_k/|h_k|², without a limit where h_k comes near 0.
 *
 * @throws ShapeError when y, h and noise variance are not those of as many symbols
 * @throws ArgumentError when a variance is none
 * @throws PowerError when y, h or the result are not all finite
 */
export function equalise({ y, h, noiseVariance }: ReceivedSymbols, equaliser: Equaliser = 'mmse'): Equalised {
  const count = complexCount(y);
  if (noiseVariance.length !== count || (h !== null && h.length !== y.length)) {
    throw new ShapeError(
      `${count} symbols can't have ${(h ?? y).length / 2} gains and ${noiseVariance.length} variances`,
    );
  }
  const wrong = noiseVariance.find((variance) => !(variance >= 0 && variance < Infinity));
  if (wrong !== undefined) {
    throw new ArgumentError(`noise can't have the variance ${wrong}`);
  }
  if (h === null) {
    return { symbols: finite(y), csnrDb: limitedCsnrDb(1 / meanOf(noiseVariance)) };
  }
  const symbols = new Float32Array(y.length);
  // β̄ and 1 - β̄ (zero forcing: 1 and the error), each summed from its own terms: a difference of nearly equal numbers would lose high CSNRs.
  let kept = 0;
  let missing = 0;
  for (let k = 0, i = 0; k < count; k++, i += 2) {
    const gainI = h[i]!;
    const gainQ = h[i + 1]!;
    const power = gainI * gainI + gainQ * gainQ;
    if (power === 0) {
      // Nothing got through. The symbol stays zero, also where there is no noise and 0/0 would follow.
      missing += 1;
      continue;
    }
    const total = equaliser === 'mmse' ? power + noiseVariance[k]! : power;
    kept += power / total;
    missing += noiseVariance[k]! / total;
    const weightI = gainI / total;
    const weightQ = gainQ / total;
    const sampleI = y[i]!;
    const sampleQ = y[i + 1]!;
    symbols[i] = weightI * sampleI + weightQ * sampleQ;
    symbols[i + 1] = weightI * sampleQ - weightQ * sampleI;
  }
  if (kept > 0) {
    const unbias = count / kept;
    for (let i = 0; i < symbols.length; i++) {
      symbols[i]! *= unbias;
    }
  }
  return { symbols: finite(symbols), csnrDb: limitedCsnrDb(kept / missing) };
}

/** The mean, exactly the value where all are the same. */
function meanOf(values: Float64Array): number {
  const first = values[0] ?? 0;
  return first + values.reduce((sum, value) => sum + (value - first), 0) / Math.max(1, values.length);
}

/** One look at the result finds every NaN and infinity that came in, or arose on the way. */
function finite(symbols: ComplexVector): ComplexVector {
  if (!Number.isFinite(meanPower(symbols))) {
    throw new PowerError('the samples or their gains are not all finite and of ordinary size');
  }
  return symbols;
}
