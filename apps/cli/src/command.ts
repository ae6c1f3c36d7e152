import { defineCommand, type CommandDef } from 'citty';
import { parseArguments } from './arguments/parse.js';
import type { Flags, FlagValues, Positionals } from './arguments/spec.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT_CODES } from './exit-codes.js';
import type { CliIo } from './io.js';
import { renderCommandHelp, type CommandHelp, type Example } from './terminal/help.js';
import { createTerminal } from './terminal/terminal.js';

/** What a command is called with. */
export interface Invocation<F extends Flags> {
  readonly flags: FlagValues<F>;
  readonly positionals: readonly string[];
  /** The flags that were typed. */
  readonly given: ReadonlySet<string>;
  /** The words after the command's name, as they were typed. */
  readonly argv: readonly string[];
  readonly io: CliIo;
}

export interface CommandSpec<F extends Flags> {
  readonly name: string;
  /** One line, in the list of commands. */
  readonly summary: string;
  readonly details?: string;
  readonly flags: F;
  readonly positionals?: Positionals;
  readonly examples: readonly Example[];
  run(invocation: Invocation<F>): Promise<ExitCode>;
}

/** A command that is ready to be run with the words that follow its name. */
export interface Command {
  readonly help: CommandHelp;
  run(argv: readonly string[], io: CliIo): Promise<ExitCode>;
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
    run: async (argv, io) => {
      if (asksForHelp(argv)) {
        const terminal = createTerminal(io);
        terminal.result(renderCommandHelp(spec, { colours: terminal.resultColours, columns: terminal.resultColumns }));
        return EXIT_CODES.done;
      }
      return await spec.run({ ...parseArguments(argv, spec), argv, io });
    },
  };
}

/** What is known of a command before its code is loaded, so that `--help` and a typo answer at once. */
export interface CommandEntry {
  readonly summary: string;
  /** Not listed: for semcast's own use. */
  readonly hidden?: boolean;
  load(): Promise<Command>;
}

/**
 * A command as citty has it, for dispatch by name. citty's own parser is passed by: it lets unknown and misspelt
 * flags through in silence, and wrong usage must exit with 2.
 */
export function toCittyCommand(
  name: string,
  entry: CommandEntry,
  io: CliIo,
  onExit: (code: ExitCode) => void,
): CommandDef {
  return defineCommand({
    meta: { name, description: entry.summary, hidden: entry.hidden === true },
    run: async ({ rawArgs }) => {
      const command = await entry.load();
      onExit(await command.run(rawArgs, io));
    },
  });
}
