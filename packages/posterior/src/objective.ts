import type { Tensor } from '@semcast/core';
import type { SamplerPart } from './evaluation.js';
import type { Evaluator } from './evaluator.js';
import { combine, combineThree, rms, rmsDifference } from './images.js';
import type { Observation } from './observation.js';

/** -log p(x0 | x_t, y), as far as it depends on x0: ‖y - h⊙E(x0)‖²/N0 + ‖x0 - x̂0‖²/(2r²). */
export interface Objective {
  /** x̂0 */
  readonly centre: Tensor;
  /** r */
  readonly radius: number;
  readonly observation: Observation;
}

/** ∇ of ‖y - h⊙E(x)‖²/N0, from the gradient of the norm itself. N0 is the variance of a *complex* symbol. */
export function dataGradientFactor(measurementNorm: number, observation: Observation): number {
  return (2 * measurementNorm) / observation.noiseVariance;
}

/** The gradient of an objective at x: one evaluation of the encoder's VJP. */
export function* gradientOf(
  ask: Evaluator,
  x: Tensor,
  { centre, radius, observation }: Objective,
): SamplerPart<Tensor> {
  const { gradient, measurementNorm } = yield* ask.encoderVjp(x);
  const pull = radius ** -2;
  return combineThree(pull, x, -pull, centre, dataGradientFactor(measurementNorm, observation), gradient);
}

/** First step of a descent along the gradient, in radii: long enough to measure curvature, too short to do harm. */
const FIRST_STEP_RADII = 0.1;

/** The step size of such a first step; at most that of the objective's second term alone, so finite in any case. */
export function firstStepSize(gradient: Tensor, radius: number): number {
  return Math.min((FIRST_STEP_RADII * radius) / rms(gradient), radius ** 2);
}

/**
 * 1/L for the curvature L = ‖∇f(x) - ∇f(x')‖/‖x - x'‖ between two points. x' - x along a gradient weighs stiff
 * directions most, so L is near the largest curvature that matters there.
 */
export function inverseCurvature(x: Tensor, other: Tensor, gradient: Tensor, otherGradient: Tensor): number {
  const change = rmsDifference(gradient, otherGradient);
  return change === 0 ? Infinity : rmsDifference(x, other) / change;
}

/**
 * Descend towards the minimum of an objective, from its centre, without a step size to tune.
 *
 * Malitsky, Mishchenko 2020 ("Adaptive gradient descent without descent"), Algorithm 1:
 * λ_k = min(√(1 + λ_{k-1}/λ_{k-2})·λ_{k-1}, ‖x_k - x_{k-1}‖/(2‖∇_k - ∇_{k-1}‖)), of this image alone.
 *
 * @param iterations gradient steps, each one evaluation of the encoder's VJP
 */
export function* minimise(ask: Evaluator, objective: Objective, iterations: number): SamplerPart<Tensor> {
  let x = objective.centre;
  let gradient = yield* gradientOf(ask, x, objective);
  let stepSize = firstStepSize(gradient, objective.radius);
  let growth = Infinity;
  for (let k = 1; k < iterations; k++) {
    const [last, lastGradient, lastStepSize] = [x, gradient, stepSize];
    x = combine(1, x, -stepSize, gradient);
    gradient = yield* gradientOf(ask, x, objective);
    const secant = inverseCurvature(x, last, gradient, lastGradient) / 2;
    stepSize = Math.min(Math.sqrt(1 + growth) * lastStepSize, secant, objective.radius ** 2);
    growth = stepSize / lastStepSize;
  }
  return combine(1, x, -stepSize, gradient);
}
