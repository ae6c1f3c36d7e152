import { ArgumentError, complexCount, meanPower, type ComplexVector } from '@semcast/core';
import { inverse, Matrix, solve } from 'ml-matrix';
import { PowerError, ShapeError } from './errors.js';
import { mirrorZeros } from './zeros.js';

/** What is known of the symbols of a codec before any is received: first and second moment of each, over photographs. */
export interface SymbolStatistics {
  /** E[z_k], complex. Not all 0: it is the only reference of phase that there is without pilots. */
  readonly mean: ComplexVector;
  /** E|z_k - E[z_k]|², above 0. */
  readonly variance: Float64Array;
}

/** How the unknown taps h_l act on symbol k: its gain is H(c_k) = Σ_l h_l·e^{-j2π·c_k·l/M}. */
export interface TapModel {
  /** M, the size of the FFT; 1 where there is a single gain. */
  readonly fftSize: number;
  /** c_k, the carrier of each symbol, from 0 to M - 1. */
  readonly carriers: Uint16Array;
  /** E|h_l|² of each tap. */
  readonly powers: readonly number[];
}

/** Taps, and what they make of each symbol. */
export interface TapFit {
  /** ĥ_l, complex. */
  readonly taps: ComplexVector;
  /** H(c_k) of each symbol. */
  readonly h: ComplexVector;
}

/** A channel as it was estimated. */
export interface TapEstimate extends TapFit {
  /** N0 per complex symbol. */
  readonly noiseVariance: number;
  /** E|h - ĥ|² of a symbol's gain, by the Fisher information: the least that any unbiased estimate has. */
  readonly errorVariance: number;
}

const MAX_ITERATIONS = 40;

/** Scoring steps after which starts are compared; only the best of them goes on. */
const TRIAL_ITERATIONS = 3;

/** Zeros of more taps than these are left where they are: each costs {@link TRIAL_ITERATIONS}. */
const MAX_MIRRORED_TAPS = 16;

/** A step that gains less log-likelihood than this tells nothing: parameters move by a tenth of their own error. */
const LEAST_GAIN = 0.005;

/** N0 is looked for above this share of the received power: 60 dB below it. */
const LEAST_NOISE = 1e-6;

/**
 * Estimate the taps of a channel and N0 from the codec's symbols alone: no pilots are needed.
 *
 * A codec's symbols are neither of mean 0 nor all of one power: a part of the power is a constant, which is an implicit
 * pilot, and variances differ from channel to channel of the latent (docs/definitions.md has those of `natural`). Under
 * y_k = H(c_k)·z_k + n_k with z_k ~ CN(m_k, v_k), n_k ~ CN(0, N0) and h_l ~ CN(0, p_l), this maximises
 *
 *     -Σ_k (ln s_k + |y_k - H(c_k)·m_k|²/s_k) - Σ_l |h_l|²/p_l,     s_k = |H(c_k)|²·v_k + N0,
 *
 * over h and N0 by Fisher scoring (Kay, "Fundamentals of Statistical Signal Processing: Estimation Theory", 1993,
 * sections 7.7 and 15.7, the information matrix of eq. 15.52), from the linear MMSE estimate that takes m for pilots.
 *
 * Variances tell of h no more than |H(c)|, which stays the same when a zero of Σ_l h_l·x^l moves to its mirror at the
 * unit circle; only the means tell such channels apart. Each is a maximum of its own, so zeros are mirrored one by one as
 * long as that makes the symbols likelier.
 *
 * Symbols of photographs are no Gaussian variables, independent of each other; that makes the estimate less than efficient.
 *
 * @param y one complex value a symbol
 * @throws ShapeError when y, moments and carriers aren't those of as many symbols
 * @throws ArgumentError when every mean is 0, or a variance or power isn't above 0
 * @throws PowerError when y has no power, or isn't finite
 */
