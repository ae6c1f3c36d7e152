import { nearestName } from '@semcast/core';
import type { Decoder } from '@semcast/receiver';
import type { DecoderOptions } from '@semcast/transmitter';
import { z } from 'zod';
import type { DecoderOption } from '../arguments/decoder-options.js';
import { UsageError } from '../errors.js';
import { findDecoder, isSampling } from './registry.js';

/** The request for a decoder's options. */
export type OptionedDecoder = Pick<Decoder, 'name' | 'optionsSchema'>;

/** Options as they were typed, by what they say to one decoder. */
export interface ChosenOptions {
  /** Options that are sent, including `steps` if given; the others have the decoder's defaults. */
  readonly sent: DecoderOptions;
  /** All of them, defaults filled in. */
  readonly complete: Readonly<Record<string, unknown>>;
  /** Those that have several values on the command line, with the one that they have here; but for `steps`. */
  readonly varied: DecoderOptions;
}

const optionNames = ({ optionsSchema }: OptionedDecoder): string[] => Object.keys(optionsSchema.shape);

const hasOption = (decoder: OptionedDecoder, name: string): boolean => Object.hasOwn(decoder.optionsSchema.shape, name);

function unknownOption({ name }: DecoderOption, whose: string, known: readonly string[]): UsageError {
  const meant = nearestName(name, known);
  const list = known.length === 0 ? 'it takes none' : `there are ${known.join(', ')}`;
  return new UsageError(`--decoder-option: ${whose} no option "${name}"`, {
    remedy: meant === undefined ? list : `did you mean ${meant}? (${list})`,
  });
}

/**
 * Check that some decoder has each option: a misspelt one that is silently ignored would cost hours.
 *
 * @throws UsageError
 */
export function checkOptionNames(chosen: readonly OptionedDecoder[], given: readonly DecoderOption[]): void {
  const names = chosen.map(({ name }) => name);
  for (const option of given) {
    if (option.decoder === undefined) {
      if (!chosen.some((decoder) => hasOption(decoder, option.name))) {
        throw unknownOption(option, `${names.join(', ')} ${names.length === 1 ? 'has' : 'have'}`, [
          ...new Set(chosen.flatMap(optionNames)),
        ]);
      }
      continue;
    }
    const decoder = chosen.find(({ name }) => name === option.decoder);
    if (decoder === undefined) {
      throw new UsageError(`--decoder-option: "${option.decoder}" isn't among the decoders (${names.join(', ')})`, {
        remedy: 'choose that decoder, or leave its options out',
      });
    }
    if (!hasOption(decoder, option.name)) {
      throw unknownOption(option, `${decoder.name} has`, optionNames(decoder));
    }
  }
}

/** The values that one option is given for a decoder: those for it alone come before those for all. */
function valuesOf(decoder: OptionedDecoder, name: string, given: readonly DecoderOption[]): DecoderOption['value'][] {
  const same = given.filter((option) => option.name === name);
  const own = same.filter((option) => option.decoder === decoder.name);
  return (own.length > 0 ? own : same.filter((option) => option.decoder === undefined)).map(({ value }) => value);
}

/** Check options against a decoder's schema. @throws UsageError naming each that is wrong */
export function validateOptions(
  { name, optionsSchema }: OptionedDecoder,
  sent: DecoderOptions,
  varied: DecoderOptions = {},
): ChosenOptions {
  const parsed = optionsSchema.safeParse(sent);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'options'}: ${message}`);
    const wrong = new Set(parsed.error.issues.map(({ path }) => String(path[0])));
    const meanings = Object.entries(optionsSchema.shape as Record<string, { readonly description?: string }>).flatMap(
      ([option, { description }]) =>
        wrong.has(option) && description !== undefined ? [`${option} is: ${description}`] : [],
    );
    throw new UsageError(`options of ${name}: ${problems.join('; ')}`, {
      remedy: meanings.length === 0 ? 'docs/samplers.md lists them' : meanings.join('; '),
      cause: parsed.error,
    });
  }
  return { sent, complete: parsed.data, varied };
}

/**
 * The settings of one decoder that a command line asks for: each value of an option that is given several times, with
 * each of the others; one setting where none is.
 *
 * `steps` (from `--steps`) are those of every decoder that samples; `DECODER.steps=N` takes their place for one.
 *
 * @throws UsageError naming the option that is wrong
 */
export function chooseOptions(
  decoder: OptionedDecoder,
  given: readonly DecoderOption[],
  steps: readonly number[] = [],
): ChosenOptions[] {
  if (steps.length > 0 && given.some((option) => option.name === 'steps' && option.decoder === undefined)) {
    throw new UsageError('--decoder-option: steps are given by --steps as well', { remedy: 'leave one of them out' });
  }
  let settings: { sent: DecoderOptions; varied: DecoderOptions }[] = [{ sent: {}, varied: {} }];
  for (const name of optionNames(decoder)) {
    const own = valuesOf(decoder, name, given);
    const values = [...new Set(name === 'steps' && own.length === 0 && isSampling(decoder) ? steps : own)];
    if (values.length > 0) {
      settings = settings.flatMap(({ sent, varied }) =>
        values.map((value) => ({
          sent: { ...sent, [name]: value },
          varied: values.length === 1 || name === 'steps' ? varied : { ...varied, [name]: value },
        })),
      );
    }
  }
  return settings.map(({ sent, varied }) => validateOptions(decoder, sent, varied));
}

/**
 * The options of a command's only decoder; undefined when there are none to send.
 *
 * @throws UsageError
 */
export function optionsOfOne(
  decoder: OptionedDecoder,
  given: readonly DecoderOption[],
  steps: number | undefined,
): DecoderOptions | undefined {
  checkOptionNames([decoder], given);
  if (steps !== undefined && !isSampling(decoder)) {
    throw new UsageError(`--steps: ${decoder.name} takes no steps`, {
      remedy: 'leave out --steps, or choose a decoder that samples',
    });
  }
  const chosen = chooseOptions(decoder, given, steps === undefined ? [] : [steps]);
  const [{ sent, varied }] = chosen as [ChosenOptions];
  if (chosen.length > 1) {
    const [name = 'steps'] = Object.keys(varied);
    throw new UsageError(`--decoder-option: ${decoder.name} is given ${name} twice`, { remedy: 'give it once' });
  }
  return Object.keys(sent).length === 0 ? undefined : sent;
}

/**
 * The options of a command's only decoder, which a receiver elsewhere may have and this release not: then they go as
 * they were typed, and are the receiver's to judge. Undefined when there are none to send.
 *
 * @throws UsageError
 */
export function optionsOfNamed(
  name: string,
  given: readonly DecoderOption[],
  steps: number | undefined,
): DecoderOptions | undefined {
  const typed = Object.fromEntries(
    ['steps', ...given.map((option) => option.name)].map((key) => [key, z.unknown().optional()]),
  );
  return optionsOfOne(findDecoder(name) ?? { name, optionsSchema: z.object(typed) }, given, steps);
}
