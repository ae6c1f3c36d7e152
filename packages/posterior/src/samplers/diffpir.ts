import { z } from 'zod';
import type { SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { addNoise, combine } from '../images.js';
import { minimise } from '../objective.js';
import {
  DDPM_SIGMA_MIN,
  denoiserCost,
  guidanceScaleOption,
  lateSigmas,
  lateStartOptions,
  MAX_SIGMA,
} from '../options.js';
import type { Sampler } from '../sampler.js';

const optionsSchema = z.strictObject({
  ...lateStartOptions({ steps: 8, sigmaMin: 0.02, startFactor: 4 }),
  innerSteps: z.int().min(1).max(100).default(2).describe("evaluations of the encoder's gradient in a step"),
  lambda: z
    .number()
    .min(0.01)
    .max(10_000)
    .default(10)
    .describe('weight of the denoised picture in a fit, which goes about sigma/sqrt(lambda) away from it'),
  zeta: z.number().min(0).max(1).default(0.5).describe('share of fresh noise when noise is added again'),
  guidanceScale: guidanceScaleOption(2.2),
});

type Options = z.output<typeof optionsSchema>;

/**
 * The authors' `main_ddpir_deblur.py`: 100 of DDPM's steps from noise, ζ = 0.3, λ = 7, no guidance.
 *
 * Their data term is of pixels in [0, 1] and their σ̄ of pixels in [-1, 1], so ‖y - A(x)‖² weighs four times as much as the
 * paper's formula says: λ = 7/4 here. The minimum is their closed form; here it takes four steps of descent.
 */
const published = {
  steps: 100,
  schedule: 'ddpm',
  startSigma: MAX_SIGMA,
  sigmaMin: DDPM_SIGMA_MIN,
  innerSteps: 4,
  lambda: 7 / 4,
  zeta: 0.3,
  guidanceScale: 0,
} as const satisfies z.input<typeof optionsSchema>;

/**
 * DiffPIR: x̂0 = D(x; σ); x̂ = argmin ‖y - A(x)‖²/N0 + ‖x - x̂0‖²/(2r²); then noise of the next level is added again,
 * x = x̂ + σ'(√(1-ζ)·ε̂ + √ζ·n), ε̂ = (x - x̂)/σ.
 *
 * Zhu, Zhang, Liang, Cao, Wen, Timofte, Van Gool 2023 ("Denoising diffusion models for plug-and-play image
 * restoration"), Algorithm 1, with A = W_h∘E nonlinear, hence a descent in place of their closed form. r = σ/√λ.
 */
function* create(context: SamplerContext, options: Options): SamplerRun {
  const { observation, random } = context;
  const { zeta, innerSteps, lambda } = options;
  const ask = new Evaluator(context, options);
  const sigmas = lateSigmas(context, options);
  let x = addNoise(observation.xJ, sigmas[0]!, random);
  for (const { sigma, next } of ask.over(sigmas)) {
    const centre = yield* ask.denoise(x, sigma);
    const fitted = yield* minimise(ask, { centre, radius: sigma / Math.sqrt(lambda), observation }, innerSteps);
    ask.show(fitted);
    const keep = (Math.sqrt(1 - zeta) * next) / sigma;
    x = addNoise(combine(1 - keep, fitted, keep, x), Math.sqrt(zeta) * next, random);
  }
  return yield* ask.lastStep(x, sigmas);
}

export const diffpir = {
  name: 'diffpir',
  summary: 'DiffPIR: denoise, fit the received signal nearby, add noise again; the prior is not differentiated',
  optionsSchema,
  published,
  evaluations: (options: Options) => ({
    denoiser: options.steps * denoiserCost(options),
    encoderVjp: (options.steps - 1) * options.innerSteps,
  }),
  create,
} as const satisfies Sampler<typeof optionsSchema>;
