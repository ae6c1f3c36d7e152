import { randomFor, type RandomSource } from '@semcast/core';
import type { z } from 'zod';
import type { SamplerGraph, SamplerRun } from './evaluation.js';
import type { SamplerContext } from './evaluator.js';

/** Evaluations of each graph that one frame takes; a graph that isn't listed isn't used. */
export type EvaluationCounts = Readonly<Partial<Record<SamplerGraph, number>>>;

/**
 * A posterior sampler: one file, and one line in `registry.ts`.
 *
 * Being in the registry gives it its place among the decoders, its validated options and its conformance tests.
 */
export interface Sampler<Options extends z.ZodObject = z.ZodObject> {
  /** Its key in the registry; kebab-case. */
  readonly name: string;
  /** One line for `--help` and the console. */
  readonly summary: string;
  /** Strict and flat; every option has a default or may be left out, so that the name alone is a configuration. */
  readonly optionsSchema: Options;
  /** Options as the paper and its authors' code have them; absent for what is no published method. */
  readonly published?: z.input<Options>;
  /** Fewest steps that it takes; `MIN_STEPS` where it isn't given. */
  readonly fewestSteps?: number;
  /** What a frame will cost with these options: exactly as many evaluations as a run asks for. */
  evaluations(options: z.output<Options>): EvaluationCounts;
  /** Begin a frame. The state machine asks for nothing before its first `next()`. */
  create(context: SamplerContext, options: z.output<Options>): SamplerRun;
}

/** The sampler's random numbers for one frame: a function of seed, stream and frame alone. */
export function samplerRandom(coordinates: { seed: number; stream: string; frame: number }): RandomSource {
  return randomFor({ ...coordinates, purpose: 'sampler' });
}