export function estimateBlindly(
  y: ComplexVector,
  { mean, variance }: SymbolStatistics,
  { fftSize, carriers, powers }: TapModel,
): TapEstimate {
  const count = complexCount(y);
  if (mean.length !== y.length || variance.length !== count || carriers.length !== count) {
    throw new ShapeError(
      `${count} symbols can't have ${mean.length / 2} means, ${variance.length} variances and ${carriers.length} carriers`,
    );
  }
  if (!(meanPower(mean) > 0) || variance.some((v) => !(v > 0)) || powers.some((p) => !(p > 0)) || powers.length === 0) {
    throw new ArgumentError('blind estimation takes means that are not all 0, and variances and tap powers above 0');
  }
  const power = meanPower(y);
  if (!(power > 0 && power < Infinity)) {
    throw new PowerError(`nothing can be estimated from ${count} symbols of mean power ${power}`);
  }
  const problem = { y, mean, variance, carriers, power, powers, rows: carrierRows(fftSize, powers.length) };
  const best = withBestZeros(problem, climb(problem, pointAt(problem, startOf(problem)), MAX_ITERATIONS));
  return {
    ...fitOf(problem, best.parameters),
    noiseVariance: best.noiseVariance,
    errorVariance: meanErrorVariance(problem, best),
  };
}

/**
 * Fit the taps of a channel to symbols that are known, the linear MMSE estimate under h_l ~ CN(0, p_l):
 *
 *     ĥ = Λ⁻¹·Σ_k f_k·z_k*·y_k/N,     Λ = diag(1/p) + Σ_k |z_k|²·f_k·f_k^H/N,     f_k = [e^{+j2π·c_k·l/M}]_l
 *
 * (Kay, "Fundamentals of Statistical Signal Processing: Estimation Theory", 1993, section 12.6).
 *
 * @param y one complex value a symbol
 * @param known z, as many complex values
 * @param noiseVariance N, of y_k - H(c_k)·z_k: the noise, and the error of z where that is an estimate
 * @throws ShapeError when y, z and carriers aren't those of as many symbols
 * @throws ArgumentError when N or a tap's power isn't above 0
 */
export function fitTaps(y: ComplexVector, known: ComplexVector, noiseVariance: number, model: TapModel): TapFit {
  const count = complexCount(y);
  if (known.length !== y.length || model.carriers.length !== count) {
    throw new ShapeError(
      `${count} symbols can't have ${known.length / 2} values and ${model.carriers.length} carriers`,
    );
  }
  if (!(noiseVariance > 0) || model.powers.some((p) => !(p > 0)) || model.powers.length === 0) {
    throw new ArgumentError('a fit of taps takes a variance of the noise and tap powers above 0');
  }
  const basis = { ...model, rows: carrierRows(model.fftSize, model.powers.length) };
  return fitOf(basis, linearFit(y, known, noiseVariance, basis));
}

/**
 * What taps do to each symbol.
 *
 * @param taps h_l, complex, as many as the model has powers
 * @returns H(c_k) of each symbol
 */
export function gainsOfTaps(taps: ComplexVector, { fftSize, carriers, powers }: TapModel): ComplexVector {
  return onCarriers(responseOf(carrierRows(fftSize, powers.length), partsOf(taps)), carriers);
}

/** Complex taps as [Re h_0 … Re h_(L-1), Im h_0 … Im h_(L-1)]. */
function partsOf(taps: ArrayLike<number>): Float64Array {
  const count = taps.length / 2;
  return Float64Array.from({ length: taps.length }, (_, i) => taps[2 * (i % count) + Math.floor(i / count)]!);
}

/** The same back; parameters beyond those of the taps aren't looked at. */
function tapsIn(parameters: Float64Array, count: number): Float64Array {
  return Float64Array.from({ length: 2 * count }, (_, i) => parameters[Math.floor(i / 2) + (i % 2) * count]!);
}

/** How taps act on carriers, as linear forms. */
interface Basis extends Pick<TapModel, 'carriers' | 'powers'> {
  readonly rows: readonly CarrierRows[];
}

interface Problem extends SymbolStatistics, Basis {
  readonly y: ComplexVector;
  /** mean|y_k|² */
  readonly power: number;
}

