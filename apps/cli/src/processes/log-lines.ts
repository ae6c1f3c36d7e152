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

/**
 * Read a line of a service's log: pino's JSON, or plain text (an error before the logger was there, or from the
 * runtime itself).
 */
export function readLogLine(line: string): LogEvent {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return { level: 'error', text: printable(line) };
  }
  if (typeof entry !== 'object' || entry === null || !('level' in entry)) {
    return { level: 'quiet', text: printable(line) };
  }
  const message = 'msg' in entry && typeof entry.msg === 'string' ? entry.msg : '';
  const cause = causeOf(entry);
  const text = message === '' ? cause : cause === '' || message.includes(cause) ? message : `${message}: ${cause}`;
  return {
    level: SEVERITIES[String(entry.level)] ?? 'quiet',
    text: printable(text === '' ? line : text),
  };
}

/** pino writes an error that was logged as `err: { message }`. */
function causeOf(entry: object): string {
  for (const key of ['err', 'error']) {
    const value: unknown = (entry as Record<string, unknown>)[key];
    if (typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string') {
      return value.message;
    }
  }
  return '';
}
