import { ArgumentError, randomFor, type ComplexVector } from '@semcast/core';
import { complexCount, type FrameCoordinates } from './fading.js';

const PURPOSE = 'channel/noise';

/**
 * n ~ CN(0, N0), white: the noise that frame (seed, stream, frame) meets.
 *
 * Both parts are normal of variance N0/2. The draw does not depend on the model or on N0 but for its scale, so that
 * a frame sent again at another SNR meets the same noise, louder or softer.
 *
 * @param noiseVariance N0, per complex sample, at least 0
 */
export function drawNoise(coordinates: FrameCoordinates, sampleCount: number, noiseVariance: number): ComplexVector {
  return addNoise(new Float32Array(2 * sampleCount), coordinates, noiseVariance);
}

/**
 * y = s + n in place, with the n of {@link drawNoise}, drawn and added in one loop.
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
  randomFor({ ...coordinates, purpose: PURPOSE }).addNormal(samples, Math.sqrt(noiseVariance / 2));
  return samples;
}
