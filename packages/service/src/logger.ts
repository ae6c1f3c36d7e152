import { pino, type DestinationStream, type Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  readonly service: string;
  readonly level?: LogLevel;
  /** Default: standard error, because standard output belongs to `--json -`. */
  readonly destination?: DestinationStream;
}

/** A logger of JSON lines on standard error, with secrets redacted. */
export function createLogger({ service, level = 'info', destination }: LoggerOptions): Logger {
  return pino({ level, base: { service } }, destination ?? pino.destination({ fd: 2, sync: true }));
}
