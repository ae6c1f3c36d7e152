import { z } from 'zod';
import { isBlend, type SamplerContext } from './evaluator.js';
import { ddpmSigma, MAX_STEPS, scheduleNames, schedules, type ScheduleName } from './schedules.js';
import type { EvaluationCounts } from './sampler.js';
import { solverNames, solvers, type SolverName } from './solvers.js';

/** The largest σ that any sampler starts from: that of DDPM's last step, 157.407, but for rounding. */
export const MAX_SIGMA = 157.4;

/** The smallest σ of published samplers of DDPM's chain: the first step of its table, 0.01. */
export const DDPM_SIGMA_MIN = ddpmSigma(1);

/** Fewest steps of a sampler that doesn't set `fewestSteps`. */
export const MIN_STEPS = 4;

/*
 * Options that several samplers have, each once. All are flat (numbers, strings), because they travel in a frame's head.
 */

export const stepsOption = (steps: number, fewest = MIN_STEPS) =>
  z.int().min(fewest).max(MAX_STEPS).default(steps).describe('denoising steps');

export const scheduleOptions = (sigmaMin: number) => ({
  schedule: z.enum(scheduleNames).default('karras').describe('how sigma falls: karras or ddpm (linear beta)'),
  sigmaMin: z
    .number()
    .min(0.001)
    .max(0.2)
    .default(sigmaMin)
    .describe('last sigma above 0, in units of pixels in [-1, 1]'),
});

/** Of a sampler that starts late, from x_J: its steps, their σ, and the first of these. */
export const lateStartOptions = ({
  steps,
  sigmaMin,
  startFactor,
}: Record<'steps' | 'sigmaMin' | 'startFactor', number>) => ({
  steps: stepsOption(steps),
  ...scheduleOptions(sigmaMin),
  startFactor: z
    .number()
    .min(0.1)
    .max(50)
    .default(startFactor)
    .describe("first sigma in multiples of the one-shot decode's RMSE at this CSNR and rate"),
  startSigma: z.number().min(0.01).max(MAX_SIGMA).optional().describe('first sigma, in place of startFactor'),
});

export const solverOption = (solver: SolverName) =>
  z
    .enum(solverNames)
    .default(solver)
    .describe(`how an unguided step is made: ${solverNames.join(', ')}`);

export const guidanceScaleOption = (scale: number) =>
  z
    .number()
    .min(0)
    .max(10)
    .default(scale)
    .describe(
      '0: unconditional prior; 1: conditional on the one-shot decode; other values blend both (two evaluations)',
    );

export const etaOption = z
  .number()
  .min(0)
  .max(100)
  .default(1)
  .describe('step along the gradient; fewer steps push less in total');

interface ScheduleChoice {
  readonly steps: number;
  readonly schedule: ScheduleName;
  readonly sigmaMin: number;
}

/** σ of each step, from `sigmaMax` on. */
export function sigmasFrom(sigmaMax: number, { schedule, steps, sigmaMin }: ScheduleChoice): number[] {
  return schedules[schedule]({ steps, sigmaMax, sigmaMin });
}

/**
 * σ of each step of a late start from x_J: the first is `startSigma`, or else `startFactor` times the RMSE of x_J. At
 * least twice the last, so that there is a schedule even if x_J is nearly exact.
 */
export function lateSigmas(
  { decoderRmse }: SamplerContext,
  options: ScheduleChoice & { readonly startFactor: number; readonly startSigma?: number | undefined },
): number[] {
  const start = options.startSigma ?? Math.min(options.startFactor * decoderRmse, MAX_SIGMA);
  return sigmasFrom(Math.max(start, 2 * options.sigmaMin), options);
}

/** Denoiser evaluations at one σ: two where two outputs are blended. */
export function denoiserCost({ guidanceScale }: { readonly guidanceScale: number }): number {
  return isBlend(guidanceScale) ? 2 : 1;
}

/** What steps cost that begin with the fused guided step and go on with a solver, the last being unguided. */
export function guidedCounts(options: {
  readonly steps: number;
  readonly solver: SolverName;
  readonly guidanceScale: number;
}): EvaluationCounts {
  const denoiser = denoiserCost(options);
  const guided = options.steps - 1;
  return {
    posteriorStep: guided,
    denoiser: guided * (denoiser - 1 + (solvers[options.solver].evaluations - 1) * denoiser) + denoiser,
  };
}
