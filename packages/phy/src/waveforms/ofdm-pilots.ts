import { createFft, exponentialProfile } from '@semcast/core';
import { inverse as inverseOf, Matrix } from 'ml-matrix';

/** Carriers whose symbols are known. */
export interface PilotPattern {
  readonly fftSize: number;
  /** Of the transform, in 0 … fftSize - 1. */
  readonly bins: readonly number[];
  /** What is sent on them, complex, in the order of `bins`. */
  readonly values: Float64Array;
}

/** Taps of unit mean power in all: that of tap l is proportional to e^(-l/decay). */
export interface DelayProfile {
  readonly taps: number;
  readonly decay: number;
}

/** Estimates of the channel that pilots of one OFDM symbol give, at one noise variance. */
export interface TapEstimator {
  /** Ĥ on each bin, complex, from the taps' match. Overwritten by the next call. */
  gains(match: Float64Array): Float64Array;
  /** E|H - Ĥ|² on each bin. */
  readonly errorVariance: Float64Array;
}

/** A pilot's weight in the sum of all that keeps an inverse finite where pilots can't tell taps apart. */
const RIDGE = 1e-12;

/**
 * Estimation of a channel of few taps from pilots Y = X⊙(F·h) + n, n ~ CN(0, N0), F = [e^(-i2πkl/M)] (van de Beek,
 * Edfors, Sandell, Wilson, Börjesson, "On channel estimation in OFDM systems", VTC 1995).
 *
 * With A = F^H diag|X|² F and the match b = F^H X*Y, least squares are ĥ = A⁻¹b, with the error covariance N0·A⁻¹. The
 * LMMSE estimate for taps of CN(0, diag p) is ĥ = (A + N0·diag(1/p))⁻¹ b, with the error covariance N0 times the same
 * inverse. The noise variance is the power of what least squares leave of Y, over the pilots less the taps: unbiased,
 * as that is noise alone where the channel's paths are among the taps.
 */
export class PilotEstimation {
  readonly #pattern: PilotPattern;
  readonly #profile: Float64Array;
  readonly #fft;
  readonly #spectrum: Float64Array;
  /** Σ_k |X_k|²·e^(+i2πkd/M), which is A's entry for each difference d of taps. */
  readonly #correlation: Float64Array;
  readonly #leastSquares: Float64Array;
  /** Pilots less the taps that they determine. */
  readonly #freedom: number;

  constructor(pattern: PilotPattern, profile: DelayProfile) {
    this.#pattern = pattern;
    this.#fft = createFft(pattern.fftSize);
    this.#spectrum = new Float64Array(2 * pattern.fftSize);
    this.#profile = exponentialProfile(profile);
    this.#correlation = this.#match(pattern.values).slice();
    this.#leastSquares = this.#inverse(new Float64Array(profile.taps).fill(1), 0);
    this.#freedom = pattern.bins.length - this.#determinedTaps();
  }

  /** b = F^H X*Y, complex, one a tap. @param received Y, complex, in the order of the pattern's bins */
  match(received: Float64Array): Float64Array {
    return this.#match(received).slice();
  }

