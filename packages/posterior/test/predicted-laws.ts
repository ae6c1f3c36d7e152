import type { Affine, Toy } from './gaussian-toy.js';
import { mapLaw, meanSquare, pointLaw, type Law } from './law.js';
import { add, apply, identity, inverse, multiply, scale, sum, times, transpose, type Matrix } from './matrix.js';

/*
 * What each sampler must do on the toy problem, worked out with matrices instead of pictures.
 *
 * On this problem every step of a sampler is an affine map of each position plus noise, given a few scalars: norms and
 * RMS of gradients over the whole picture. With many positions those scalars are what the law of a position says
 * they are, up to a relative 1/√positions. So mean and covariance can be followed from step to step, and what comes
 * out is the law of the sampler's output, biases and all.
 */

const I = identity(3);

/** x ↦ outer(inner(x)) */
const after = (outer: Affine, inner: Affine): Affine => ({
  matrix: multiply(outer.matrix, inner.matrix),
  offset: add(apply(outer.matrix, inner.offset), outer.offset),
});
/** x ↦ Σ factor·map(x) */
const mixture = (...terms: readonly (readonly [number, Affine])[]): Affine => ({
  matrix: sum(...terms.map(([factor, { matrix }]) => scale(factor, matrix))),
  offset: add(...terms.map(([factor, { offset }]) => times(factor, offset))),
});
const unchanged: Affine = { matrix: I, offset: [0, 0, 0] };

/** The denoiser at a guidance scale. */
function denoiserAt(toy: Toy, sigma: number, guidanceScale: number): Affine {
  return mixture([guidanceScale, toy.denoiser(sigma, true)], [1 - guidanceScale, toy.denoiser(sigma, false)]);
}

/** How x at σ becomes x' at σ' given x̂0: x' = keep·x + (1 - keep)·x̂0 + deviation·n. */
export type Transition = (sigma: number, next: number) => { keep: number; deviation: number };
export const eulerTransition: Transition = (sigma, next) => ({ keep: next / sigma, deviation: 0 });
export const ancestralTransition: Transition = (sigma, next) => {
  const keep = (next / sigma) ** 2;
  return { keep, deviation: next * Math.sqrt(1 - keep) };
};
export const ancestralVpTransition: Transition = (sigma, next) => ({
  keep: (next / sigma) ** 2,
  deviation: Math.sqrt(((1 + next ** 2) * (sigma ** 2 - next ** 2)) / (1 + sigma ** 2)),
});

export interface Push {
  readonly eta: number;
  readonly zeta: number;
  readonly gamma: number;
}

/** diffcom, hifi-diffcom and conditional, with or without a push. */
export function guidedLaw(
  toy: Toy,
  start: Law,
  sigmas: readonly number[],
  options: { transition: Transition; guidanceScale: number; push?: Push },
): Law {
  let law = start;
  for (let i = 0; i + 1 < sigmas.length; i++) {
    const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
    const { keep, deviation } = options.transition(sigma, next);
    const unguided = mixture([keep, unchanged], [1 - keep, denoiserAt(toy, sigma, options.guidanceScale)]);
    const push = options.push === undefined ? [] : [pushOf(toy, law, sigma, next, options.guidanceScale, options.push)];
    law = mapLaw(law, mixture([1, unguided], ...push), deviation);
  }
  return mapLaw(law, denoiserAt(toy, sigmas.at(-1)!, options.guidanceScale));
}

function pushOf(
  toy: Toy,
  law: Law,
  sigma: number,
  next: number,
  guidanceScale: number,
  { eta, zeta, gamma }: Push,
): readonly [number, Affine] {
  const D = toy.denoiser(sigma, guidanceScale !== 0);
  const misfit = after({ matrix: toy.measurement, offset: times(-1, toy.y) }, D);
  const confirm: Affine = {
    matrix: multiply(toy.decoder.matrix, toy.encoder),
    offset: add(toy.decoder.offset, times(-1, toy.posterior.mean)),
  };
  const confirmMisfit = after(confirm, D);
  const norm = Math.sqrt(toy.positions * meanSquare(mapLaw(law, misfit)));
  const confirmNorm = Math.sqrt(toy.positions * meanSquare(mapLaw(law, confirmMisfit)));
  const back = (matrix: Matrix): Affine => ({ matrix: transpose(matrix), offset: [0, 0, 0] });
  const gradient = after(
    back(D.matrix),
    mixture(
      [zeta / norm, after(back(toy.measurement), misfit)],
      [gamma / confirmNorm, after(back(confirm.matrix), confirmMisfit)],
    ),
  );
  return [-eta * Math.sqrt((1 + sigma ** 2) * (1 + next ** 2)), gradient];
}

