import { describeError } from '@semcast/core';
import { leaveClosedTerminal } from '@semcast/service';
import { EXIT_CODES } from './exit-codes.js';
import type { CliIo } from './io.js';
import { cannotWrite } from './json-output.js';
import { SHOW_CURSOR } from './terminal/terminal.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The real world: this process's streams, environment and signals. */
export function createProcessIo(proc: NodeJS.Process): CliIo {
  let controller: AbortController | undefined;
  // Results that can't be written make the command fail in the end, but don't end it: its report may be a file.
  let resultsError: Error | undefined;
  proc.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A closed pipe (`semcast sweep | head`) is no fault: its reader is done, so there is nothing left to do.
    if (error.code === 'EPIPE') {
      proc.exit(EXIT_CODES.failed);
    }
    if (resultsError === undefined) {
      resultsError = error;
      proc.stderr.write(`${describeError(cannotWrite('standard output', error))}\n`);
    }
  });
  // Progress and logs that can't be written are no reason to stop.
  proc.stderr.on('error', () => {});
  // However it ends, by an error of ours too: a live line had hidden the cursor.
  proc.on('exit', () => {
    if (proc.stderr.isTTY) {
      proc.stderr.write(SHOW_CURSOR);
    }
    leaveClosedTerminal();
    if (resultsError !== undefined) {
      proc.exitCode ||= EXIT_CODES.failed;
    }
  });
  return {
    stdout: proc.stdout,
    stderr: proc.stderr,
    env: proc.env,
    interruption: () => {
      if (controller === undefined) {
        const made = new AbortController();
        controller = made;
        for (const name of SIGNALS) {
          proc.on(name, () => {
            // A closing terminal may tell it twice: the kernel does, and the shell.
            if (made.signal.aborted && name !== 'SIGHUP') {
              proc.exit(EXIT_CODES.failed);
            }
            made.abort();
          });
        }
      }
      return controller.signal;
    },
  };
}
