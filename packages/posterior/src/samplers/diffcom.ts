import { z } from 'zod';
import type { SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { pushTowardsMeasurement } from '../guidance.js';
import { noiseLike } from '../images.js';
import {
  DDPM_SIGMA_MIN,
  etaOption,
  guidanceScaleOption,
  guidedCounts,
  MAX_SIGMA,
  scheduleOptions,
  sigmasFrom,
  solverOption,
  stepsOption,
} from '../options.js';
import type { Sampler } from '../sampler.js';
import { solvers } from '../solvers.js';

const optionsSchema = z.strictObject({
  steps: stepsOption(16),
  ...scheduleOptions(0.03),
  sigmaMax: z.number().min(0.5).max(MAX_SIGMA).default(10).describe('first sigma; the sampler starts from noise alone'),
  solver: solverOption('ancestral'),
  eta: etaOption,
  zeta: z.number().min(0.001).max(100).default(1).describe('weight of the measurement norm in the gradient'),
  guidanceScale: guidanceScaleOption(1.5),
});

type Options = z.output<typeof optionsSchema>;

/**
 * Algorithm 1 and the authors' `configs/diffcom.yaml`: all 1000 steps of DDPM's chain, ζ = 1, a learning rate of 1. Their
 * symbols have unit power, as ours, so ζ is the same here. Their code can begin late as well; that is `hifi-diffcom` with
 * `gamma` 0 and `zeta` 1.
 */
const published = {
  steps: 1000,
  schedule: 'ddpm',
  sigmaMax: MAX_SIGMA,
  sigmaMin: DDPM_SIGMA_MIN,
  solver: 'ancestral-vp',
  eta: 1,
  zeta: 1,
  guidanceScale: 0,
} as const satisfies z.input<typeof optionsSchema>;

/**
 * DiffCom: x_{t-1} = x' - η∇_{x_t} ζ‖y - W_h(E(x̂0))‖₂, from noise, the gradient taken through prior and encoder.
 *
 * Wang et al. 2024 ("DiffCom: Channel received signal is a natural condition to guide diffusion posterior sampling",
 * arXiv 2406.07390), Algorithm 1.
 */
function* create(context: SamplerContext, options: Options): SamplerRun {
  const { observation, random } = context;
  const ask = new Evaluator(context, options);
  const sigmas = sigmasFrom(options.sigmaMax, options);
  let x = noiseLike(observation.xJ, random, options.sigmaMax);
  for (const { sigma, next } of ask.over(sigmas)) {
    const { x0, gradient } = yield* ask.guidedStep(x, sigma, { zeta: options.zeta, gamma: 0 });
    const solver = solvers[options.solver];
    const unguided = yield* solver.step({ x, x0, sigma, next, denoise: ask.denoise, random });
    x = pushTowardsMeasurement(unguided, gradient, { sigma, next, eta: options.eta });
  }
  return yield* ask.lastStep(x, sigmas);
}

export const diffcom = {
  name: 'diffcom',
  summary: 'DiffCom: from noise, pushed by the received signal through prior and encoder',
  optionsSchema,
  published,
  evaluations: guidedCounts,
  create,
} as const satisfies Sampler<typeof optionsSchema>;
