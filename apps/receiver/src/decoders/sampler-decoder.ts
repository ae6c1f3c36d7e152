import { decoderRmse, pictureOrThrow, tensorToImages, type BundleManifest } from '@semcast/bundle';
import { tensor, type RgbImage, type Tensor } from '@semcast/core';
import {
  configureSampler,
  MIN_STEPS,
  optionsSchemaOf,
  samplerRandom,
  samplers,
  stepRequests,
  type EvaluationRequest,
  type EvaluationResult,
  type OptionsSchema,
  type Sampler,
  type SamplerContext,
  type SamplerGraph,
  type SamplerName,
  type SamplerResult,
  type SamplerRun,
} from '@semcast/posterior';
import { z } from 'zod';
import { posteriorObservation } from '../posterior-observation.js';
import type { DecodedPicture, Decoder, OneShotDecode, Refinement } from './decoder.js';

/** The schema of a sampler's decoder gives it these. */
type SamplerOptions = Readonly<Record<string, unknown>> & { readonly steps: number };
type Options = SamplerOptions & { readonly minSteps: number; readonly intermediates: number; readonly seed: number };

/** Options of every sampler here beside its own. */
const decodeOptions = (fewest: number) => ({
  minSteps: z
    .int()
    .min(fewest)
    .default(fewest)
    .describe(
      'fewest steps to be content with when the receiver is busy; as many as steps for results that never vary',
    ),
  intermediates: z.int().min(0).default(0).describe('show the picture so far every so many steps; 0 shows none'),
  seed: z
    .int()
    .min(0)
    .default(0)
    .describe("of the sampler's random numbers, which are a function of seed, stream and frame"),
});

const DECODE_OPTION_NAMES: ReadonlySet<string> = new Set(Object.keys(decodeOptions(MIN_STEPS)));

/** The least RMSE that a one-shot decode is taken to have: a quarter of an 8-bit step, in [-1, 1]. */
const LEAST_RMSE = 1 / 512;

function decoderOptionsOf(sampler: Sampler): OptionsSchema {
  return optionsSchemaOf(sampler, (own) =>
    own.extend(decodeOptions(sampler.fewestSteps ?? MIN_STEPS)).superRefine((options, context) => {
      const { steps, minSteps } = options as Partial<Options>;
      if (steps !== undefined && minSteps !== undefined && minSteps > steps) {
        context.addIssue({ code: 'custom', path: ['minSteps'], message: `is ${minSteps}, more than steps (${steps})` });
      }
    }),
  );
}

/** A sampler of `packages/posterior` as a decoder: being in its registry is all that it takes. */
export function samplerDecoder(name: SamplerName): Decoder {
  const sampler: Sampler = samplers[name];
  return {
    name,
    summary: sampler.summary,
    optionsSchema: decoderOptionsOf(sampler),
    graphs: [...new Set(['decoder' as const, ...(Object.keys(configureSampler(name).evaluations) as SamplerGraph[])])],
    refinement: refinementOf(name),
  };
}

/** A decoder's options without those that every sampler's decoder has. */
function samplerOptions(options: Options): SamplerOptions {
  const own = Object.entries(options).filter(([key]) => !DECODE_OPTION_NAMES.has(key));
  return Object.fromEntries(own) as SamplerOptions;
}

/** The range of pixels in the units of the networks; [-1, 1] with a normalisation of 0.5 and 0.5. */
function pixelRange({ normalisation: { mean, std } }: BundleManifest): readonly [number, number] {
  return [Math.min(...mean.map((m, i) => -m / std[i]!)), Math.max(...mean.map((m, i) => (1 - m) / std[i]!))];
}

function contextOf({ demodulated, xJ, manifest }: OneShotDecode, seed: number): SamplerContext {
  const { stream, frame, cbr, toldCsnrDb } = demodulated;
  return {
    observation: posteriorObservation(demodulated, xJ, manifest),
    decoderRmse: Math.max(LEAST_RMSE, decoderRmse(manifest, { csnrDb: toldCsnrDb, cbr })),
    random: samplerRandom({ seed, stream, frame }),
    clip: pixelRange(manifest),
  };
}

/** One frame's sampler, begun with the steps that the frame was granted. */
class FrameSampler {
  readonly granted: number;
  readonly startedMs = performance.now();
  /** What it needs now; the last one when it is done. */
  request: EvaluationRequest;
  readonly #run: SamplerRun;

  constructor(name: SamplerName, start: OneShotDecode, options: Options, granted: number) {
    this.granted = granted;
    this.#run = configureSampler(name, { ...samplerOptions(options), steps: granted }).start(
      contextOf(start, options.seed),
    );
    // A sampler asks for something before it ends: it has a step at least.
    this.request = this.#run.next().value as EvaluationRequest;
  }

  /** @returns its result if it is done, or null if it has another {@link request} */
  goOn(results: readonly EvaluationResult[]): SamplerResult | null {
    const state = this.#run.next(results);
    if (state.done === true) {
      return state.value;
    }
    this.request = state.value;
    return null;
  }

  abandon(): void {
    this.#run.return(undefined as never);
  }
}

function refinementOf(name: SamplerName): Refinement<Record<string, unknown>> {
  return {
    plan: (given) => {
      const options = given as Options;
      const configured = configureSampler(name, samplerOptions(options));
      return {
        perStep: stepRequests(configured),
        steps: { min: options.minSteps, max: options.steps },
      };
    },
    run: async (start, handle, { options, plan }, { onPartial }) => {
      const given = options as Options;
      const begun: { sampler?: FrameSampler } = {};
      const decoded = ({ picture, ...channel }: SamplerResult, steps: number): DecodedPicture => ({
        image: pictureOf(picture, start),
        ...channel,
        steps,
        evaluations: handle.evaluations,
        ...(begun.sampler === undefined ? {} : { samplingMs: performance.now() - begun.sampler.startedMs }),
        ...(steps < plan.steps.max ? { reducedSteps: true } : {}),
      });
      try {
        let results = await handle.step(0, plan.perStep[0]!, (granted) => {
          begun.sampler = new FrameSampler(name, start, given, granted);
          return begun.sampler.request.evaluations;
        });
        const { sampler } = begun;
        if (sampler === undefined) {
          // Not one step was granted.
          return decoded({ picture: start.xJ }, 0);
        }
        let shown = 0;
        while (results !== null) {
          const result = sampler.goOn(results);
          if (result !== null) {
            return decoded(result, sampler.granted);
          }
          const { step, evaluations, estimate } = sampler.request;
          if (given.intermediates > 0 && step >= shown + given.intermediates && estimate !== null) {
            shown = step;
            onPartial({ stage: 'intermediate', image: pictureOf(estimate, start), steps: step });
          }
          results = await handle.step(
            step,
            evaluations.map(({ graph }) => graph),
            () => evaluations,
          );
        }
        const { step, estimate, channel } = sampler.request;
        return decoded({ picture: estimate ?? start.xJ, ...(channel && { channel }) }, step);
      } finally {
        begun.sampler?.abandon();
      }
    },
  };
}

/** A float picture [3, H, W] of the networks as 8 bits, without its padding. */
function pictureOf({ data, dims }: Tensor, { demodulated: { width, height }, manifest }: OneShotDecode): RgbImage {
  return pictureOrThrow(tensorToImages(tensor(data, [1, ...dims]), [{ width, height }], manifest.normalisation)[0]!);
}