/** ∇ of ‖y - Gx‖²/N0 + ‖x - x̂0‖²/(2r²) at x, for a given x̂0: P·x - data - x̂0/r². */
function objectiveOf(toy: Toy, radius: number) {
  const data = scale(2 / toy.observation.noiseVariance, transpose(toy.measurement));
  return { curvature: sum(multiply(data, toy.measurement), scale(radius ** -2, I)), data: apply(data, toy.y) };
}

/** DiffPIR whose inner problem is solved exactly. */
export function diffpirLaw(
  toy: Toy,
  start: Law,
  sigmas: readonly number[],
  options: { zeta: number; guidanceScale: number; lambda: number },
): Law {
  let law = start;
  for (let i = 0; i + 1 < sigmas.length; i++) {
    const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
    const radius = sigma / Math.sqrt(options.lambda);
    const { curvature, data } = objectiveOf(toy, radius);
    const fit: Affine = { matrix: scale(radius ** -2, inverse(curvature)), offset: apply(inverse(curvature), data) };
    const fitted = after(fit, denoiserAt(toy, sigma, options.guidanceScale));
    const keep = (Math.sqrt(1 - options.zeta) * next) / sigma;
    law = mapLaw(law, mixture([1 - keep, fitted], [keep, unchanged]), Math.sqrt(options.zeta) * next);
  }
  return mapLaw(law, denoiserAt(toy, sigmas.at(-1)!, options.guidanceScale));
}

/** DAPS, Langevin steps and all. The state of a chain is (x, x̂0), six numbers a position. */
export function dapsLaw(
  toy: Toy,
  start: Law,
  sigmas: readonly number[],
  options: {
    innerSteps: number;
    stepSize: number;
    guidanceScale: number;
    odeSigmas: (sigma: number) => readonly number[];
  },
): Law {
  let law = start;
  for (let i = 0; i + 1 < sigmas.length; i++) {
    const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
    const { curvature, data } = objectiveOf(toy, sigma);
    const centre = mapLaw(law, solveToZero(toy, options.odeSigmas(sigma), options.guidanceScale));
    // ∇ as a map of (x, x̂0).
    const gradient: Affine = {
      matrix: curvature.map((row, k) => row.concat(I[k]!.map((value) => -value / sigma ** 2))),
      offset: times(-1, data),
    };
    const move = (stepSize: number): Affine => ({
      matrix: [
        ...gradient.matrix.map((row, k) => row.map((value, j) => (j === k ? 1 : 0) - stepSize * value)),
        ...identity(6).slice(3),
      ],
      offset: [...times(-stepSize, gradient.offset), 0, 0, 0],
    });
    let chain = mapLaw(centre, { matrix: [...I, ...I], offset: [0, 0, 0, 0, 0, 0] });
    // The curvature along the gradient …
    const firstGradient = mapLaw(chain, gradient);
    const change = mapLaw(firstGradient, { matrix: curvature, offset: [0, 0, 0] });
    const inverseCurvature = Math.sqrt(meanSquare(firstGradient) / meanSquare(change));
    // … sets the Langevin steps.
    const stepSize = options.stepSize * Math.min(inverseCurvature, sigma ** 2);
    for (let k = 1; k < options.innerSteps; k++) {
      chain = spread(mapLaw(chain, move(stepSize)), Math.sqrt(2 * stepSize));
    }
    const keepSample: Affine = { matrix: identity(6).slice(0, 3), offset: [0, 0, 0] };
    law = mapLaw(chain, keepSample, next);
  }
  return mapLaw(law, denoiserAt(toy, sigmas.at(-1)!, options.guidanceScale));
}

/** Noise on x, none on x̂0. */
function spread({ mean, covariance }: Law, deviation: number): Law {
  return {
    mean,
    covariance: covariance.map((row, i) => row.map((value, j) => (i === j && i < 3 ? value + deviation ** 2 : value))),
  };
}

/** Euler steps from σ down, then x̂0. */
function solveToZero(toy: Toy, sigmas: readonly number[], guidanceScale: number): Affine {
  let x = unchanged;
  for (let i = 0; i + 1 < sigmas.length; i++) {
    const keep = sigmas[i + 1]! / sigmas[i]!;
    x = mixture([keep, x], [1 - keep, after(denoiserAt(toy, sigmas[i]!, guidanceScale), x)]);
  }
  return after(denoiserAt(toy, sigmas.at(-1)!, guidanceScale), x);
}

/** x_J + σn */
export const lateStart = (toy: Toy, sigma: number): Law => mapLaw(pointLaw(toy.posterior.mean), unchanged, sigma);
/** σn */
export const noiseStart = (sigma: number): Law => mapLaw(pointLaw([0, 0, 0]), unchanged, sigma);
