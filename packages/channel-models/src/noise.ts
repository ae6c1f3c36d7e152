import { ArgumentError, complexCount, randomFor, type ComplexVector } from '@semcast/core';
import type { FrameCoordinates } from './fading.js';

/**
 * y = s + n in place, n ~ CN(0, N0), white: the noise that frame (seed, stream, frame) meets.
 *
 * Both parts are normal of variance N0/2. The draw does not depend on the model or on N0 but for its scale, so that
 * a frame sent again at another SNR meets the same noise, louder or softer.
 *
 * @param samples complex samples; overwritten
 * @param noiseVariance N0, per complex sample, at least 0
 * @returns `samples`
 */
export function addNoise(samples: ComplexVector, coordinates: FrameCoordinates, noiseVariance: number): ComplexVector {
  complexCount(samples);
  if (!Number.isFinite(noiseVariance) || noiseVariance < 0) {
    throw new ArgumentError(`noise can't have the variance ${noiseVariance}`);
  }
  randomFor({ ...coordinates, purpose: 'channel/noise' }).addNormal(samples, Math.sqrt(noiseVariance / 2));
  return samples;
}
