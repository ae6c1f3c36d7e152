import { z } from 'zod';
import type { SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { addNoise } from '../images.js';
import { denoiserCost, guidanceScaleOption, lateSigmas, lateStartOptions, solverOption } from '../options.js';
import type { Sampler } from '../sampler.js';
import { solvers } from '../solvers.js';

const optionsSchema = z.strictObject({
  ...lateStartOptions({ steps: 4, sigmaMin: 0.045, startFactor: 4.3 }),
  solver: solverOption('ancestral'),
  guidanceScale: guidanceScaleOption(2.5),
});

type Options = z.output<typeof optionsSchema>;

/**
 * The conditional denoiser D(x; σ, x_J, CSNR, rate), trained to sample given the one-shot decode, with classifier-free
 * guidance. It needs neither encoder nor gradient.
 *
 * At guidance scale 1 with an exact denoiser it samples the posterior given x_J, as steps and first σ grow.
 */
function* create(context: SamplerContext, options: Options): SamplerRun {
  const { observation, random } = context;
  const ask = new Evaluator(context, options);
  const solver = solvers[options.solver];
  const sigmas = lateSigmas(context, options);
  let x = addNoise(observation.xJ, sigmas[0]!, random);
  for (const { sigma, next } of ask.over(sigmas)) {
    const x0 = yield* ask.denoise(x, sigma);
    x = yield* solver.step({ x, x0, sigma, next, denoise: ask.denoise, random });
  }
  return yield* ask.lastStep(x, sigmas);
}

export const conditional = {
  name: 'conditional',
  summary: 'the denoiser conditioned on the one-shot decode, with classifier-free guidance',
  optionsSchema,
  evaluations: (options: Options) => ({
    denoiser: ((options.steps - 1) * solvers[options.solver].evaluations + 1) * denoiserCost(options),
  }),
  create,
} as const satisfies Sampler<typeof optionsSchema>;
