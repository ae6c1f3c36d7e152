import { z } from 'zod';
import type { SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { pushTowardsMeasurement } from '../guidance.js';
import { addNoise } from '../images.js';
import {
  etaOption,
  guidanceOption,
  guidanceScaleOption,
  guidedCounts,
  lateSigmas,
  lateStartOptions,
  residualBandOptions,
  solverOption,
} from '../options.js';
import type { Sampler } from '../sampler.js';
import { solvers } from '../solvers.js';

const optionsSchema = z.strictObject({
  ...lateStartOptions({ steps: 8, sigmaMin: 0.03, startFactor: 4 }),
  solver: solverOption('ancestral'),
  guidance: guidanceOption,
  eta: etaOption(0.05),
  zeta: z.number().min(0).max(100).default(0.25).describe('weight of the measurement norm in the gradient'),
  gamma: z.number().min(0).max(100).default(0.25).describe('weight of the confirming norm in the gradient'),
  guidanceScale: guidanceScaleOption(2.3),
  ...residualBandOptions(),
});

/**
 * HiFi-DiffCom: DiffCom with the confirming term γ‖x_J - D(W_h†W_h E(x̂0))‖₂, and a late start from x_J + σn.
 *
 * Wang et al. 2024 (arXiv 2406.07390), section on HiFi-DiffCom. As published: schedule ddpm, startSigma the
 * `ddpmSigma` of 252, 245, 235, 225, 215 at 0, 5, 10, 15, 20 dB, solver ancestral-vp, guidance norm, η = 1,
 * ζ = γ = 0.25, as many steps.
 */
function* create(context: SamplerContext, options: z.output<typeof optionsSchema>): SamplerRun {
  const { observation, random } = context;
  const ask = new Evaluator(context, options);
  const sigmas = lateSigmas(context, options);
  let x = addNoise(observation.xJ, sigmas[0]!, random);
  for (const { sigma, next } of ask.over(sigmas)) {
    const guided = yield* ask.guidedStep(x, sigma, options);
    const solver = solvers[options.solver];
    const unguided = yield* solver.step({ x, x0: guided.x0, sigma, next, denoise: ask.denoise, random });
    x = pushTowardsMeasurement(unguided, guided, { sigma, next }, options, observation);
  }
  return yield* ask.lastStep(x, sigmas);
}

export const hifiDiffcom = {
  name: 'hifi-diffcom',
  summary: 'HiFi-DiffCom: from the one-shot decode, pushed by the received signal and by that decode',
  optionsSchema,
  evaluations: guidedCounts,
  create,
} as const satisfies Sampler<typeof optionsSchema>;
