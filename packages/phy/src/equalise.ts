import { ArgumentError, complexCount, meanPower, powerToDb, type ComplexVector } from '@semcast/core';
import type { SymbolStatistics } from './blind.js';
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
  /** ẑ = z + e, where e is uncorrelated with z over the symbols of one variance; y itself where each gain is 1. */
  readonly symbols: ComplexVector;
  /** The CSNR in dB of the AWGN channel with the same mean error, 1/mean|e|²; within {@link CSNR_LIMITS_DB}. */
  readonly csnrDb: number;
}

/**
 * Equalise symbols of unit power under known gains, so that what remains looks like AWGN to a decoder trained on it.
 *
 * The linear MMSE estimate of a symbol of mean m and variance v is m + β_k·(y_k/h_k - m), β_k = |h_k|²v/(|h_k|²v + N_k)
 * (Kay, "Fundamentals of Statistical Signal Processing: Estimation Theory", 1993, chapter 12). It minimises the error of
 * each symbol but shrinks it towards m. One factor 1/β̄ for all symbols of one variance, β̄ their mean β_k, makes it
 * unbiased on average over these:
 *
 *     ẑ_k = m_k + (β_k/β̄)·(y_k/h_k - m_k) = m_k + v·h_k*·(y_k - h_k·m_k) / ((|h_k|²v + N_k)·β̄)
 *
 * The error e = ẑ - z then has mean power v·(1 - β̄)/β̄ over them, and is uncorrelated with z. Without `statistics` every
 * m is 0 and every v is 1, and the effective CSNR is β̄/(1 - β̄): the MMSE's SNR 1/(1 - β̄) less one, as for every unbiased
 * receiver (Cioffi, Dudevoir, Eyuboglu, Forney, "MMSE decision-feedback equalizers and coding", IEEE Trans. Commun. 43,
 * 1995). With one gain and noise variance for the frame it is |h|²/N0, and ẑ = y/h. Where each gain is 1, ẑ = y.
 *
 * Zero forcing, ẑ_k = y_k/h_k, has the error N_k/|h_k|², without a limit where h_k comes near 0.
 *
 * @param statistics of the symbols, whose order has nothing to do with their gains: symbols of one variance that fade
 *   all together would be left with nothing but amplified noise
 * @throws ShapeError when y, h, noise variance and statistics are not those of as many symbols
 * @throws ArgumentError when a variance is none
 * @throws PowerError when y, h or the result are not all finite
 */
export function equalise(
  { y, h, noiseVariance }: ReceivedSymbols,
  equaliser: Equaliser = 'mmse',
  statistics?: SymbolStatistics,
): Equalised {
  const count = complexCount(y);
  if (noiseVariance.length !== count || (h !== null && h.length !== y.length)) {
    throw new ShapeError(
      `${count} symbols can't have ${(h ?? y).length / 2} gains and ${noiseVariance.length} variances`,
    );
  }
  if (statistics !== undefined && (statistics.mean.length !== y.length || statistics.variance.length !== count)) {
    throw new ShapeError(
      `${count} symbols can't have ${statistics.mean.length / 2} means and ${statistics.variance.length} variances`,
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
  const { mean, variance: variances } = equaliser === 'mmse' && statistics !== undefined ? statistics : UNKNOWN;
  const sums = new Map<number, VarianceSums>();
  for (let k = 0, i = 0; k < count; k++, i += 2) {
    const gainI = h[i]!;
    const gainQ = h[i + 1]!;
    const power = gainI * gainI + gainQ * gainQ;
    const variance = variances?.[k] ?? 1;
    const sum = sumsOf(sums, variance);
    sum.count += 1;
    if (power === 0) {
      // Nothing got through. The symbol stays its mean, also where there is no noise and 0/0 would follow.
      sum.missing += 1;
      continue;
    }
    const signal = power * variance;
    const total = equaliser === 'mmse' ? signal + noiseVariance[k]! : signal;
    sum.kept += signal / total;
    sum.missing += noiseVariance[k]! / total;
    const meanI = mean?.[i] ?? 0;
    const meanQ = mean?.[i + 1] ?? 0;
    const weightI = (gainI * variance) / total;
    const weightQ = (gainQ * variance) / total;
    const sampleI = y[i]! - (gainI * meanI - gainQ * meanQ);
    const sampleQ = y[i + 1]! - (gainI * meanQ + gainQ * meanI);
    symbols[i] = weightI * sampleI + weightQ * sampleQ;
    symbols[i + 1] = weightI * sampleQ - weightQ * sampleI;
  }
  for (let k = 0, i = 0; k < count; k++, i += 2) {
    const { count: alike, kept } = sumsOf(sums, variances?.[k] ?? 1);
    const unbias = kept > 0 ? alike / kept : 1;
    symbols[i] = (mean?.[i] ?? 0) + unbias * symbols[i]!;
    symbols[i + 1] = (mean?.[i + 1] ?? 0) + unbias * symbols[i + 1]!;
  }
  let error = 0;
  for (const [variance, { count: alike, kept, missing }] of sums) {
    error += (alike / count) * variance * (missing / kept);
  }
  return { symbols: finite(symbols), csnrDb: limitedCsnrDb(count === 0 ? 0 : 1 / error) };
}

/** Nothing is known of the symbols but their unit power. */
const UNKNOWN: Partial<SymbolStatistics> = {};

/** Over the symbols of one variance. */
interface VarianceSums {
  count: number;
  /** Σβ and Σ(1 - β) (zero forcing: 1 and the error), each summed from its own terms: a difference of nearly equal numbers would lose high CSNRs. */
  kept: number;
  missing: number;
}

function sumsOf(all: Map<number, VarianceSums>, variance: number): VarianceSums {
  let sums = all.get(variance);
  if (sums === undefined) {
    sums = { count: 0, kept: 0, missing: 0 };
    all.set(variance, sums);
  }
  return sums;
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
