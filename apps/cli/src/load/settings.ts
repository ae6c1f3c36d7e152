import { decoders, type Decoder } from '@semcast/receiver';
import { z } from 'zod';
import type { DecoderOption } from '../arguments/decoder-options.js';
import { flagList, type FlagInput } from '../arguments/flag-list.js';
import { UsageError } from '../errors.js';

type OptionValues = Readonly<Record<string, number | string | boolean>>;

/**
 * The options that go into each frame's head. Those of a decoder that this version knows are checked here and now:
 * at the receiver, each frame would be dropped for them. A decoder that it doesn't know is the receiver's to judge.
 *
 * @throws UsageError
 */
export function decoderOptionsOf(
  decoder: string,
  { steps, options }: { readonly steps: number | undefined; readonly options: readonly DecoderOption[] },
): OptionValues {
  const known: Decoder | undefined = Object.hasOwn(decoders, decoder)
    ? decoders[decoder as keyof typeof decoders]
    : undefined;
  if (steps !== undefined && known !== undefined && !('steps' in known.optionsSchema.shape)) {
    throw new UsageError(`--steps: ${decoder} takes no steps`, {
      remedy: 'leave out --steps, or choose a decoder that samples',
    });
  }
  const values: Record<string, number | string | boolean> = steps === undefined ? {} : { steps };
  for (const { decoder: meant, name, value } of options) {
    if (meant !== undefined && meant !== decoder) {
      throw new UsageError(`--decoder-option: ${meant}.${name} is for another decoder than ${decoder}`, {
        remedy: `write ${name}=${value}, or choose --decoder ${meant}`,
      });
    }
    if (Object.hasOwn(values, name)) {
      throw new UsageError(`--decoder-option: ${name} is given twice`, { remedy: 'give it once' });
    }
    values[name] = value;
  }
  const checked = known?.optionsSchema.safeParse(values);
  if (checked?.success === false) {
    throw new UsageError(`--decoder-option: ${z.prettifyError(checked.error)}`, {
      remedy: `these are options of ${decoder}: ${Object.keys(known!.optionsSchema.shape).join(', ') || 'none'}`,
    });
  }
  return values;
}

/** A command line that does the same again: what was typed and what was filled in, without the token. */
export function commandText(
  flags: Readonly<Record<string, FlagInput>>,
  lists: Readonly<Record<string, readonly string[]>>,
): string {
  const many = Object.entries(lists).flatMap(([name, values]) =>
    values.length === 0 ? [] : [`--${name}`].concat(values),
  );
  return ['semcast', 'load', ...flagList(flags), ...many].map(shellWord).join(' ');
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
