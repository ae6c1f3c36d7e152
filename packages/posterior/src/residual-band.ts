import type { SamplerPart, SamplerResult } from './evaluation.js';
import { Evaluator, type SamplerContext } from './evaluator.js';
import { SMALLEST_RMS } from './guidance.js';
import { combine, rms } from './images.js';
import { measurementResidual, symbolCount } from './observation.js';

/**
 * Bring a picture whose residual ϱ is outside [band, 1/band] to the nearer end of it, in one evaluation: a Gauss-Newton
 * step for ‖y - A(x)‖₂ = √(ϱ'·n·N0), the shortest one, which is along the gradient.
 *
 * Among n noisy symbols ϱ is 1 give or take 1/√n, so the pictures that could have been sent lie close to the shell
 * ϱ = 1. A sampler's errors leave it: a guidance scale above 1 narrows what is sampled and fits the noise, a push that
 * is too short doesn't reach it. The picture moves by no more than the RMSE of a one-shot decode: where the gradient
 * asks for more, it isn't the place to be judged by its slope. Where the sampler estimated the channel, ϱ is that of its
 * estimate.
 */
export function* intoResidualBand(
  { picture, channel }: SamplerResult,
  band: number,
  context: SamplerContext,
  steps: number,
): SamplerPart<SamplerResult> {
  const ask = new Evaluator(context, { steps, guidanceScale: 0, step: steps - 1 });
  if (channel !== undefined) {
    ask.estimateChannel(channel);
  }
  const { observation } = ask;
  const x = ask.show(picture);
  const { gradient, measurementNorm } = yield* ask.encoderVjp(x);
  const residual = measurementResidual(measurementNorm, observation);
  const wanted = Math.min(Math.max(residual, band), 1 / band);
  const excess = measurementNorm - Math.sqrt(wanted * symbolCount(observation) * observation.noiseVariance);
  const slope = rms(gradient);
  if (wanted === residual || slope < SMALLEST_RMS) {
    return ask.result(x);
  }
  // excess / ‖∇‖₂² along ∇, as its root mean square: ‖∇‖₂² = slope²·values.
  const length = Math.min(Math.abs(excess) / (slope * x.data.length), context.decoderRmse);
  return ask.result(ask.show(combine(1, x, (-Math.sign(excess) * length) / slope, gradient)));
}
