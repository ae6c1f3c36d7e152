import type { OutputStream } from './terminal/terminal.js';

/** The world of a command: handed in, so that tests run a command without a process. */
export interface CliIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Ask to be told of Ctrl-C (and SIGTERM, SIGHUP) instead of dying of it. The signal is aborted by the first one;
   * the second ends the process at once.
   */
  interruption(): AbortSignal;
}
