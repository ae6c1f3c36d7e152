import { nearestName, SemcastError } from '@semcast/core';
import { UsageError } from '../errors.js';
import type { Flag, Flags, FlagValues, Positionals } from './spec.js';

export interface ParsedArguments<F extends Flags> {
  readonly flags: FlagValues<F>;
  readonly positionals: readonly string[];
  /** The flags that were typed: tells `--no-loop` from no word about it. */
  readonly given: ReadonlySet<string>;
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
 * Read a command line strictly: what isn't known, is missing, or comes twice is an error that names the flag and
 * what was probably meant. A misspelt flag that is silently ignored would cost an hour of sweep.
 *
 * @throws UsageError
 */
export function parseArguments<F extends Flags>(argv: readonly string[], spec: ArgumentSpec<F>): ParsedArguments<F> {
  const known: Flags = spec.flags;
  const found = new Map<string, unknown>();
  const positionals: string[] = [];
  const rest = [...argv];

  const take = (name: string, hint: string): string => {
    const next = rest.shift();
    if (next === undefined || looksLikeFlag(next)) {
      throw new UsageError(`--${name} needs a value`, { remedy: `write --${name} ${hint}` });
    }
    return next;
  };

  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === '--') {
      positionals.push(...rest.splice(0));
      break;
    }
    if (!looksLikeFlag(argument)) {
      positionals.push(argument);
      continue;
    }
    const { name, flag, negated, inline } = lookUp(argument, known);
    switch (flag.kind) {
      case 'switch': {
        if (inline !== undefined && inline !== 'true' && inline !== 'false') {
          throw new UsageError(`--${name} takes no value`, { remedy: `write --${name} or --no-${name}` });
        }
        // `--loop false` would be taken for two things, and means one.
        if (spec.positionals === undefined && (rest[0] === 'true' || rest[0] === 'false')) {
          throw new UsageError(`--${name} takes no value`, { remedy: `write --${name} or --no-${name}` });
        }
        found.set(name, (inline !== 'false') !== negated);
        break;
      }
      case 'value': {
        if (found.has(name)) {
          throw new UsageError(`--${name} is given twice`, { remedy: 'give it once' });
        }
        found.set(name, parseValue(name, flag.parse, inline ?? take(name, flag.hint)));
        break;
      }
      case 'many': {
        const values = (found.get(name) as unknown[] | undefined) ?? [];
        values.push(parseValue(name, flag.parse, inline ?? take(name, flag.hint)));
        // Where nothing but flags is expected, what follows belongs to the flag: `--metric-bundle A B`.
        while (spec.positionals === undefined && rest.length > 0 && !looksLikeFlag(rest[0]!)) {
          values.push(parseValue(name, flag.parse, rest.shift()!));
        }
        found.set(name, values);
        break;
      }
    }
  }

  if (spec.positionals === undefined && positionals.length > 0) {
    throw new UsageError(`"${positionals[0]}" is not expected here`, {
      remedy: 'values follow their flag; see --help',
    });
  }
  const flags: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(known)) {
    flags[name] = found.get(name) ?? (flag.kind === 'switch' ? false : flag.kind === 'many' ? [] : undefined);
  }
  return { flags: flags as FlagValues<F>, positionals, given: new Set(found.keys()) };
}

function lookUp(argument: string, known: Flags): { name: string; flag: Flag; negated: boolean; inline?: string } {
  const [typed, ...values] = argument.replace(/^--?/, '').split('=') as [string, ...string[]];
  const inline = values.length === 0 ? {} : { inline: values.join('=') };
  if (argument.startsWith('--')) {
    const flag = own(known, typed);
    if (flag !== undefined) {
      return { name: typed, flag, negated: false, ...inline };
    }
    const positive = typed.startsWith('no-') ? typed.slice(3) : undefined;
    const negatedFlag = positive === undefined ? undefined : own(known, positive);
    if (positive !== undefined && negatedFlag?.kind === 'switch') {
      return { name: positive, flag: negatedFlag, negated: true, ...inline };
    }
  }
  const meant = nearestName(typed, Object.keys(known));
  throw new UsageError(`${argument.split('=')[0]} is no flag of this command`, {
    remedy: meant === undefined ? 'see --help' : `did you mean --${meant}?`,
  });
}

/** A flag by name, blind to what every object inherits (`--constructor`). */
function own(flags: Flags, name: string): Flag | undefined {
  return Object.hasOwn(flags, name) ? flags[name] : undefined;
}

function parseValue(name: string, parse: (text: string) => unknown, typed: string): unknown {
  try {
    return parse(typed);
  } catch (error) {
    if (error instanceof SemcastError) {
      throw new UsageError(`--${name}: ${error.message}`, {
        ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
        cause: error,
      });
    }
    throw error;
  }
}
