import { z } from 'zod';
import type { SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { pushTowardsMeasurement } from '../guidance.js';
import { addNoise } from '../images.js';
import {
  DDPM_SIGMA_MIN,
  etaOption,
  guidanceScaleOption,
  guidedCounts,
  lateSigmas,
  lateStartOptions,
  solverOption,
} from '../options.js';
import type { Sampler } from '../sampler.js';
import { solvers } from '../solvers.js';

const optionsSchema = z.strictObject({
  ...lateStartOptions({ steps: 8, sigmaMin: 0.03, startFactor: 4 }),
  start: z
    .enum(['rmse', 'published'])
    .default('rmse')
    .describe('first sigma without startSigma: by startFactor, or (1 + CSNR)^(-5/96) as published'),
  solver: solverOption('ancestral'),
  eta: etaOption,
  zeta: z.number().min(0).max(100).default(0.25).describe('weight of the measurement norm in the gradient'),
  gamma: z
    .number()
    .min(0)
    .max(100)
    .default(0.25)
    .describe('weight of the confirming norm, of pixels in [-1, 1], in the gradient'),
  guidanceScale: guidanceScaleOption(2.3),
});

type Options = z.output<typeof optionsSchema>;

/**
 * The authors' `configs/diffcom.yaml`, ζ = γ = 0.25 and a learning rate of 1, from their late start on in single steps of
 * DDPM's chain: 235 of them at 10 dB, and at any other CSNR here too, where they have 252 (0 dB) to 215 (20 dB).
 *
 * Their confirming norm is of pixels in [0, 1], half of ours in [-1, 1]: γ is 0.125 here. Symbols have unit power in
 * both, so ζ is the same.
 */
const published = {
  steps: 235,
  schedule: 'ddpm',
  start: 'published',
  sigmaMin: DDPM_SIGMA_MIN,
  solver: 'ancestral-vp',
  eta: 1,
  zeta: 0.25,
  gamma: 0.125,
  guidanceScale: 0,
} as const satisfies z.input<typeof optionsSchema>;

/**
 * Where the authors begin, σ = (1 + CSNR)^(-5/96): the σ_t of t = 252, 245, 235, 225, 215 of DDPM's 1000 steps at 0, 5, 10,
 * 15, 20 dB.
 *
 * `guided_diffusion/noise_schedule.py` of their code takes the t whose log10(ᾱ/(1 - ᾱ)) is 5·log10((1 + CSNR)^(1/48)).
 */
export function publishedStart(csnrDb: number): number {
  return (1 + 10 ** (csnrDb / 10)) ** (-5 / 96);
}

/**
 * HiFi-DiffCom: DiffCom with the confirming term γ‖x_J - D(W_h†W_h E(x̂0))‖₂, and a late start from x_J + σn.
 *
 * Wang et al. 2024 (arXiv 2406.07390), section on HiFi-DiffCom.
 */
function* create(context: SamplerContext, options: Options): SamplerRun {
  const { observation, random } = context;
  const ask = new Evaluator(context, options);
  const { start, startSigma = start === 'published' ? publishedStart(observation.csnrDb) : undefined } = options;
  const sigmas = lateSigmas(context, { ...options, startSigma });
  let x = addNoise(observation.xJ, sigmas[0]!, random);
  for (const { sigma, next } of ask.over(sigmas)) {
    const { x0, gradient } = yield* ask.guidedStep(x, sigma, options);
    const solver = solvers[options.solver];
    const unguided = yield* solver.step({ x, x0, sigma, next, denoise: ask.denoise, random });
    x = pushTowardsMeasurement(unguided, gradient, { sigma, next, eta: options.eta });
  }
  return yield* ask.lastStep(x, sigmas);
}

export const hifiDiffcom = {
  name: 'hifi-diffcom',
  summary: 'HiFi-DiffCom: from the one-shot decode, pushed by the received signal and by that decode',
  optionsSchema,
  published,
  evaluations: guidedCounts,
  create,
} as const satisfies Sampler<typeof optionsSchema>;
