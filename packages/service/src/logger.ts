import { pino, stdTimeFunctions, type Bindings, type DestinationStream, type Logger } from 'pino';
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
  const logger = pino(
    {
      level,
      base: { service },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redact },
    },
    destination ?? pino.destination({ fd: 2, sync: true }),
  );
  // Pino formats what a line brings, not what a child is bound to. Children inherit this method from their parent.
  // oxlint-disable-next-line typescript/unbound-method -- the proxy passes `this` on
  logger.child = new Proxy(logger.child, {
    apply: (child, self: unknown, [bindings, options]: [Bindings, unknown]) =>
      Reflect.apply(child, self, [redact(bindings), options]),
  });
  return logger;
}
