import { SemcastError } from '@semcast/core';

export interface CliErrorOptions {
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** `E_USAGE`: the command line doesn't make sense; nothing was run. Exit code 2. */
export class UsageError extends SemcastError {
  override readonly name = 'UsageError';

  constructor(message: string, options: CliErrorOptions = {}) {
    super('E_USAGE', message, options);
  }
}

/** `E_PORT_BUSY`: a port that a command needs is taken. */
export class PortBusyError extends SemcastError {
  override readonly name = 'PortBusyError';

  constructor(message: string, options: CliErrorOptions = {}) {
    super('E_PORT_BUSY', message, options);
  }
}

/** `E_SERVICE_BOOT`: a service that a command started ended, or said nothing, before it was ready. */
export class ServiceBootError extends SemcastError {
  override readonly name = 'ServiceBootError';

  constructor(message: string, options: CliErrorOptions = {}) {
    super('E_SERVICE_BOOT', message, options);
  }
}

/** `E_SERVICE_LOST`: a service kept ending, and was not started once more. */
export class ServiceLostError extends SemcastError {
  override readonly name = 'ServiceLostError';

  constructor(message: string, options: CliErrorOptions = {}) {
    super('E_SERVICE_LOST', message, options);
  }
}

/** `E_OUTPUT`: a result could not be written. */
export class OutputError extends SemcastError {
  override readonly name = 'OutputError';

  constructor(message: string, options: CliErrorOptions = {}) {
    super('E_OUTPUT', message, options);
  }
}

/** `E_INTERRUPTED`: Ctrl-C, or a signal, before the command was done. */
export class InterruptedError extends SemcastError {
  override readonly name = 'InterruptedError';

  constructor(message = 'interrupted', options: CliErrorOptions = {}) {
    super('E_INTERRUPTED', message, options);
  }
}

/** `E_TIMEOUT`: nothing came for as long as a command waits (`--timeout`). */
export class TimeoutError extends SemcastError {
  override readonly name = 'TimeoutError';

  constructor(message: string, options: CliErrorOptions = {}) {
    super('E_TIMEOUT', message, options);
  }
}

/** `E_NO_LINK`: no channel answered in time. */
export class NoLinkError extends SemcastError {
  override readonly name = 'NoLinkError';

  constructor(message: string, options: CliErrorOptions = {}) {
    super('E_NO_LINK', message, options);
  }
}
