import type { ValueParser } from './values.js';

interface FlagText {
  /** One line for `--help`. */
  readonly summary: string;
  /** Heading under which `--help` lists it; flags without one come first. */
  readonly group?: string;
}

/** A flag with a value: `--cbr 1/24`. Given twice it is an error. */
export interface ValueFlag<T> extends FlagText {
  readonly kind: 'value';
  /** The placeholder of the value in `--help`: `DIR`, `N`. */
  readonly hint: string;
  readonly parse: ValueParser<T>;
  /** The default, as it would be typed; `--help` shows it behind the summary. */
  readonly fallback?: string;
}

/** A flag that collects: `--metric-bundle A --metric-bundle B`, or `--metric-bundle A B`. */
export interface ManyFlag<T> extends FlagText {
  readonly kind: 'many';
  readonly hint: string;
  readonly parse: ValueParser<T>;
}

/** A flag without a value: `--once`, and `--no-once` to take it back. */
export interface SwitchFlag extends FlagText {
  readonly kind: 'switch';
}

// The value types of a command's flags differ, so a record of them can only be bounded by `unknown`.
export type Flag = ValueFlag<unknown> | ManyFlag<unknown> | SwitchFlag;

export type Flags = Readonly<Record<string, Flag>>;

/** The positional arguments of a command. */
export interface Positionals {
  readonly name: string;
  readonly summary: string;
}

/** The typed values, by flag: undefined where a value flag without a default wasn't given. */
export type FlagValues<F extends Flags> = {
  readonly [K in keyof F]: F[K] extends ValueFlag<infer T>
    ? T
    : F[K] extends ManyFlag<infer T>
      ? readonly T[]
      : boolean;
};

export function value<T>(hint: string, parse: ValueParser<T>, summary: string): ValueFlag<T | undefined>;
export function value<T>(hint: string, parse: ValueParser<T>, summary: string, fallback: string | number): ValueFlag<T>;
export function value<T>(
  hint: string,
  parse: ValueParser<T>,
  summary: string,
  fallback?: string | number,
): ValueFlag<T> {
  return { kind: 'value', hint, parse, summary, ...(fallback === undefined ? {} : { fallback: String(fallback) }) };
}

export const many = <T>(hint: string, parse: ValueParser<T>, summary: string): ManyFlag<T> => ({
  kind: 'many',
  hint,
  parse,
  summary,
});

export const toggle = (summary: string): SwitchFlag => ({ kind: 'switch', summary });

/** The same flags under a heading of `--help`. */
export function inGroup<F extends Flags>(group: string, flags: F): F {
  return Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, { ...flag, group }])) as unknown as F;
}