  /** The noise variance that so many OFDM symbols show. @param misfit the sum of theirs */
  noiseVariance(misfit: number, symbolCount: number): number {
    return misfit / (symbolCount * this.#freedom);
  }

  /** The power of what least squares leave unexplained: ‖Y - X⊙(F·A⁻¹b)‖². */
  misfit(received: Float64Array, match: Float64Array): number {
    const gains = this.#transform(this.#leastSquares, match);
    const { bins, values } = this.#pattern;
    let misfit = 0;
    for (const [i, bin] of bins.entries()) {
      const [valueI, valueQ] = [values[2 * i]!, values[2 * i + 1]!];
      const [gainI, gainQ] = [gains[2 * bin]!, gains[2 * bin + 1]!];
      misfit +=
        (received[2 * i]! - valueI * gainI + valueQ * gainQ) ** 2 +
        (received[2 * i + 1]! - valueI * gainQ - valueQ * gainI) ** 2;
    }
    return misfit;
  }

  estimator(kind: 'ls' | 'lmmse', noiseVariance: number): TapEstimator {
    const inverse = kind === 'ls' ? this.#leastSquares : this.#inverse(this.#profile, noiseVariance);
    return {
      gains: (match) => this.#transform(inverse, match),
      errorVariance: this.#diagonalOnBins(inverse).map((variance) => variance * noiseVariance),
    };
  }

  /** The first taps of the inverse transform of X*Y. */
  #match(received: Float64Array): Float64Array {
    const { bins, values } = this.#pattern;
    const spectrum = this.#spectrum.fill(0);
    for (const [i, bin] of bins.entries()) {
      const [valueI, valueQ] = [values[2 * i]!, values[2 * i + 1]!];
      const [receivedI, receivedQ] = [received[2 * i]!, received[2 * i + 1]!];
      spectrum[2 * bin] = valueI * receivedI + valueQ * receivedQ;
      spectrum[2 * bin + 1] = valueI * receivedQ - valueQ * receivedI;
    }
    this.#fft.inverse(spectrum);
    return spectrum.subarray(0, 2 * this.#profile.length);
  }

  /** (A + ε·diag(1/p))⁻¹ as P^½·(P^½·A·P^½ + ε)⁻¹·P^½, which takes taps without power. */
  #inverse(profile: Float64Array, noiseVariance: number): Float64Array {
    const taps = profile.length;
    const correlation = this.#correlation;
    const roots = profile.map(Math.sqrt);
    const matrix = new Float64Array(2 * taps ** 2);
    const ridge = Math.max(noiseVariance, RIDGE * correlation[0]!);
    for (let row = 0, i = 0; row < taps; row++) {
      for (let column = 0; column < taps; column++, i += 2) {
        const weight = roots[row]! * roots[column]!;
        const apart = 2 * Math.abs(row - column);
        matrix[i] = weight * correlation[apart]! + (row === column ? ridge : 0);
        matrix[i + 1] = (row < column ? -weight : weight) * correlation[apart + 1]!;
      }
    }
    return inverted(matrix, taps).map((value, i) => value * roots[Math.floor(i / 2 / taps)]! * roots[(i >> 1) % taps]!);
  }

  /** The trace of A⁻¹A, the inverse being that of {@link #inverse}. */
  #determinedTaps(): number {
    const taps = this.#profile.length;
    let trace = 0;
    for (let row = 0, i = 0; row < taps; row++) {
      for (let column = 0; column < taps; column++, i += 2) {
        const apart = 2 * Math.abs(row - column);
        // A of (column, row): the conjugate of (row, column).
        const imaginary = (row < column ? 1 : -1) * this.#correlation[apart + 1]!;
        trace += this.#leastSquares[i]! * this.#correlation[apart]! - this.#leastSquares[i + 1]! * imaginary;
      }
    }
    return trace;
  }

  /** F·(inverse·b) on each bin. */
  #transform(inverse: Float64Array, match: Float64Array): Float64Array {
    const spectrum = this.#spectrum.fill(0);
    for (let row = 0, i = 0; row < match.length; row += 2) {
      let [sumI, sumQ] = [0, 0];
      for (let column = 0; column < match.length; column += 2, i += 2) {
        sumI += inverse[i]! * match[column]! - inverse[i + 1]! * match[column + 1]!;
        sumQ += inverse[i]! * match[column + 1]! + inverse[i + 1]! * match[column]!;
      }
      spectrum[row] = sumI;
      spectrum[row + 1] = sumQ;
    }
    this.#fft.forward(spectrum);
    return spectrum;
  }

  /** The diagonal of F·inverse·F^H: the transform of the sums along the inverse's diagonals. */
  #diagonalOnBins(inverse: Float64Array): Float64Array {
    const taps = this.#profile.length;
    const { fftSize } = this.#pattern;
    const spectrum = this.#spectrum.fill(0);
    for (let row = 0, i = 0; row < taps; row++) {
      for (let column = 0; column < taps; column++, i += 2) {
        const apart = 2 * ((row - column + fftSize) % fftSize);
        spectrum[apart]! += inverse[i]!;
        spectrum[apart + 1]! += inverse[i + 1]!;
      }
    }
    this.#fft.forward(spectrum);
    return Float64Array.from({ length: fftSize }, (_, bin) => Math.max(0, spectrum[2 * bin]!));
  }
}

/** The inverse of a complex matrix [n, n], interleaved I, Q: that of the real one [[Re, -Im], [Im, Re]]. */
function inverted(matrix: Float64Array, n: number): Float64Array {
  const real = Matrix.zeros(2 * n, 2 * n);
  for (let row = 0, i = 0; row < n; row++) {
    for (let column = 0; column < n; column++, i += 2) {
      real.set(row, column, matrix[i]!);
      real.set(n + row, n + column, matrix[i]!);
      real.set(row, n + column, -matrix[i + 1]!);
      real.set(n + row, column, matrix[i + 1]!);
    }
  }
  const result = inverseOf(real);
  return Float64Array.from({ length: 2 * n * n }, (_, i) =>
    result.get(Math.floor(i / 2 / n) + (i % 2) * n, Math.floor(i / 2) % n),
  );
}
