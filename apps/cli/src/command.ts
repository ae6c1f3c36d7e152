import { parseArguments, type ParsedArguments } from './arguments/parse.js';
import type { Flags } from './arguments/spec.js';
import { EXIT_CODES, type ExitCode } from './exit-codes.js';
import type { CliIo } from './io.js';
import { STANDARD_OUTPUT } from './json-output.js';
import { renderCommandHelp, type CommandHelp } from './terminal/help.js';
import { createTerminal, type Terminal } from './terminal/terminal.js';

/** The arguments of a command's `run`. */
export interface Invocation<F extends Flags> extends ParsedArguments<F> {
  /** The words after the command's name, as they were typed. */
  readonly argv: readonly string[];
  readonly io: CliIo;
  /** Where it writes for people: also its results go to standard error where `--json -` takes standard output. */
  readonly terminal: Terminal;
}

export interface CommandSpec<F extends Flags> extends Omit<CommandHelp, 'name' | 'summary'> {
  readonly flags: F;
  run(invocation: Invocation<F>): Promise<ExitCode>;
}

/** A command that is ready to be run with the words that follow its name. */
export interface Command {
  readonly help: Omit<CommandHelp, 'name' | 'summary'>;
  /** @param named what it is called and what it does, for its help */
  run(argv: readonly string[], io: CliIo, named: Pick<CommandHelp, 'name' | 'summary'>): Promise<ExitCode>;
}

/** Whether `--help` or `-h` stands among the words, before a lone `--`. */
function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? undefined : end).some((word) => word === '--help' || word === '-h');
}

/** Make a command of its description: strict arguments, and help that is generated from the same table. */
export function createCommand<F extends Flags>(spec: CommandSpec<F>): Command {
  return {
    help: spec,
    run: async (argv, io, named) => {
      if (asksForHelp(argv)) {
        const terminal = createTerminal(io);
        const options = { colours: terminal.resultColours, columns: terminal.resultColumns };
        terminal.result(renderCommandHelp({ ...spec, ...named }, options));
        return EXIT_CODES.done;
      }
      const parsed = parseArguments(argv, spec);
      const { json }: { readonly json?: unknown } = parsed.flags;
      const terminal = createTerminal({ ...io, jsonOnStdout: json === STANDARD_OUTPUT });
      return await spec.run({ ...parsed, argv, io, terminal });
    },
  };
}

/** The part of a command that is known before its code is loaded, so that `--help` and a typo answer at once. */
export interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}
