import type { RandomSource, Tensor } from '@semcast/core';
import type { SamplerPart } from './evaluation.js';
import type { Denoise } from './evaluator.js';
import { addNoise, combine, noiseLike, rms } from './images.js';

/** One step of an unguided solver, from σ to a smaller σ' above 0. */
export interface SolverStep {
  readonly x: Tensor;
  /** x̂0 = D(x; σ), which every solver needs first, already evaluated. */
  readonly x0: Tensor;
  readonly sigma: number;
  /** σ', below σ. */
  readonly next: number;
  readonly denoise: Denoise;
  readonly random: RandomSource;
}

/** How x at σ becomes x' at σ'. All in terms of x0 + σn (VE); a VP state is x/√(1+σ²). */
export interface Solver {
  /** Denoiser evaluations in a step, x̂0 included. */
  readonly evaluations: number;
  step(step: SolverStep): SamplerPart<Tensor>;
}

/**
 * Euler on the probability-flow ODE dx/dσ = (x - D(x; σ))/σ, which is DDIM without noise:
 * x' = x̂0 + (σ'/σ)(x - x̂0).
 *
 * Karras et al. 2022, eq. 4 with Algorithm 1's line 6; Song, Meng, Ermon 2021 (DDIM), eq. 12 with σ_t = 0.
 */
const euler: Solver = {
  evaluations: 1,
  // oxlint-disable-next-line require-yield -- the solvers share one signature
  *step({ x, x0, sigma, next }) {
    return combine(next / sigma, x, 1 - next / sigma, x0);
  },
};

/** Heun's method on the same ODE: the slope averaged over both ends of the step. Karras et al. 2022, Algorithm 1. */
const heun: Solver = {
  evaluations: 2,
  *step({ x, x0, sigma, next, denoise }) {
    const slope = slopeOf(x, x0, sigma);
    const predicted = combine(1, x, next - sigma, slope);
    const slopeAtNext = slopeOf(predicted, yield* denoise(predicted, next), next);
    return combine(1, x, (next - sigma) / 2, combine(1, slope, 1, slopeAtNext));
  },
};

/** The classical fourth-order Runge-Kutta method on the same ODE, in σ. */
const rk4: Solver = {
  evaluations: 4,
  *step({ x, x0, sigma, next, denoise }) {
    const h = next - sigma;
    const middle = sigma + h / 2;
    const k1 = slopeOf(x, x0, sigma);
    const x2 = combine(1, x, h / 2, k1);
    const k2 = slopeOf(x2, yield* denoise(x2, middle), middle);
    const x3 = combine(1, x, h / 2, k2);
    const k3 = slopeOf(x3, yield* denoise(x3, middle), middle);
    const x4 = combine(1, x, h, k3);
    const k4 = slopeOf(x4, yield* denoise(x4, next), next);
    return combine(1, x, h / 6, combine(1, combine(1, k1, 1, k4), 2, combine(1, k2, 1, k3)));
  },
};

/**
 * Ancestral sampling: x' ~ q(x_σ' | x_σ, x0 = x̂0) = N(x̂0 + (σ'²/σ²)(x - x̂0), σ'²(σ² - σ'²)/σ²).
 *
 * The same for the VE and the VP chain: in terms of x = x_VP·√(1+σ²) it is DDPM's with the smaller of its two
 * variances, β̃_t (Ho et al. 2020, eq. 6-7); also Song et al. 2021, appendix F, eq. 47. β̃_t is exact for data that are one
 * point, and too small for any other.
 */
const ancestral: Solver = {
  evaluations: 1,
  // oxlint-disable-next-line require-yield -- the solvers share one signature
  *step({ x, x0, sigma, next, random }) {
    const keep = (next / sigma) ** 2;
    return addNoise(combine(keep, x, 1 - keep, x0), next * Math.sqrt(1 - keep), random);
  },
};

/**
 * Ancestral sampling of the VP chain with DDPM's larger variance, β_t: the same mean, noise of variance
 * (1 + σ'²)(σ² - σ'²)/(1 + σ²) in terms of x0 + σn.
 *
 * Ho et al. 2020, section 3.2: β_t is exact for data of unit variance, so it suits images of a wide prior and large σ.
 */
const ancestralVp: Solver = {
  evaluations: 1,
  // oxlint-disable-next-line require-yield -- the solvers share one signature
  *step({ x, x0, sigma, next, random }) {
    const keep = (next / sigma) ** 2;
    const variance = ((1 + next * next) * (sigma * sigma - next * next)) / (1 + sigma * sigma);
    return addNoise(combine(keep, x, 1 - keep, x0), Math.sqrt(variance), random);
  },
};

/** Ratio of a Langevin step's noise to its drift; Song et al.'s value for VE. */
const CORRECTOR_SNR = 0.16;

/**
 * Predictor-corrector: an ancestral step, then a Langevin step at σ': x' + εs + √(2ε)·n, with the score
 * s = (D(x'; σ') - x')/σ'² and ε = 2(r‖n‖/‖s‖)², norms of this image alone, r = 0.16.
 *
 * Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole 2021, Algorithms 2 and 4.
 */
const predictorCorrector: Solver = {
  evaluations: 2,
  *step(step) {
    const { next, denoise, random } = step;
    const x = yield* ancestral.step(step);
    const score = combine(1 / next ** 2, yield* denoise(x, next), -1 / next ** 2, x);
    const noise = noiseLike(x, random);
    const scoreRms = rms(score);
    const epsilon = scoreRms === 0 ? 0 : 2 * ((CORRECTOR_SNR * rms(noise)) / scoreRms) ** 2;
    return combine(1, x, 1, combine(epsilon, score, Math.sqrt(2 * epsilon), noise));
  },
};

/** dx/dσ = (x - D(x; σ))/σ */
function slopeOf(x: Tensor, x0: Tensor, sigma: number): Tensor {
  return combine(1 / sigma, x, -1 / sigma, x0);
}

/** Every solver. A new one is a constant above and a line here. */
export const solvers = {
  euler,
  heun,
  rk4,
  ancestral,
  'ancestral-vp': ancestralVp,
  'predictor-corrector': predictorCorrector,
} as const satisfies Record<string, Solver>;

export type SolverName = keyof typeof solvers;
export const solverNames = Object.keys(solvers) as [SolverName, ...SolverName[]];
