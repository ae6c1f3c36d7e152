import { redactUrls } from './secrets.js';

/** What an error says beside its message: what to do about it, and what it came from. */
export interface SemcastErrorOptions {
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The base of every error that a semcast user may read.
 *
 * `code` is stable and documented (docs/errors.md); `message` says what was wrong, `remedy` what to do about it. Both are
 * shown to others (logs, HTTP, links), so passwords and tokens of the URLs in them are left out.
 * Packages subclass it in their own `errors.ts`.
 */
export class SemcastError extends Error {
  override readonly name: string = 'SemcastError';
  readonly code: string;
  readonly remedy: string | undefined;

  constructor(code: string, message: string, options: SemcastErrorOptions = {}) {
    super(redactUrls(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy === undefined ? undefined : redactUrls(options.remedy);
  }
}

/** One line for a terminal or a log: what was wrong and, where known, what to do. */
export function describeError(error: unknown): string {
  if (error instanceof SemcastError) {
    return error.remedy === undefined
      ? `${error.message} [${error.code}]`
      : `${error.message} — ${error.remedy} [${error.code}]`;
  }
  return redactUrls(error instanceof Error ? error.message : String(error));
}

/**
 * The base of an error that has one code: `class UsageError extends errorClass('UsageError', 'E_USAGE') {}`.
 *
 * @param defaultRemedy what to do about it where whoever throws says nothing else
 */
export function errorClass(className: string, code: string, defaultRemedy?: string) {
  return class extends SemcastError {
    override readonly name: string = className;

    constructor(message: string, options: SemcastErrorOptions = {}) {
      super(code, message, { ...options, remedy: options.remedy ?? defaultRemedy });
    }
  };
}

/** A value that a caller passed is outside what a function is defined for. */
export class ArgumentError extends errorClass('ArgumentError', 'E_ARGUMENT') {}
