import { commandLine } from '../arguments/command-line.js';
import { flagList } from '../arguments/flag-list.js';
import type { Flags } from '../arguments/spec.js';

/**
 * A command line that repeats the run: the typed flags, and every default.
 *
 * @param known in place of what was typed: what a default came to; undefined for what is left out
 */
export function commandText(
  name: string,
  flags: Flags,
  given: ReadonlyMap<string, readonly string[]>,
  known: Readonly<Record<string, string | number | undefined>>,
): string {
  const words = Object.entries(flags).flatMap(([flagName, flag]) => {
    const typed = given.get(flagName);
    if (flagName in known) {
      return flagList({ [flagName]: known[flagName] });
    }
    if (flag.kind === 'many') {
      return typed === undefined ? [] : [`--${flagName}`, ...typed];
    }
    const text = typed?.[0] ?? (flag.kind === 'value' ? flag.fallback : undefined);
    return flagList({ [flagName]: flag.kind === 'switch' && text !== undefined ? text === 'true' : text });
  });
  return commandLine(name, words);
}
