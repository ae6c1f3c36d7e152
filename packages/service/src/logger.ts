import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { redact } from './redact.js';

/** From the most talkative to none at all. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** Stands in every line as `service`. */
  readonly service: string;
  /** Default 'info'. */
  readonly level?: LogLevel;
  /** Default: standard error, because standard output belongs to results (`--json -`). */
  readonly destination?: DestinationStream;
}

/**
 * A logger of JSON lines: level in words, ISO time, service, what was bound (stream, frame), message.
 *
 * Values of secret names are redacted at any depth and binary data is named by its length: `redact.ts`. Lines are
 * written synchronously, so that the last one before a crash isn't lost.
 */
export function createLogger({ service, level = 'info', destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), bindings: redact, log: redact },
    },
    destination ?? pino.destination({ fd: 2, sync: true }),
  );
}