/** Re H(c) and Im H(c) as linear forms of [Re h_0 … Re h_(L-1), Im h_0 … Im h_(L-1)]. */
interface CarrierRows {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

interface Point {
  /** [Re h_0 … Re h_(L-1), Im h_0 … Im h_(L-1), ln N0] */
  readonly parameters: Float64Array;
  readonly noiseVariance: number;
  /** H of each carrier, complex. */
  readonly response: Float64Array;
  /** The negative logarithm of the posterior density, but for a constant. */
  readonly cost: number;
}

function carrierRows(fftSize: number, taps: number): CarrierRows[] {
  return Array.from({ length: fftSize }, (_, c) => {
    const [re, im] = [new Float64Array(2 * taps), new Float64Array(2 * taps)];
    for (let l = 0; l < taps; l++) {
      const angle = (-2 * Math.PI * ((c * l) % fftSize)) / fftSize;
      re[l] = im[taps + l] = Math.cos(angle);
      im[l] = Math.sin(angle);
      re[taps + l] = -im[l]!;
    }
    return { re, im };
  });
}

/** Normal equations of a quadratic form in H of each carrier, as one in the taps (and ln N0, in the last place). */
class NormalEquations {
  /** Rows one after the other, of which the lower triangle is filled. */
  readonly #values: Float64Array;
  readonly right: Float64Array;

  /** Begins with what is known before: h_l ~ CN(0, p_l), at the given taps. */
  constructor(powers: readonly number[], taps: Float64Array) {
    const size = 2 * powers.length + 1;
    this.#values = new Float64Array(size * size);
    this.right = new Float64Array(size);
    for (let i = 0; i < size - 1; i++) {
      const p = powers[i % powers.length]!;
      this.#values[i * size + i] = 2 / p;
      this.right[i] = (-2 / p) * taps[i]!;
    }
    this.#values[size * size - 1] = 1;
  }

