import { commandLine } from '../arguments/command-line.js';
import { flagList, type FlagInput } from '../arguments/flag-list.js';

/** A command line that does the same again: what was typed and what was filled in, without the token. */
export function commandText(
  flags: Readonly<Record<string, FlagInput>>,
  lists: Readonly<Record<string, readonly string[]>>,
): string {
  const many = Object.entries(lists).flatMap(([name, values]) =>
    values.length === 0 ? [] : [`--${name}`].concat(values),
  );
  return commandLine('load', [...flagList(flags), ...many]);
}
