import { cbrValue, formatCbr, nearestName, parseCbr } from '@semcast/core';
import { UsageError } from '../errors.js';

/** Turns what was typed after a flag into a value. @throws UsageError, or any SemcastError, saying what is wrong. */
export type ValueParser<T> = (text: string) => T;

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** A decimal number within [min, max]; `1e3` and `-2.5` count, an empty text, `0x10` and `Infinity` don't. */
export const number = ({ min = -Infinity, max = Infinity }: Range = {}): ValueParser<number> =>
  numberOf(/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i, 'is no number', 'write it as 10, -2.5 or 1e3', min, max);

/** A whole number within [min, max], both at most 2^53 - 1. */
export const integer = ({ min = 0, max = Number.MAX_SAFE_INTEGER }: Range = {}): ValueParser<number> =>
  numberOf(/^[-+]?\d+$/, 'is no whole number', 'write digits alone', min, max);

function numberOf(form: RegExp, fault: string, remedy: string, min: number, max: number): ValueParser<number> {
  const open = max === Infinity || max === Number.MAX_SAFE_INTEGER;
  return (text) => {
    const value = Number(text);
    if (!form.test(text.trim()) || !Number.isFinite(value) || (open && max < Infinity && value > max)) {
      throw new UsageError(`"${text}" ${fault}`, { remedy });
    }
    if (value < min || value > max) {
      throw new UsageError(`${text} is outside ${open ? `${min} and above` : `${min} … ${max}`}`, {
        remedy: 'give a value from that range',
      });
    }
    return value;
  };
}

/** Any text but an empty one: a folder, a file, a name. */
export const text: ValueParser<string> = (typed) => {
  if (typed.trim() === '') {
    throw new UsageError('an empty text is no value', { remedy: 'write a value, or leave the flag out' });
  }
  return typed;
};

/** One of a closed set of names. */
export function oneOf<const Name extends string>(names: readonly Name[]): ValueParser<Name> {
  return (typed) => {
    const found = names.find((name) => name === typed);
    if (found === undefined) {
      const meant = nearestName(typed, names);
      throw new UsageError(`"${typed}" isn't known`, {
        remedy:
          meant === undefined ? `choose from ${names.join(', ')}` : `did you mean ${meant}? (${names.join(', ')})`,
      });
    }
    return found;
  };
}

/** The longest list that a flag takes: enough for any sweep, too little to exhaust memory by a slip. */
export const MAX_LIST_ENTRIES = 1000;

/** Several values in one, `0,5,10`. Repeated values count once. */
export function list<T extends string | number>(entry: ValueParser<T>): ValueParser<readonly T[]> {
  return (typed) => {
    const parts = typed.split(',').map((part) => part.trim());
    if (parts.length > MAX_LIST_ENTRIES) {
      throw new UsageError(`a list of ${parts.length} values is too long`, {
        remedy: `give at most ${MAX_LIST_ENTRIES}`,
      });
    }
    if (parts.includes('')) {
      throw new UsageError(`"${typed}" has an empty entry`, { remedy: 'separate values by single commas' });
    }
    return [...new Set(parts.map(entry))];
  };
}

/** CSNR in dB per complex symbol, within what a channel can make. */
export const snrDb: ValueParser<number> = number({ min: -50, max: 100 });

/** A bandwidth ratio in the form it has in a bundle: `1/24`; `2/48` stays as typed. */
export const cbr: ValueParser<string> = (typed) => formatCbr(parseCbr(typed));

/** `a` and `b` are the same ratio, however they were written. */
export function sameCbr(a: string, b: string): boolean {
  return Math.abs(cbrValue(parseCbr(a)) / cbrValue(parseCbr(b)) - 1) < 1e-9;
}

/** Either one SNR (`10`), or a swing between two (`0..20`). */
export type SnrRange = { readonly fromDb: number; readonly toDb: number };

/** `10` → a constant, `0..20` → a swing. */
export const snrOrRange: ValueParser<number | SnrRange> = (typed) => {
  const parts = typed.split('..');
  if (parts.length === 1) {
    return snrDb(typed);
  }
  if (parts.length !== 2) {
    throw new UsageError(`"${typed}" is neither an SNR nor a range`, { remedy: 'write 10, or 0..20' });
  }
  const [fromDb, toDb] = [snrDb(parts[0]!), snrDb(parts[1]!)];
  if (fromDb >= toDb) {
    throw new UsageError(`the range ${typed} doesn't rise`, { remedy: `write ${toDb}..${fromDb}, or one SNR` });
  }
  return { fromDb, toDb };
};

/** An address to connect to, `ws://host:port` or `wss://…`. */
export const webSocketUrl: ValueParser<string> = (typed) => {
  let url: URL;
  try {
    url = new URL(typed);
  } catch {
    throw new UsageError(`"${typed}" is no address`, {
      remedy: 'write ws://HOST:PORT, for example ws://127.0.0.1:7401',
    });
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new UsageError(`"${typed}" isn't an address of a WebSocket`, {
      remedy: `write ws://${url.host === '' ? 'HOST:PORT' : url.host}`,
    });
  }
  return typed;
};

/** A port to listen on; 0 lets the system choose. */
export const port: ValueParser<number> = integer({ min: 0, max: 65_535 });
