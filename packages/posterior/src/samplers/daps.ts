import type { Tensor } from '@semcast/core';
import { z } from 'zod';
import type { SamplerPart, SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { addNoise, combine } from '../images.js';
import { deviationAt, firstStepSize, gradientOf, inverseCurvature, type Objective } from '../objective.js';
import { denoiserCost, guidanceScaleOption, lateSigmas, lateStartOptions, trustOptions } from '../options.js';
import type { Sampler } from '../sampler.js';
import { karras } from '../schedules.js';
import { solvers } from '../solvers.js';

const optionsSchema = z.strictObject({
  ...lateStartOptions({ steps: 6, sigmaMin: 0.02, startFactor: 4 }),
  odeSteps: z.int().min(1).max(20).default(1).describe('Euler steps from the noisy state to a clean picture'),
  innerSteps: z
    .int()
    .min(2)
    .max(200)
    .default(4)
    .describe("Langevin steps, each an evaluation of the encoder's gradient"),
  stepSize: z
    .number()
    .min(0.01)
    .max(1)
    .default(0.3)
    .describe('Langevin step in units of the inverse curvature; a larger one mixes faster and adds spread'),
  ...trustOptions(0.5, 0.2),
  errorSlope: z
    .number()
    .min(0.01)
    .max(10)
    .default(0.1)
    .describe("the denoiser's RMSE at small sigma, in units of sigma: the spread that Langevin steps maintain"),
  errorLimit: z
    .number()
    .min(0.001)
    .max(1000)
    .default(0.05)
    .describe("the denoiser's RMSE at large sigma, in units of pixels in [-1, 1]"),
  guidanceScale: guidanceScaleOption(2.5),
});

type Options = z.output<typeof optionsSchema>;

/**
 * The authors' `configs/sampler/edm_daps.yaml` and `configs/task/phase_retrieval.yaml` (DAPS-1K): 200 levels of σ from 100 to
 * 0.1 with ρ = 7, an ODE of 5 steps at each, then 100 Langevin steps on r = σ.
 *
 * Their steps are short, 5e-5 falling to 1 % of it: where y says nothing, 100 of them spread a picture by no more than
 * √(2·100·5e-5) = 0.1, which is the limit of the spread here.
 */
const published = {
  steps: 200,
  schedule: 'karras',
  startSigma: 100,
  sigmaMin: 0.1,
  odeSteps: 5,
  innerSteps: 100,
  trustSlope: 1,
  trustLimit: 1000,
  errorSlope: 1,
  errorLimit: 0.1,
  guidanceScale: 0,
} as const satisfies z.input<typeof optionsSchema>;

/**
 * DAPS: at each σ a short ODE to x̂0, Langevin steps on p(x0 | x_t, y) ∝ exp(-‖y - A(x0)‖²/N0 - ‖x0 - x̂0‖²/(2r²)), and
 * fresh noise of the next level on what they end at. Consecutive states are tied by x0 alone, so errors of early steps
 * can be undone.
 *
 * Zhang, Chu, Berner, Meng, Anandkumar, Song 2024 ("Improving diffusion inverse problem solving with decoupled noise
 * annealing", arXiv 2407.01521), Algorithm 1, but for the temperature of the Langevin steps: see `langevin`.
 */
function* create(context: SamplerContext, options: Options): SamplerRun {
  const { observation, random } = context;
  const ask = new Evaluator(context, options);
  const sigmas = lateSigmas(context, options);
  let x = addNoise(observation.xJ, sigmas[0]!, random);
  for (const { sigma, next } of ask.over(sigmas)) {
    const centre = yield* solveToZero(ask, x, sigma, options, context);
    const radius = deviationAt(sigma, options.trustSlope, options.trustLimit);
    const spread = deviationAt(sigma, options.errorSlope, options.errorLimit);
    const sample = yield* langevin(ask, { centre, radius, observation }, spread, options, context);
    x = addNoise(sample, next, random);
  }
  return yield* ask.lastStep(x, sigmas);
}

/** The probability-flow ODE from σ down, by Euler, ended with x̂0. */
function* solveToZero(
  ask: Evaluator,
  start: Tensor,
  sigma: number,
  { odeSteps, sigmaMin }: Options,
  { random }: SamplerContext,
): SamplerPart<Tensor> {
  const sigmas =
    odeSteps === 1 ? [sigma] : karras({ steps: odeSteps, sigmaMax: sigma, sigmaMin: Math.min(sigmaMin, sigma / 2) });
  let x = start;
  let x0 = yield* ask.denoise(x, sigma);
  for (let i = 0; i + 1 < sigmas.length; i++) {
    const next = sigmas[i + 1]!;
    x = yield* solvers.euler.step({ x, x0, sigma: sigmas[i]!, next, denoise: ask.denoise, random });
    x0 = yield* ask.denoise(x, next);
  }
  return x0;
}

/**
 * Langevin steps x ← x - λ∇f + √(2λT)·n on an objective f (Song, Ermon 2019, eq. 4, with λ their ε/2 and T = 1).
 *
 * At temperature 1 the steps maintain noise of deviation r in every direction that y doesn't measure. Most
 * directions are of that kind, and in those an image is known far better than to within r (see `trustOptions`): at a
 * few dB the noise would drown the picture before the measurement is fitted. So T = (spread/r)², which keeps the
 * spread of those directions at the denoiser's own error; where spread and r are equal, nothing changes.
 *
 * The chain starts with that spread around x̂0, so that only what y does say has to mix. The first step is a plain
 * descent: from it comes the curvature that sets λ.
 */
function* langevin(
  ask: Evaluator,
  objective: Objective,
  spread: number,
  { innerSteps, stepSize }: Options,
  { random }: SamplerContext,
): SamplerPart<Tensor> {
  const { centre, radius } = objective;
  const start = addNoise(centre, spread, random);
  const startGradient = yield* gradientOf(ask, start, objective);
  let x = combine(1, start, -firstStepSize(startGradient, radius), startGradient);
  let lambda = 0;
  for (let i = 1; i < innerSteps; i++) {
    const gradient = yield* gradientOf(ask, x, objective);
    lambda ||= stepSize * Math.min(inverseCurvature(x, start, gradient, startGradient), radius ** 2);
    x = addNoise(combine(1, x, -lambda, gradient), (Math.sqrt(2 * lambda) * spread) / radius, random);
  }
  return x;
}

export const daps = {
  name: 'daps',
  summary: 'DAPS: short ODE, Langevin on the received signal, fresh noise; the prior is not differentiated',
  optionsSchema,
  published,
  evaluations: (options: Options) => ({
    denoiser: ((options.steps - 1) * options.odeSteps + 1) * denoiserCost(options),
    encoderVjp: (options.steps - 1) * options.innerSteps,
  }),
  create,
} as const satisfies Sampler<typeof optionsSchema>;
