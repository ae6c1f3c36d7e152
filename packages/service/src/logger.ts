import { pino, stdTimeFunctions, symbols, type Bindings, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from '@semcast/config';
import { redact, redactUrls } from '@semcast/core';
import { LineLimit } from './line-limit.js';
import { LogOutput } from './log-output.js';

/** Warnings of one kind in a minute; frames and links are refused as often as their senders like. */
const WARNINGS_PER_MINUTE = 60;

export interface LoggerOptions {
  /** Stands in every line as `service`. */
  readonly service: string;
  /** Default 'info'. */
  readonly level?: LogLevel;
  /** Default: standard error, because standard output belongs to results (`--json -`). */
  readonly destination?: DestinationStream;
}

/**
 * A logger of JSON lines: level as a name, ISO time, service, what was bound (stream, frame), message.
 *
 * Warnings of one kind are limited: `line-limit.ts`.
 * Values of secret names are redacted at any depth and binary data is named by its length: `redact.ts`. Lines are
 * written synchronously, so that the last one before a crash isn't lost. Those that can't be written are left out and
 * counted: `log-output.ts`.
 */
export function createLogger({ service, level = 'info', destination }: LoggerOptions): Logger {
  const limit = new LineLimit(WARNINGS_PER_MINUTE);
  const logger: Logger = pino(
    {
      level,
      base: { service },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redact },
      hooks: {
        logMethod(args, method, levelNumber) {
          limit.log(this, args, levelNumber, method);
        },
        // Of the whole line: messages, errors and their stacks name addresses, too.
        streamWrite: redactUrls,
      },
    },
    destination ??
      new LogOutput(2, ({ lines, error }) => {
        logger.warn({ lines, err: error }, `${lines} lines are missing before this one: the log couldn't be written`);
      }),
  );
  // Pino formats what a line brings, not what a child is bound to. Children inherit this method from their parent.
  // oxlint-disable-next-line typescript/unbound-method -- the proxy passes `this` on
  logger.child = new Proxy(logger.child, {
    apply: (child, self: unknown, [bindings, options]: [Bindings, unknown]) =>
      Reflect.apply(child, self, [redact(bindings), options]),
  });
  return logger;
}

/** Be told when a logger begins to be unable to write; never where it writes to a destination of somebody else's. */
export function onLogFailure(logger: Logger, listener: (error: Error) => void): void {
  // Children write where their parent does.
  const output: unknown = Reflect.get(logger, symbols.streamSym);
  if (output instanceof LogOutput) {
    output.onFailure(listener);
  }
}
