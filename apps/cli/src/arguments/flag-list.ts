/** A flag's value as a program gives it: true is the flag alone, false its negation, undefined nothing at all. */
export type FlagInput = string | number | boolean | undefined;

/** `{ port: 7401, loop: false }` → `['--port', '7401', '--no-loop']`: the command line of a service to be started. */
export function flagList(flags: Readonly<Record<string, FlagInput>>): string[] {
  return Object.entries(flags).flatMap(([name, value]) => {
    if (value === undefined) {
      return [];
    }
    if (typeof value === 'boolean') {
      return [value ? `--${name}` : `--no-${name}`];
    }
    return [`--${name}`, String(value)];
  });
}
