import type { Tensor } from '@semcast/core';
import { z } from 'zod';
import type { SamplerPart, SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { addNoise, combine } from '../images.js';
import { firstStepSize, gradientOf, inverseCurvature, type Objective } from '../objective.js';
import { denoiserCost, guidanceScaleOption, lateSigmas, lateStartOptions } from '../options.js';
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
    .describe(
      "evaluations of the encoder's gradient at a level: one to measure the curvature, one for each Langevin step",
    ),
  stepSize: z
    .number()
    .min(0.0001)
    .max(1)
    .default(0.001)
    .describe('Langevin step in units of the inverse curvature; a larger one mixes faster and adds spread'),
  guidanceScale: guidanceScaleOption(2.5),
});

type Options = z.output<typeof optionsSchema>;

/**
 * The authors' `configs/sampler/edm_daps.yaml` and `configs/task/phase_retrieval.yaml` (DAPS-1K): 200 levels of σ from 100 to
 * 0.1 with ρ = 7, an ODE of 5 steps at each, then 100 Langevin steps on r = σ.
 *
 * Their Langevin steps are short, 5e-5 falling to 1 % of it. The inverse curvature here is 0.16 at most at 5 dB, of which
 * 0.0003 is as long.
 */
const published = {
  steps: 200,
  schedule: 'karras',
  startSigma: 100,
  sigmaMin: 0.1,
  odeSteps: 5,
  innerSteps: 101,
  stepSize: 0.0003,
  guidanceScale: 0,
} as const satisfies z.input<typeof optionsSchema>;

/**
 * DAPS: at each σ a short ODE to x̂0, Langevin steps on p(x0 | x_t, y) ∝ exp(-‖y - A(x0)‖²/N0 - ‖x0 - x̂0‖²/(2r²)), and
 * fresh noise of the next level on what they end at. Consecutive states are tied by x0 alone, so errors of early steps
 * can be undone.
 *
 * Zhang, Chu, Berner, Meng, Anandkumar, Song 2024 ("Improving diffusion inverse problem solving with decoupled noise
 * annealing", arXiv 2407.01521), Algorithm 1, with their r = σ.
 */
function* create(context: SamplerContext, options: Options): SamplerRun {
  const { observation, random } = context;
  const ask = new Evaluator(context, options);
  const sigmas = lateSigmas(context, options);
  let x = addNoise(observation.xJ, sigmas[0]!, random);
  for (const { sigma, next } of ask.over(sigmas)) {
    const centre = yield* solveToZero(ask, x, sigma, options, context);
    const sample = yield* langevin(ask, { centre, radius: sigma, observation }, options, context);
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
 * Langevin steps x ← x - λ∇f + √(2λ)·n on an objective f (Song, Ermon 2019, eq. 4, with λ their ε/2), from its centre.
 * One evaluation, beside it, measures the curvature that sets λ.
 */
function* langevin(
  ask: Evaluator,
  objective: Objective,
  { innerSteps, stepSize }: Options,
  { random }: SamplerContext,
): SamplerPart<Tensor> {
  const { centre, radius } = objective;
  let x = centre;
  let gradient = yield* gradientOf(ask, x, objective);
  const beside = combine(1, x, -firstStepSize(gradient, radius), gradient);
  const curved = inverseCurvature(beside, x, yield* gradientOf(ask, beside, objective), gradient);
  const lambda = stepSize * Math.min(curved, radius ** 2);
  for (let evaluations = 2; ; evaluations++) {
    x = addNoise(combine(1, x, -lambda, gradient), Math.sqrt(2 * lambda), random);
    if (evaluations === innerSteps) {
      return x;
    }
    gradient = yield* gradientOf(ask, x, objective);
  }
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
