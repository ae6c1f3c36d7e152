import { ArgumentError, complexCount, type ComplexVector } from '@semcast/core';

/** Q_m, bits of a symbol: QPSK, 16QAM, 64QAM, 256QAM. */
export type ModulationOrder = 2 | 4 | 6 | 8;

/** The name that a modulation goes by. */
export const MODULATION_NAMES: Readonly<Record<ModulationOrder, string>> = {
  2: 'QPSK',
  4: '16QAM',
  6: '64QAM',
  8: '256QAM',
};

/** How LLRs are found: `exact` sums over all points of a constellation, `max-log` takes the nearest of each kind. */
export type DemapperMethod = 'exact' | 'max-log';

/** Symbols as an equaliser gets them: y = h·s + n with n ~ CN(0, noiseVariance), each per symbol. */
export interface ReceivedSymbols {
  readonly y: ComplexVector;
  /** Complex gains; null where all are 1. */
  readonly h: ComplexVector | null;
  /** Noise variance N of each complex symbol. */
  readonly noiseVariance: Float32Array;
}

/** One part (I or Q) of a constellation: amplitudes ±1, ±3, … by the Q_m/2 bits of that part, first bit highest. */
interface Pam {
  /** By label. */
  readonly levels: Float64Array;
  /** What turns levels into parts of symbols of unit mean power. */
  readonly unit: number;
}

/** TS 38.211, clauses 5.1.3 to 5.1.6: (1-2b)·[2^(m-1) - (1-2b')·[2^(m-2) - …]], the innermost bracket being 1. */
function pamOf(order: ModulationOrder): Pam {
  const bits = order / 2;
  const levels = Float64Array.from({ length: 2 ** bits }, (_, label) => {
    let level = 1;
    for (let k = 0; k < bits; k++) {
      const sign = 1 - 2 * ((label >> k) & 1);
      level = k === bits - 1 ? sign * level : 2 ** (k + 1) - sign * level;
    }
    return level;
  });
  return { levels, unit: 1 / Math.sqrt((2 * (4 ** bits - 1)) / 3) };
}

const PAM: Readonly<Record<ModulationOrder, Pam>> = { 2: pamOf(2), 4: pamOf(4), 6: pamOf(6), 8: pamOf(8) };

/**
 * Bits to symbols of unit mean power, with the Gray mapping of TS 38.211, clause 5.1: even bits give I, odd ones Q.
 *
 * @param bits one bit an entry, `order` for each symbol
 * @throws ArgumentError when the bits don't fill whole symbols
 */
export function modulate(bits: Uint8Array, order: ModulationOrder): ComplexVector {
  if (bits.length % order !== 0) {
    throw new ArgumentError(`${bits.length} bits are no whole number of ${MODULATION_NAMES[order]} symbols`);
  }
  const { levels, unit } = PAM[order];
  const symbols = new Float32Array((2 * bits.length) / order);
  for (let part = 0; part < symbols.length; part++) {
    let label = 0;
    for (let bit = (part >> 1) * order + (part & 1), k = 0; k < order; k += 2) {
      label = (label << 1) | bits[bit + k]!;
    }
    symbols[part] = unit * levels[label]!;
  }
  return symbols;
}

/** Where noise is less than this part of a symbol's power, it counts as that: 90 dB, more than any LLR needs. */
const LEAST_NOISE = 1e-9;

/**
 * LLRs log P(b=0|y)/P(b=1|y) of equally likely bits.
 *
 * Gray-mapped QAM separates: with u = Re or Im(h*·y)/|h|² in units of half the distance between neighbours and
 * w = |h|²/N in the same units, the levels a of one part have the metrics w·(u - a)², so that `exact` is
 * log Σ_{a: b=0} e^{-w(u-a)²} - log Σ_{a: b=1} e^{-w(u-a)²} and `max-log` the difference of the least metrics
 * (Tosato, Bisaglia, "Simplified soft-output demapper for binary interleaved COFDM", ICC 2002).
 *
 * @returns `order` values a symbol; 0 where a symbol's gain is 0
 * @throws ArgumentError when y, h and noise variance are not those of as many symbols, or a variance is negative or no number
 */
export function demodulate(
  { y, h, noiseVariance }: ReceivedSymbols,
  order: ModulationOrder,
  method: DemapperMethod = 'exact',
): Float32Array {
  const count = complexCount(y);
  if (noiseVariance.length !== count || (h !== null && h.length !== y.length)) {
    throw new ArgumentError(
      `${count} symbols can't have ${(h ?? y).length / 2} gains and ${noiseVariance.length} variances`,
    );
  }
  const { levels, unit } = PAM[order];
  const half = order / 2;
  const llr = new Float32Array(count * order);
  const metrics = new Float64Array(levels.length);
  for (let k = 0; k < count; k++) {
    const variance = noiseVariance[k]!;
    if (!(variance >= 0)) {
      throw new ArgumentError(`noise can't have the variance ${variance}`);
    }
    const gainI = h === null ? 1 : h[2 * k]!;
    const gainQ = h === null ? 0 : h[2 * k + 1]!;
    const power = gainI * gainI + gainQ * gainQ;
    if (power === 0) {
      continue;
    }
    const toLevels = 1 / (unit * power);
    const partI = (gainI * y[2 * k]! + gainQ * y[2 * k + 1]!) * toLevels;
    const partQ = (gainI * y[2 * k + 1]! - gainQ * y[2 * k]!) * toLevels;
    const weight = (unit * unit * power) / Math.max(variance, LEAST_NOISE * power);
    if (half === 1) {
      llr[2 * k] = 4 * weight * partI;
      llr[2 * k + 1] = 4 * weight * partQ;
      continue;
    }
    demapPart(partI, weight, levels, half, metrics, method, llr, k * order);
    demapPart(partQ, weight, levels, half, metrics, method, llr, k * order + 1);
  }
  return llr;
}

function demapPart(
  part: number,
  weight: number,
  levels: Float64Array,
  bits: number,
  metrics: Float64Array,
  method: DemapperMethod,
  llr: Float32Array,
  offset: number,
): void {
  let least = Infinity;
  for (let label = 0; label < levels.length; label++) {
    const distance = part - levels[label]!;
    const metric = weight * distance * distance;
    metrics[label] = metric;
    least = metric < least ? metric : least;
  }
  for (let bit = 0; bit < bits; bit++) {
    const mask = 1 << (bits - 1 - bit);
    let least0 = Infinity;
    let least1 = Infinity;
    for (let label = 0; label < levels.length; label++) {
      const metric = metrics[label]!;
      if ((label & mask) === 0) {
        least0 = metric < least0 ? metric : least0;
      } else {
        least1 = metric < least1 ? metric : least1;
      }
    }
    let value = least1 - least0;
    if (method === 'exact') {
      let sum0 = 0;
      let sum1 = 0;
      for (let label = 0; label < levels.length; label++) {
        const zero = (label & mask) === 0;
        const excess = metrics[label]! - (zero ? least0 : least1);
        // Beyond 16, e^-x changes no LLR by more than 1e-6.
        if (excess < 16) {
          const term = Math.exp(-excess);
          sum0 += zero ? term : 0;
          sum1 += zero ? 0 : term;
        }
      }
      value += Math.log(sum0 / sum1);
    }
    llr[offset + 2 * bit] = value;
  }
}
