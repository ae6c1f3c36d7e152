import type { Tensor } from '@semcast/core';
import type { GuidedEstimate } from './evaluator.js';
import { combine, rms } from './images.js';
import { measurementResidual, type Observation } from './observation.js';

/** Rules for the length of a push along the gradient of a guided step. */
export const guidanceRules = ['discrepancy', 'norm'] as const;
export type GuidanceRule = (typeof guidanceRules)[number];

/** Below this, a gradient is no direction. */
export const SMALLEST_RMS = 1e-20;

/**
 * Weight of the measurement at residual ϱ: (1 - 1/ϱ)₊. 0 once the noise explains what is left, so that
 * guidance doesn't fit the noise (Morozov's discrepancy principle); near 1 while ϱ is large.
 */
export function discrepancyWeight(residual: number): number {
  return residual > 1 ? 1 - 1 / residual : 0;
}

/**
 * Push the unguided next state x' towards the measurement: x' - (length)·∇.
 *
 * - `norm`: x' - η√((1+σ²)(1+σ'²))·∇, which is DiffCom's x'_VP - η∇ (Wang et al. 2024, Algorithm 1) written for
 *   x = x_VP·√(1+σ²): one factor from the gradient's variable, one from the state's.
 * - `discrepancy`: x' - ησ(1 - 1/ϱ)₊·∇/rms(∇), so that η is the push in units of the noise level, and none is given
 *   to an x̂0 whose residual ϱ is what noise explains.
 *
 * @param guided x̂0's gradient and norm at x, of this image alone
 */
export function pushTowardsMeasurement(
  unguided: Tensor,
  { gradient, measurementNorm }: GuidedEstimate,
  { sigma, next }: { readonly sigma: number; readonly next: number },
  { guidance, eta }: { guidance: GuidanceRule; eta: number },
  observation: Observation,
): Tensor {
  if (guidance === 'norm') {
    return combine(1, unguided, -eta * Math.sqrt((1 + sigma * sigma) * (1 + next * next)), gradient);
  }
  const length = eta * sigma * discrepancyWeight(measurementResidual(measurementNorm, observation));
  return combine(1, unguided, -length / Math.max(rms(gradient), SMALLEST_RMS), gradient);
}
