import { z } from 'zod';
import type { SamplerRun } from '../evaluation.js';
import { Evaluator, type SamplerContext } from '../evaluator.js';
import { addNoise, combine } from '../images.js';
import { MAX_SIGMA, stepsOption } from '../options.js';
import type { Sampler } from '../sampler.js';

/**
 * First σ as a multiple of the bundle's RMSE table, which is measured on larger pictures than the `decode_error` of
 * training, 1.27 to 1.63 times as large: `train_distilled.py` therefore takes 4 times the latter for the same noise.
 */
const START_FACTOR = 5.4;
const FEWEST_STEPS = 1;

const optionsSchema = z.strictObject({
  steps: stepsOption(1, FEWEST_STEPS),
  realism: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('0: the one-shot decode, with the least squared error; 1: most realistic; values between blend both'),
});

type Options = z.output<typeof optionsSchema>;

/**
 * The distilled decoder: the denoiser trained on with perceptual and adversarial losses, so that one evaluation at
 * x_J + σn is a picture (after adversarial diffusion distillation, Sauer et al. 2023; see models/training).
 *
 * More steps put fresh noise on the newest picture, at σ = 5.4d/2, 5.4d/3, … (multistep sampling of consistency models,
 * Song et al. 2023, algorithm 1); d is the RMSE of x_J.
 *
 * `realism` r gives (1 - r)·x_J + r·x̂: between the picture of least squared error and one of perfect realism the
 * straight line is the best that any decoder can do in distance against PSNR (Freirich et al. 2021, theorem 3), and
 * x_J is near the one, x̂ nearer to the other.
 */
function* create(context: SamplerContext, { steps, realism }: Options): SamplerRun {
  const { observation, decoderRmse, random } = context;
  const { xJ } = observation;
  const ask = new Evaluator(context, { steps, guidanceScale: 1 });
  const start = Math.min(START_FACTOR * decoderRmse, MAX_SIGMA);
  const sigmas = Array.from({ length: steps }, (_, step) => start / (step + 1));
  let picture = xJ;
  for (const { sigma } of ask.overAll(sigmas)) {
    picture = yield* ask.distilled(addNoise(picture, sigma, random), sigma);
  }
  return ask.result(ask.show(combine(1 - realism, xJ, realism, picture)));
}

export const distilled = {
  name: 'distilled',
  summary: 'a denoiser distilled into a generative decoder: a realistic picture in one evaluation',
  optionsSchema,
  fewestSteps: FEWEST_STEPS,
  evaluations: ({ steps }: Options) => ({ distilled: steps }),
  create,
} as const satisfies Sampler<typeof optionsSchema>;
