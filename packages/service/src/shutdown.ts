import { describeError } from '@semcast/core';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';

export interface ShutdownOptions {
  readonly logger: Logger;
  /** After this the process ends whether `close` has or not. Default 10 s. */
  readonly timeoutMs?: number;
}

export interface Shutdown {
  /** Begin the end from within, as a signal would. */
  close(): void;
  /** Leave signals to somebody else again. */
  uninstall(): void;
}

/**
 * Run until a signal (SIGINT, SIGTERM, SIGHUP, …), then `close()` and exit: 0 when all went well, 1 after an uncaught
 * error, when `close` failed, or when it took longer than the timeout. A second signal ends the process at once, with 1.
 */
export function runUntilSignal(close: () => Promise<void>, { logger, timeoutMs = 10_000 }: ShutdownOptions): Shutdown {
  return closeWithGrace(
    {
      delay: timeoutMs,
      logger: { error: (error: unknown) => logger.error({ err: error }, 'closing failed') },
      onSecondSignal: (signal) => logger.warn({ signal }, 'second signal: ending at once'),
      onSecondError: (error) => logger.fatal({ err: error }, `error while closing: ${describeError(error)}`),
      onTimeout: (delay) => logger.error(`not closed after ${delay} ms: ending anyway; what was unfinished is lost`),
    },
    async ({ signal, err }) => {
      if (err === undefined) {
        logger.info({ signal }, 'closing');
      } else {
        logger.fatal({ err }, `uncaught error: ${describeError(err)}`);
      }
      await close();
      logger.info('closed');
    },
  );
}
