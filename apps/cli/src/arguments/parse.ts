import { parseArgs } from 'node:util';
import { nearestName, SemcastError } from '@semcast/core';
import { UsageError } from '../errors.js';
import type { Flag, Flags, FlagValues, Positionals } from './spec.js';

export interface ParsedArguments<F extends Flags> {
  readonly flags: FlagValues<F>;
  readonly positionals: readonly string[];
  /** The flags that were typed, with their texts: tells `--no-loop` from no word about it. */
  readonly given: ReadonlyMap<string, readonly string[]>;
}

export interface ArgumentSpec<F extends Flags> {
  readonly flags: F;
  readonly positionals?: Positionals | undefined;
}

/** `-5` and `-.5,3` are values; `-x` and `--x` are not. */
function looksLikeFlag(argument: string): boolean {
  return argument.startsWith('-') && argument !== '-' && !/^-[\d.]/.test(argument);
}

/**
 * Read a command line strictly: a flag that is unknown, missing, or given twice is an error that names it and
 * what was probably meant. A misspelt flag that is silently ignored would cost an hour of sweep.
 *
 * @throws UsageError
 */
export function parseArguments<F extends Flags>(argv: readonly string[], spec: ArgumentSpec<F>): ParsedArguments<F> {
  const known: Flags = spec.flags;
  // Not strict: its errors name neither what was meant nor what to write.
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      Object.entries(known).map(([name, { kind }]) => [name, { type: kind === 'switch' ? 'boolean' : 'string' }]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, string[]>();
  const positionals: string[] = [];
  /** Where only flags are expected, the following arguments belong to the flag: `--metric-bundle A B`. */
  let open: { readonly name: string; readonly flag: Flag } | undefined;
  for (const token of tokens) {
    if (token.kind === 'option') {
      const { name, flag, isOn } = lookUp(argv[token.index]!, known);
      given.set(name, textsOf(name, flag, token, isOn, given.get(name)));
      open = spec.positionals === undefined ? { name, flag } : undefined;
    } else if (token.kind === 'option-terminator') {
      open = undefined;
    } else if (open?.flag.kind === 'many') {
      given.get(open.name)!.push(token.value);
    } else if (open?.flag.kind === 'switch' && /^(true|false)$/.test(token.value)) {
      // `--loop false` would be taken for two things, and means one.
      throw noValue(open.name);
    } else if (spec.positionals === undefined) {
      throw new UsageError(`"${token.value}" is not expected here`, { remedy: 'values follow their flag; see --help' });
    } else {
      positionals.push(token.value);
    }
  }
  const flags = Object.entries(known).map(([name, flag]) => [name, valueOf(name, flag, given.get(name))] as const);
  return { flags: Object.fromEntries(flags) as FlagValues<F>, positionals, given };
}

/** A flag by what was typed, blind to what every object inherits (`--constructor`). */
function lookUp(argument: string, known: Flags): { name: string; flag: Flag; isOn: boolean } {
  const typed = argument.replace(/^--?/, '').split('=')[0]!;
  const positive = typed.replace(/^no-/, '');
  for (const name of argument.startsWith('--') ? [typed, positive] : []) {
    const flag = Object.hasOwn(known, name) ? known[name]! : undefined;
    if (flag !== undefined && (name === typed || flag.kind === 'switch')) {
      return { name, flag, isOn: name === typed };
    }
  }
  const meant = nearestName(typed, Object.keys(known));
  throw new UsageError(`${argument.split('=')[0]} is no flag of this command`, {
    remedy: meant === undefined ? 'see --help' : `did you mean --${meant}?`,
  });
}

/** What a flag was given, now and before. */
function textsOf(
  name: string,
  flag: Flag,
  { value, inlineValue }: { readonly value: string | undefined; readonly inlineValue: boolean | undefined },
  isOn: boolean,
  before: readonly string[] = [],
): string[] {
  if (flag.kind === 'switch') {
    if (value !== undefined && value !== 'true' && value !== 'false') {
      throw noValue(name);
    }
    return [String((value !== 'false') === isOn)];
  }
  if (value === undefined || (inlineValue !== true && looksLikeFlag(value))) {
    throw new UsageError(`--${name} needs a value`, { remedy: `write --${name} ${flag.hint}` });
  }
  if (flag.kind === 'value' && before.length > 0) {
    throw new UsageError(`--${name} is given twice`, { remedy: 'give it once' });
  }
  return [...before, value];
}

function noValue(name: string): UsageError {
  return new UsageError(`--${name} takes no value`, { remedy: `write --${name} or --no-${name}` });
}

function valueOf(name: string, flag: Flag, typed: readonly string[] = []): unknown {
  if (flag.kind === 'switch') {
    return typed[0] === 'true';
  }
  try {
    if (flag.kind === 'many') {
      return typed.map(flag.parse);
    }
    const text = typed[0] ?? flag.fallback;
    return text === undefined ? undefined : flag.parse(text);
  } catch (error) {
    if (error instanceof SemcastError) {
      throw new UsageError(`--${name}: ${error.message}`, { remedy: error.remedy, cause: error });
    }
    throw error;
  }
}
