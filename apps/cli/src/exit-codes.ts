/** The exit codes of commands. Part of the command line's contract. */
export const EXIT_CODES = {
  done: 0,
  /** It ran and failed, or was interrupted before it was done. */
  failed: 1,
  /** It didn't run: the command line or the configuration is wrong. */
  usage: 2,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];
