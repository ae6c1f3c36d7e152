import { z } from 'zod';
import { Adam } from '../adam.js';
import type { SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { addNoise, combineThree } from '../images.js';
import { dataGradientFactor } from '../objective.js';
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
  ...lateStartOptions({ steps: 20, sigmaMin: 0.05, startFactor: 4 }),
  learningRate: z
    .number()
    .min(0.0001)
    .max(1)
    .default(0.03)
    .describe('first step of Adam, in units of pixels in [-1, 1]'),
  priorDeviation: z
    .number()
    .min(0.001)
    .max(1000)
    .default(0.15)
    .describe('assumed standard deviation of the prior; the smaller, the greater the weight of the prior'),
  guidanceScale: guidanceScaleOption(2.5),
});

type Options = z.output<typeof optionsSchema>;

/**
 * The authors' `_configs/algo/reddiff.yaml` and `sample_batch.sh`: all 1000 steps of DDPM's chain, Adam with a learning
 * rate of 0.1, λ = 0.25 beside ½‖y - f(μ)‖².
 *
 * Beside our ‖y - A(μ)‖²/N0 that is a prior deviation of √(N0/(2λ)): 0.45 at 10 dB, and the same at every CSNR here.
 */
const published = {
  steps: 1000,
  schedule: 'ddpm',
  startSigma: MAX_SIGMA,
  sigmaMin: DDPM_SIGMA_MIN,
  learningRate: 0.1,
  priorDeviation: 0.45,
  guidanceScale: 0,
} as const satisfies z.input<typeof optionsSchema>;

/**
 * RED-diff: Adam on the mean μ of a variational approximation of no width, ‖y - A(μ)‖²/N0 + λ_t⟨sg(ε̂ - ε), μ⟩ with
 * x_t = μ + σε, ε̂ = (x_t - D(x_t; σ))/σ and λ_t = σ_t/s², s the prior's deviation, so that for σ ≫ s and a Gaussian
 * prior the second term is that prior's own.
 *
 * Mardani, Song, Kautz, Vahdat 2023 ("A variational perspective on solving inverse problems with diffusion models"),
 * Algorithm 1. It seeks a mode: different seeds give nearly the same picture, and their spread says nothing about the
 * posterior's. Denoiser and encoder don't wait for each other.
 */
function* create(context: SamplerContext, options: Options): SamplerRun {
  const { observation, random } = context;
  const ask = new Evaluator(context, options);
  const sigmas = lateSigmas(context, options);
  const adam = new Adam(observation.xJ.data.length);
  let mu = observation.xJ;
  for (const { sigma, step } of ask.overAll(sigmas)) {
    const x = addNoise(mu, sigma, random);
    const { x0, data } = yield* ask.denoiseBeside(x, sigma, mu);
    // λ_t(ε̂ - ε) = (μ - x̂0)/s²
    const pull = options.priorDeviation ** -2;
    const push = dataGradientFactor(data.measurementNorm, observation);
    const gradient = combineThree(pull, mu, -pull, x0, push, data.gradient);
    mu = adam.step(mu, gradient, options.learningRate * (1 - step / options.steps));
    ask.show(mu);
  }
  return ask.result(ask.show(mu));
}

export const redDiff = {
  name: 'red-diff',
  summary: 'RED-diff: Adam on the picture itself, the denoiser as regulariser; one mode, no spread',
  optionsSchema,
  published,
  evaluations: (options: Options) => ({
    denoiser: options.steps * denoiserCost(options),
    encoderVjp: options.steps,
  }),
  create,
} as const satisfies Sampler<typeof optionsSchema>;
