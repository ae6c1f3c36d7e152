import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';

export interface ShutdownOptions {
  readonly logger: Logger;
  /** After this the process ends whether `close` has or not. Default 10 s. */
  readonly timeoutMs?: number;
}

/** Run until SIGINT or SIGTERM; then `close()` and exit 0. A second signal ends at once with exit 1. */
export function runUntilSignal(close: () => Promise<void>, { timeoutMs = 10_000 }: ShutdownOptions): { close(): void } {
  return closeWithGrace({ delay: timeoutMs }, close);
}
