import { describeError, nearestName, SemcastError } from '@semcast/core';
import type { CommandEntry } from './command.js';
import { UsageError } from './errors.js';
import { EXIT_CODES, type ExitCode } from './exit-codes.js';
import type { CliIo } from './io.js';
import { commands } from './registry.js';
import { renderProgramHelp } from './terminal/help.js';
import { createTerminal } from './terminal/terminal.js';
import { printable } from './terminal/width.js';
import { semcastVersion } from './version.js';

const entries: Readonly<Record<string, CommandEntry>> = commands;

/** Run a command line (without `node` and the script) and tell the exit code. Never rejects. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    const terminal = createTerminal(io);
    const { colours } = terminal;
    terminal.close();
    const usage = error instanceof UsageError;
    const [message, code] = error instanceof SemcastError ? [error.message, error.code] : [describeError(error), null];
    terminal.note(`${colours.red('✗')} ${printable(message)}${code === null ? '' : ` ${colours.dim(`[${code}]`)}`}`);
    if (error instanceof SemcastError && error.remedy !== undefined) {
      terminal.note(`  ${colours.dim('→')} ${printable(error.remedy)}`);
    }
    // A fault of ours: the place helps whoever reports it.
    if (!(error instanceof SemcastError) && error instanceof Error && error.stack !== undefined) {
      terminal.note(colours.dim(error.stack.split('\n').slice(1).join('\n')));
    }
    return usage ? EXIT_CODES.usage : EXIT_CODES.failed;
  }
}

async function dispatch(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  const [name, next] = argv;
  if (name === undefined || name === '--help' || name === '-h' || (name === 'help' && next === undefined)) {
    const terminal = createTerminal(io);
    const help = renderProgramHelp(
      {
        version: semcastVersion(),
        commands: Object.entries(entries).map(([command, { summary }]) => ({ name: command, summary })),
      },
      { colours: terminal.resultColours, columns: terminal.resultColumns },
    );
    if (name === undefined) {
      terminal.note(help);
      return EXIT_CODES.usage;
    }
    terminal.result(help);
    return EXIT_CODES.done;
  }
  if (name === '--version' || name === '-v') {
    createTerminal(io).result(semcastVersion());
    return EXIT_CODES.done;
  }
  if (name === 'help') {
    return await dispatch([next!, '--help'], io);
  }
  if (!Object.hasOwn(entries, name)) {
    const meant = nearestName(name, Object.keys(entries));
    throw new UsageError(
      name.startsWith('-') ? `${name} stands before the command` : `"${name}" is no command of semcast`,
      {
        remedy:
          meant === undefined
            ? `semcast --help lists them: ${Object.keys(commands).join(', ')}`
            : `did you mean semcast ${meant}?`,
      },
    );
  }
  const { summary, load } = entries[name]!;
  const command = await load();
  return await command.run(argv.slice(1), io, { name, summary });
}