  /** One carrier: `curve` is [a, b, c] of the form a·Re² + 2b·Re·Im + c·Im², `slope` its right side, `cross` that with ln N0. */
  add({ re, im }: CarrierRows, curve: readonly number[], slope: readonly number[], cross: readonly number[]): void {
    const [size, values] = [this.right.length, this.#values];
    const last = size - 1;
    const [reRe, reIm, imIm] = [curve[0]!, curve[1]!, curve[2]!];
    for (let i = 0; i < last; i++) {
      const [fromRe, fromIm] = [reRe * re[i]! + reIm * im[i]!, reIm * re[i]! + imIm * im[i]!];
      for (let j = 0; j <= i; j++) {
        values[i * size + j]! += fromRe * re[j]! + fromIm * im[j]!;
      }
      values[last * size + i]! += cross[0]! * re[i]! + cross[1]! * im[i]!;
      this.right[i]! += slope[0]! * re[i]! + slope[1]! * im[i]!;
    }
  }

  /** The curve by ln N0, beside the 1 that keeps steps of it short where symbols tell nothing of it, and the right side. */
  addNoise(curve: number, slope: number): void {
    this.#values[this.#values.length - 1]! += curve;
    this.right[this.right.length - 1]! += slope;
  }

  get matrix(): Matrix {
    const size = this.right.length;
    const matrix = new Matrix(size, size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        matrix.set(i, j, this.#values[i * size + j]!);
        matrix.set(j, i, this.#values[i * size + j]!);
      }
    }
    return matrix;
  }

  solution(): number[] {
    return solve(this.matrix, Matrix.columnVector(this.right)).to1DArray();
  }
}

/** The taps by linear MMSE with m for pilots and all of the power for noise; then all that they leave of it for noise. */
function startOf({ y, mean, power, ...basis }: Problem): Float64Array {
  const parameters = linearFit(y, mean, power, basis);
  const explained = parameters.reduce((sum, value) => sum + value * value, 0);
  parameters[parameters.length - 1] = Math.log(Math.max(power - explained, 0.1 * power));
  return parameters;
}

/** The parameters of the taps by linear MMSE with known symbols; the last one, of the noise, is 0. */
function linearFit(
  y: ComplexVector,
  known: ComplexVector,
  noiseVariance: number,
  { carriers, powers, rows }: Basis,
): Float64Array {
  const [weights, slopes] = [new Float64Array(rows.length), new Float64Array(2 * rows.length)];
  for (const [k, c] of carriers.entries()) {
    const [yI, yQ, zI, zQ] = [y[2 * k]!, y[2 * k + 1]!, known[2 * k]!, known[2 * k + 1]!];
    weights[c]! += (2 * (zI * zI + zQ * zQ)) / noiseVariance;
    slopes[2 * c]! += (2 * (yI * zI + yQ * zQ)) / noiseVariance;
    slopes[2 * c + 1]! += (2 * (yQ * zI - yI * zQ)) / noiseVariance;
  }
  const equations = new NormalEquations(powers, new Float64Array(2 * powers.length));
  for (const [c, row] of rows.entries()) {
    equations.add(row, [weights[c]!, 0, weights[c]!], [slopes[2 * c]!, slopes[2 * c + 1]!], [0, 0]);
  }
  return Float64Array.from(equations.solution());
}

/** H of each carrier, complex; parameters beyond those of the taps aren't looked at. */
function responseOf(rows: readonly CarrierRows[], parameters: Float64Array): Float64Array {
  const response = new Float64Array(2 * rows.length);
  for (const [c, { re, im }] of rows.entries()) {
    response[2 * c] = re.reduce((sum, value, i) => sum + value * parameters[i]!, 0);
    response[2 * c + 1] = im.reduce((sum, value, i) => sum + value * parameters[i]!, 0);
  }
  return response;
}

function onCarriers(response: Float64Array, carriers: Uint16Array): ComplexVector {
  const h = new Float32Array(2 * carriers.length);
  for (const [k, c] of carriers.entries()) {
    h[2 * k] = response[2 * c]!;
    h[2 * k + 1] = response[2 * c + 1]!;
  }
  return h;
}

function fitOf({ rows, carriers, powers }: Basis, parameters: Float64Array): TapFit {
  return {
    taps: Float32Array.from(tapsIn(parameters, powers.length)),
    h: onCarriers(responseOf(rows, parameters), carriers),
  };
}

function pointAt({ y, mean, variance, carriers, powers, rows }: Problem, parameters: Float64Array): Point {
  const response = responseOf(rows, parameters);
  const noiseVariance = Math.exp(parameters.at(-1)!);
  let cost = powers.reduce((sum, p, l) => sum + (parameters[l]! ** 2 + parameters[powers.length + l]! ** 2) / p, 0);
  for (const [k, c] of carriers.entries()) {
    const [hI, hQ, mI, mQ] = [response[2 * c]!, response[2 * c + 1]!, mean[2 * k]!, mean[2 * k + 1]!];
    const s = (hI * hI + hQ * hQ) * variance[k]! + noiseVariance;
    const errorI = y[2 * k]! - (hI * mI - hQ * mQ);
    const errorQ = y[2 * k + 1]! - (hI * mQ + hQ * mI);
    cost += Math.log(s) + (errorI * errorI + errorQ * errorQ) / s;
  }
  return { parameters, noiseVariance, response, cost };
}

/** Scoring steps until one gains next to nothing, so many at most. */
function climb(problem: Problem, from: Point, iterations: number): Point {
  let best = from;
  for (let i = 0; i < iterations; i++) {
    const next = betterPoint(problem, best);
    if (next === null) {
      break;
    }
    const gain = best.cost - next.cost;
    best = next;
    if (gain < LEAST_GAIN) {
      break;
    }
  }
  return best;
}

/** The best maximum that is found by mirroring zeros of the channel, one in each round. */
function withBestZeros(problem: Problem, start: Point): Point {
  const { powers } = problem;
  let best = start;
  for (let round = 1; round < powers.length && powers.length <= MAX_MIRRORED_TAPS; round++) {
    const trials = mirrorZeros(tapsIn(best.parameters, powers.length)).map((taps) => {
      const mirrored = pointAt(problem, Float64Array.of(...partsOf(taps), best.parameters.at(-1)!));
      return climb(problem, inPhase(problem, mirrored), TRIAL_ITERATIONS);
    });
    const next = climb(problem, likeliest(best, ...trials), MAX_ITERATIONS);
    if (!(best.cost - next.cost > LEAST_GAIN)) {
      break;
    }
    best = next;
  }
  return best;
}

/** The same taps with the common phase at which the means explain most: that of Σ_k (H(c_k)·m_k)*·y_k/s_k. */
function inPhase(problem: Problem, { parameters, noiseVariance, response }: Point): Point {
  const { y, mean, variance, carriers, powers } = problem;
  let [re, im] = [0, 0];
  for (const [k, c] of carriers.entries()) {
    const [hI, hQ, mI, mQ] = [response[2 * c]!, response[2 * c + 1]!, mean[2 * k]!, mean[2 * k + 1]!];
    const s = (hI * hI + hQ * hQ) * variance[k]! + noiseVariance;
    const [pI, pQ] = [hI * mI - hQ * mQ, hI * mQ + hQ * mI];
    re += (pI * y[2 * k]! + pQ * y[2 * k + 1]!) / s;
    im += (pI * y[2 * k + 1]! - pQ * y[2 * k]!) / s;
  }
  const [size, count] = [Math.hypot(re, im), powers.length];
  const [cos, sin] = size > 0 ? [re / size, im / size] : [1, 0];
  const turned = parameters.slice();
  for (let l = 0; l < count; l++) {
    turned[l] = cos * parameters[l]! - sin * parameters[count + l]!;
    turned[count + l] = sin * parameters[l]! + cos * parameters[count + l]!;
  }
  return pointAt(problem, turned);
}

function likeliest(...points: readonly Point[]): Point {
  return points.reduce((a, b) => (b.cost < a.cost ? b : a));
}

/** A point of lower cost along the scoring step, which is halved until there is one; null where there is none. */
function betterPoint(problem: Problem, from: Point): Point | null {
  const step = equationsAt(problem, from).solution();
  const last = step.length - 1;
  for (let length = 1; length > 1e-3; length /= 2) {
    const parameters = from.parameters.map((value, i) => value + length * step[i]!);
    const change = Math.min(Math.max(length * step[last]!, -1), 1);
    parameters[last] = Math.max(Math.log(LEAST_NOISE * problem.power), from.parameters[last]! + change);
    const point = pointAt(problem, parameters);
    if (point.cost < from.cost) {
      return point;
    }
  }
  return null;
}

/** Of the gains, over the rows of all carriers. */
function meanErrorVariance(problem: Problem, at: Point): number {
  const covariance = inverse(equationsAt(problem, at).matrix);
  const varianceOf = (row: Float64Array): number => {
    const column = Matrix.columnVector([...row, 0]);
    return column.transpose().mmul(covariance).mmul(column).get(0, 0);
  };
  return problem.rows.reduce((sum, { re, im }) => sum + varianceOf(re) + varianceOf(im), 0) / problem.rows.length;
}

/** The scoring step's: I·step = -∇, I the Fisher information of h and ln N0 and ∇ the cost's gradient. */
function equationsAt({ y, mean, variance, carriers, powers, rows }: Problem, at: Point): NormalEquations {
  const { response, noiseVariance, parameters } = at;
  // Sums over the symbols of a carrier: the cost's derivative by Re H and Im H, and |m|²/s, (v/s)² and v/s².
  const slopes = new Float64Array(2 * rows.length);
  const sums = new Float64Array(3 * rows.length);
  const equations = new NormalEquations(powers, parameters);
  for (const [k, c] of carriers.entries()) {
    const [hI, hQ, mI, mQ] = [response[2 * c]!, response[2 * c + 1]!, mean[2 * k]!, mean[2 * k + 1]!];
    const v = variance[k]!;
    const s = (hI * hI + hQ * hQ) * v + noiseVariance;
    const errorI = y[2 * k]! - (hI * mI - hQ * mQ);
    const errorQ = y[2 * k + 1]! - (hI * mQ + hQ * mI);
    const byS = (1 - (errorI * errorI + errorQ * errorQ) / s) / s;
    slopes[2 * c]! += 2 * (byS * v * hI - (errorI * mI + errorQ * mQ) / s);
    slopes[2 * c + 1]! += 2 * (byS * v * hQ - (errorQ * mI - errorI * mQ) / s);
    sums[3 * c]! += (mI * mI + mQ * mQ) / s;
    sums[3 * c + 1]! += (v / s) ** 2;
    sums[3 * c + 2]! += v / s ** 2;
    equations.addNoise((noiseVariance / s) ** 2, -noiseVariance * byS);
  }
  for (const [c, row] of rows.entries()) {
    const [hI, hQ] = [response[2 * c]!, response[2 * c + 1]!];
    const [means, squares, mixed] = [2 * sums[3 * c]!, 4 * sums[3 * c + 1]!, 2 * noiseVariance * sums[3 * c + 2]!];
    const curve = [means + squares * hI * hI, squares * hI * hQ, means + squares * hQ * hQ];
    equations.add(row, curve, [-slopes[2 * c]!, -slopes[2 * c + 1]!], [mixed * hI, mixed * hQ]);
  }
  return equations;
}
