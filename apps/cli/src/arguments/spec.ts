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
  /** What stands for the value in `--help`: `DIR`, `N`. */
  readonly hint: string;
  readonly parse: ValueParser<T>;
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

/** What a command may be given beside flags. */
export interface Positionals {
  readonly name: string;
  readonly summary: string;
}

/** What was typed, by flag: undefined where a value flag wasn't given. */
export type FlagValues<F extends Flags> = {
  readonly [K in keyof F]: F[K] extends ValueFlag<infer T>
    ? T | undefined
    : F[K] extends ManyFlag<infer T>
      ? readonly T[]
      : boolean;
};

export function value<T>(hint: string, parse: ValueParser<T>, summary: string, group?: string): ValueFlag<T> {
  return { kind: 'value', hint, parse, summary, ...(group === undefined ? {} : { group }) };
}

export function many<T>(hint: string, parse: ValueParser<T>, summary: string, group?: string): ManyFlag<T> {
  return { kind: 'many', hint, parse, summary, ...(group === undefined ? {} : { group }) };
}

export function toggle(summary: string, group?: string): SwitchFlag {
  return { kind: 'switch', summary, ...(group === undefined ? {} : { group }) };
}
