import { closeSync, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { describeError } from '@semcast/core';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';

export interface ShutdownOptions {
  readonly logger: Logger;
  /** After this the process ends whether `close` has or not. Default 10 s. */
  readonly timeoutMs?: number;
}

/**
 * What the processor, or the process itself, raises at a fault. With a listener the faulting instruction would run
 * again and again while the event loop, which calls listeners, never comes to its turn. Without one the process dies by
 * the signal, as whoever watches over it must see.
 */
const FAULTS = ['SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGTRAP', 'SIGABRT'] as const;

/**
 * Die by a signal, now. `process.exit` would first wait for threads: for a network that runs, a picture that is read.
 */
function dieBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/**
 * Replace those of the three standard streams that are a terminal which was closed. At its exit Node sets terminals
 * back to how it found them, and aborts when one is gone. For listeners of `exit`.
 */
export function leaveClosedTerminal(): void {
  for (const fd of [0, 1, 2]) {
    try {
      // A terminal that is gone is still a device, but no terminal.
      if (fstatSync(fd).isCharacterDevice() && !isatty(fd)) {
        closeSync(fd);
        // Takes the lowest descriptor that is free: this one.
        openSync('/dev/null', 'r+');
      }
    } catch {
      // Closed already, or no such device here: nothing that an exit would trip over.
    }
  }
}

/**
 * Run until a signal (SIGINT, SIGTERM, SIGHUP, …), then `close()` and exit: 0 when all went well, 1 after an uncaught
 * error or when `close` failed. A second signal ends the process at once, by that signal, except SIGHUP: both the kernel
 * and the shell send it when a terminal closes. A process that isn't closed after the timeout ends by SIGKILL. A native
 * fault isn't caught: it ends the process by its own signal.
 *
 * @returns begins the end from within, as a signal would; nothing where it has begun
 */
export function runUntilSignal(
  close: () => Promise<void>,
  { logger, timeoutMs = 10_000 }: ShutdownOptions,
): () => void {
  process.on('exit', leaveClosedTerminal);
  let closing = false;
  let hungUp: NodeJS.Signals | undefined;
  const grace = closeWithGrace(
    {
      delay: timeoutMs,
      skip: [...FAULTS, 'SIGHUP'],
      logger: { error: (error: unknown) => logger.error({ err: error }, 'closing failed') },
      onSecondSignal: (signal) => {
        logger.warn({ signal }, 'second signal: ending at once');
        dieBy(signal);
      },
      onSecondError: (error) => logger.fatal({ err: error }, `error while closing: ${describeError(error)}`),
      onTimeout: (delay) => {
        logger.error(`not closed after ${delay} ms: ending anyway; frames under way are lost`);
        dieBy('SIGKILL');
      },
    },
    async ({ signal, err }) => {
      closing = true;
      if (err === undefined) {
        logger.info({ signal: signal ?? hungUp }, 'closing');
      } else {
        logger.fatal({ err }, `uncaught error: ${describeError(err)}`);
      }
      await close();
      logger.info('closed');
    },
  );
  const end = (signal?: NodeJS.Signals): void => {
    if (!closing) {
      hungUp = signal;
      grace.close();
    }
  };
  process.on('SIGHUP', end);
  return end;
}
