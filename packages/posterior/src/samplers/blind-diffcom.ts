import { meanPower, type ComplexVector, type RandomSource } from '@semcast/core';
import { fitTaps, gainsOfTaps, type TapModel } from '@semcast/phy';
import { z } from 'zod';
import { channelOf, gainsOf, meanSquareBetween, phaseBetween, symbolsOf, tapGradient, times } from '../channel.js';
import { DivergenceError, ObservationError } from '../errors.js';
import type { SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { pushTowardsMeasurement } from '../guidance.js';
import { addNoise, combineThree } from '../images.js';
import type { KnownChannel, Observation } from '../observation.js';
import {
  DDPM_SIGMA_MIN,
  etaOption,
  guidanceScaleOption,
  guidedCounts,
  lateSigmas,
  lateStartOptions,
  MAX_SIGMA,
} from '../options.js';
import type { Sampler } from '../sampler.js';
import { solvers } from '../solvers.js';

const optionsSchema = z.strictObject({
  ...lateStartOptions({ steps: 6, sigmaMin: 0.01, startFactor: 0.3 }),
  update: z
    .enum(['closed-form', 'joint'])
    .default('closed-form')
    .describe('the channel from what the picture would have sent, step by step; or sampled jointly, as published'),
  eta: etaOption,
  zeta: z.number().min(0).max(100).default(0.25).describe('weight of the measurement norm in the gradient'),
  tapEta: z.number().min(0).max(100).default(0.2).describe('joint: step of the taps along the gradient'),
  guidanceScale: guidanceScaleOption(1),
});

type Options = z.output<typeof optionsSchema>;

/**
 * The authors' blind configuration with its slips mended: 1000 steps of DDPM's chain from noise, a learning rate of 1 for
 * the picture and of 0.2 for the taps, ζ = 1. Their symbols have complex power 2: in unit power ζ is √2.
 */
const published = {
  steps: 1000,
  schedule: 'ddpm',
  startSigma: MAX_SIGMA,
  sigmaMin: DDPM_SIGMA_MIN,
  update: 'joint',
  eta: 1,
  zeta: Math.SQRT2,
  tapEta: 0.2,
  guidanceScale: 0,
} as const satisfies z.input<typeof optionsSchema>;

/**
 * Blind-DiffCom: picture and channel from y = h⊙E(x) + n, where h is that of a few taps and nothing was sent to tell it
 * by (Wang et al. 2024, arXiv 2406.07390, section on Blind-DiffCom).
 */
function create(context: SamplerContext, options: Options): SamplerRun {
  const { taps } = context.observation;
  if (taps === undefined) {
    throw new ObservationError('blind-diffcom estimates the channel, which this frame does not leave to be estimated', {
      remedy: 'send with the waveform option estimator: blind, or choose another decoder',
    });
  }
  return options.update === 'joint' ? joint(context, options, taps) : closedForm(context, options, taps);
}

/**
 * Our variant. Each step, of DiffCom with a late start, ends with a new estimate of the channel from what x̂0 would have
 * sent, and with x_J decoded anew under it; the state moves along with x_J, so what the steps have added stays.
 */
function* closedForm(context: SamplerContext, options: Options, model: TapModel): SamplerRun {
  const { observation, random } = context;
  const ask = new Evaluator(context, options);
  const search = new PhaseSearch();
  const sigmas = lateSigmas(context, options);
  let x = addNoise(observation.xJ, sigmas[0]!, random);
  for (const { sigma, next } of ask.over(sigmas)) {
    const { x0, gradient, z: sent } = yield* ask.guidedStep(x, sigma, { zeta: options.zeta, gamma: 0 });
    const unguided = yield* solvers.ancestral.step({ x, x0, sigma, next, denoise: ask.denoise, random });
    const pushed = pushTowardsMeasurement(unguided, gradient, { sigma, next, eta: options.eta });
    ask.estimateChannel(channelFrom(ask.observation, symbolsOf(sent, observation), model, search));
    const { xJ: last } = ask.observation;
    x = combineThree(1, pushed, 1, yield* ask.decodeAgain(), -1, last);
  }
  return yield* ask.lastStep(x, sigmas);
}

/** The channel's mean power is taken to be this share of what was received at least: N0 may be estimated too large. */
const LEAST_SHARE = 0.01;

/**
 * The channel from what a picture would have sent, ẑ = E(x̂0): taps by linear MMSE, their common phase by a search, and
 * their power so that mean|y|² is that of the channel and N0.
 *
 * The step of expectation maximisation is ĥ = Λ⁻¹·Σ f_k·E[z_k*|y]·y_k/N, Λ = diag(1/p) + Σ E[|z_k|²|y]·f_k·f_k^H/N. The
 * sum of E|z_k|² over a carrier's symbols is their number, as they have unit power; |ẑ_k|² falls short of it, and the
 * more so on weak carriers, which would be taken for stronger than they are. So this is the fit of ẑ*⊙y to symbols
 * that are all 1. N is N0, or the misfit where that is larger.
 */
function channelFrom(
  observation: Observation,
  sent: ComplexVector,
  model: TapModel,
  search: PhaseSearch,
): KnownChannel {
  const y = symbolsOf(observation.y, observation);
  const h = gainsOf(observation);
  const predicted = times(h, sent);
  const misfit = meanSquareBetween(y, predicted);
  if (!Number.isFinite(misfit)) {
    throw new DivergenceError('what the picture would have sent is not finite');
  }
  const conjugate = sent.map((value, i) => (i % 2 === 0 ? value : -value));
  const ones = sent.map((_, i) => 1 - (i % 2));
  const fit = fitTaps(times(conjugate, y), ones, Math.max(observation.noiseVariance, misfit), model).h;
  const turn = search.next(phaseBetween(predicted, y)) - phaseBetween(h, fit);
  const received = meanPower(y);
  const power = Math.max(received - observation.noiseVariance, LEAST_SHARE * received);
  const scale = Math.sqrt(power / Math.max(meanPower(fit), Number.MIN_VALUE));
  const factor = sent.map((_, i) => scale * (i % 2 === 0 ? Math.cos(turn) : Math.sin(turn)));
  return channelOf(times(fit, factor), observation);
}

/**
 * Finds the phase at which y is not ahead of h⊙ẑ: there the likelihood has its maximum, as the angle between them is
 * its score but for a factor (Fisher's identity).
 *
 * What is decoded follows a wrong phase, so the angle is only 0.1 to 0.3 times what the phase is wrong by, and steps of
 * the angle itself would be short. These are a secant's, whose slope and length are limited.
 */
class PhaseSearch {
  #phase = 0;
  #last: { readonly phase: number; readonly angle: number } | undefined;

  /** @returns by how much to turn h, in radians, where y is ahead of h⊙ẑ by the angle */
  next(angle: number): number {
    const last = this.#last;
    const moved = last !== undefined && last.phase !== this.#phase;
    const slope = moved ? (angle - last.angle) / (this.#phase - last.phase) : FIRST_SLOPE;
    const step = Math.max(-LONGEST_TURN, Math.min(LONGEST_TURN, -angle / Math.min(slope, LEAST_SLOPE)));
    this.#last = { phase: this.#phase, angle };
    this.#phase += step;
    return step;
  }
}

const FIRST_SLOPE = -0.25;
const LEAST_SLOPE = -0.1;
const LONGEST_TURN = 0.4;

/**
 * As published, with its slips mended: picture and taps are the two parts of one state, each with a denoiser, ancestral
 * steps and a push down the gradient of ζ‖y - ĥ0⊙E(x̂0)‖₂. The prior of the taps is CN(0, p), whose denoiser is exact:
 * ĥ0 = p/(p + σ²)·h_σ. Pushes fall to 0 over the chain.
 */
function* joint(context: SamplerContext, options: Options, model: TapModel): SamplerRun {
  const { observation, random } = context;
  const ask = new Evaluator(context, options);
  const y = symbolsOf(observation.y, observation);
  const sigmas = lateSigmas(context, options);
  let taps = withNoise(tapsOf(gainsOf(observation), model), sigmas[0]!, random);
  let x = addNoise(observation.xJ, sigmas[0]!, random);
  const denoised = (sigma: number): ComplexVector => taps.map((value, i) => shrinkage(model, i, sigma) * value);
  for (const { step, sigma, next } of ask.over(sigmas)) {
    const taps0 = denoised(sigma);
    const h = gainsOfTaps(taps0, model);
    ask.estimateChannel(channelOf(h, observation));
    const { x0, gradient, z: sent } = yield* ask.guidedStep(x, sigma, { zeta: options.zeta, gamma: 0 });
    const weight = 1 - step / (sigmas.length - 1);
    const unguided = yield* solvers.ancestral.step({ x, x0, sigma, next, denoise: ask.denoise, random });
    x = pushTowardsMeasurement(unguided, gradient, { sigma, next, eta: weight * options.eta });
    const keep = (next / sigma) ** 2;
    const gradientOfTaps = tapGradient(y, h, symbolsOf(sent, observation), model);
    const push = weight * options.tapEta * options.zeta * Math.sqrt((1 + sigma ** 2) * (1 + next ** 2));
    taps = withNoise(
      taps.map(
        (value, i) => keep * value + (1 - keep) * taps0[i]! - push * shrinkage(model, i, sigma) * gradientOfTaps[i]!,
      ),
      next * Math.sqrt(1 - keep),
      random,
    );
  }
  ask.estimateChannel(channelOf(gainsOfTaps(denoised(sigmas.at(-1)!), model), observation));
  return yield* ask.lastStep(x, sigmas);
}

/** The taps of gains that are those of taps. */
function tapsOf(h: ComplexVector, model: TapModel): ComplexVector {
  const ones = h.map((_, i) => 1 - (i % 2));
  return fitTaps(h, ones, 1e-9, model).taps;
}

/** p/(p + σ²) of the tap to which value i belongs. */
function shrinkage({ powers }: TapModel, i: number, sigma: number): number {
  const power = powers[i >> 1]!;
  return power / (power + sigma * sigma);
}

/** Circular noise of variance σ² a complex value. */
function withNoise(values: ComplexVector, sigma: number, random: RandomSource): ComplexVector {
  const out = values.slice();
  random.addNormal(out, sigma * Math.SQRT1_2);
  return out;
}

export const blindDiffcom = {
  name: 'blind-diffcom',
  summary: 'Blind-DiffCom: picture and channel together, from a signal without pilots',
  optionsSchema,
  published,
  evaluations: (options: Options) => ({
    ...guidedCounts({ ...options, solver: 'ancestral' }),
    decoder: options.update === 'joint' ? 0 : options.steps - 1,
  }),
  create,
} as const satisfies Sampler<typeof optionsSchema>;
