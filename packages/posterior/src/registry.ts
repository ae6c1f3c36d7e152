import { ObservationError, SamplerOptionsError } from './errors.js';
import type { SamplerRun } from './evaluation.js';
import type { SamplerContext } from './evaluator.js';
import { checkObservation } from './observation.js';
import { optionsSchemaOf } from './presets.js';
import type { EvaluationCounts, Sampler } from './sampler.js';
import { blindDiffcom } from './samplers/blind-diffcom.js';
import { conditional } from './samplers/conditional.js';
import { daps } from './samplers/daps.js';
import { diffcom } from './samplers/diffcom.js';
import { diffpir } from './samplers/diffpir.js';
import { distilled } from './samplers/distilled.js';
import { hifiDiffcom } from './samplers/hifi-diffcom.js';
import { redDiff } from './samplers/red-diff.js';

/** Every sampler. A new one is a file in `samplers/` and a line here. */
export const samplers = {
  diffcom,
  'hifi-diffcom': hifiDiffcom,
  'blind-diffcom': blindDiffcom,
  diffpir,
  daps,
  'red-diff': redDiff,
  conditional,
  distilled,
} as const satisfies Record<string, Sampler>;

export type SamplerName = keyof typeof samplers;

/** The names of the samplers, in the registry's order. */
export const samplerNames = Object.keys(samplers) as readonly SamplerName[];

/** Made once: frames are configured by it. */
const optionsSchemas = new Map(
  Object.values<Sampler>(samplers).map((sampler) => [sampler.name, optionsSchemaOf(sampler)]),
);

/** Every sampler has `steps`, among others; its conformance test holds it to that. */
type SamplerOptions = Readonly<Record<string, unknown>> & { readonly steps: number };

/** A sampler with its options, every one filled in: ready to begin any number of frames. */
export interface ConfiguredSampler {
  readonly name: SamplerName;
  readonly options: SamplerOptions;
  /** What each frame costs; the graphs that a bundle must have are its keys. */
  readonly evaluations: EvaluationCounts;
  /**
   * Begin a frame.
   *
   * @throws ObservationError when the observation's parts don't fit together
   */
  start(context: SamplerContext): SamplerRun;
}

/**
 * Check a sampler's options and fill in its defaults, or with `preset` `published` what its authors published.
 *
 * @param options e.g. a frame's `decoderOptions`; unknown keys are refused
 * @throws SamplerOptionsError naming every key that was wrong
 */
export function configureSampler(name: string, options: unknown = {}): ConfiguredSampler {
  if (!isSamplerName(name)) {
    throw new SamplerOptionsError(`there is no sampler "${name}"; there are ${samplerNames.join(', ')}`);
  }
  const sampler: Sampler = samplers[name];
  const parsed = optionsSchemas.get(name)!.safeParse(options);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join('.')}: ${message}`,
    );
    throw new SamplerOptionsError(`${name}: ${issues.join('; ')}`, { cause: parsed.error });
  }
  const complete = parsed.data as SamplerOptions;
  return {
    name,
    options: complete,
    evaluations: sampler.evaluations(complete),
    start: (context) => {
      checkObservation(context.observation);
      if (!(context.decoderRmse > 0 && context.decoderRmse < Infinity)) {
        throw new ObservationError(`a one-shot decode can't have an RMSE of ${context.decoderRmse}`);
      }
      return sampler.create(context, complete);
    },
  };
}

function isSamplerName(name: string): name is SamplerName {
  return Object.hasOwn(samplers, name);
}
