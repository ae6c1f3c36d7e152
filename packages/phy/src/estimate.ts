import { complexCount, meanPower, type ComplexVector } from '@semcast/core';
import { PowerError } from './errors.js';
import { limitedCsnrDb } from './equalise.js';

/**
 * The CSNR of samples under unit gain, from their power alone: N̂0 = mean|y|² - 1.
 *
 * The transmitter scales every frame to mean|z|² = 1 exactly, so mean|y|² = 1 + 2·Re mean(z*n) + mean|n|², with
 * standard deviation √((2·N0 + N0²)/n) over n samples. Where N̂0 comes out below 2/n, its own standard deviation, the
 * estimate says no more than "at least n/2", and that is what is returned. Under fading the result is that of the
 * received power, not of the channel: blind reception of fading needs more than a second moment.
 *
 * @returns dB, within `CSNR_LIMITS_DB`
 * @throws PowerError when there are no samples, or not all are finite
 */
export function estimateCsnrDb(samples: ComplexVector): number {
  const sampleCount = complexCount(samples);
  const power = meanPower(samples);
  if (sampleCount === 0 || !Number.isFinite(power)) {
    throw new PowerError(`no SNR can be estimated from ${sampleCount} samples of mean power ${power}`);
  }
  return limitedCsnrDb(1 / Math.max(power - 1, 2 / sampleCount));
}
