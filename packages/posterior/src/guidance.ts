import type { Tensor } from '@semcast/core';
import { combine } from './images.js';

/**
 * Push the unguided next state x' towards the measurement: x' - η√((1+σ²)(1+σ'²))·∇.
 *
 * That is DiffCom's x'_VP - η∇ (Wang et al. 2024, Algorithm 1) written for x = x_VP·√(1+σ²): one factor from the
 * gradient's variable, one from the state's.
 *
 * @param gradient at x, of this image alone
 */
export function pushTowardsMeasurement(
  unguided: Tensor,
  gradient: Tensor,
  { sigma, next, eta }: { readonly sigma: number; readonly next: number; readonly eta: number },
): Tensor {
  return combine(1, unguided, -eta * Math.sqrt((1 + sigma * sigma) * (1 + next * next)), gradient);
}
