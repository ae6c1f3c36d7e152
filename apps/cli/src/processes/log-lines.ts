import { z } from 'zod';
import { printable } from '../terminal/width.js';

/** Splits a stream of bytes into lines; a line that is too long is cut, so that memory stays bounded. */
export function createLineSplitter(onLine: (line: string) => void, maxLength = 64 * 1024): (chunk: string) => void {
  let pending = '';
  return (chunk) => {
    pending += chunk;
    for (let end = pending.indexOf('\n'); end !== -1; end = pending.indexOf('\n')) {
      const line = pending.slice(0, end).replace(/\r$/, '');
      pending = pending.slice(end + 1);
      if (line !== '') {
        onLine(line.slice(0, maxLength));
      }
    }
    if (pending.length > maxLength) {
      onLine(pending.slice(0, maxLength));
      pending = '';
    }
  };
}

/** The importance of a log line for a user at the terminal. */
export interface LogEvent {
  readonly level: 'quiet' | 'warning' | 'error';
  /** One line without control characters. */
  readonly text: string;
}

/** pino's levels, as numbers or as names. */
const SEVERITIES: Readonly<Record<string, LogEvent['level']>> = {
  40: 'warning',
  warn: 'warning',
  50: 'error',
  error: 'error',
  60: 'error',
  fatal: 'error',
};

const cause = z
  .object({ message: z.string() })
  .transform(({ message }) => message)
  .optional()
  .catch(undefined);
/** pino's JSON; an error that was logged is `err: { message }`. */
const logEntry = z.object({ level: z.unknown(), msg: z.string().catch(''), err: cause, error: cause });

/**
 * Read a line of a service's log: pino's JSON, or plain text (an error before the logger was there, or from the
 * runtime itself).
 */
export function readLogLine(line: string): LogEvent {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return { level: 'error', text: printable(line) };
  }
  const { level, msg = '', err, error } = logEntry.safeParse(json).data ?? {};
  const why = err ?? error ?? '';
  const text = msg.includes(why) ? msg : [msg, why].filter((part) => part !== '').join(': ');
  return { level: SEVERITIES[String(level)] ?? 'quiet', text: printable(text === '' ? line : text) };
}
