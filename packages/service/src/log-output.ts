import { writeSync } from 'node:fs';

/** A reader that is slow (a full pipe) is waited for this long, then lines are left out. */
const MAX_WAIT_MS = 1000;
const WAIT_STEP_MS = 20;

/** Nothing else in this thread may come between two lines of a log, so the thread itself sleeps. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** How long the log couldn't be written, told when it can be again. */
export interface LogGap {
  readonly lines: number;
  readonly error: Error;
}

/**
 * Where a log goes: a file descriptor, line by line. A full disk, a closed terminal or a reader that went away is no
 * reason for a service to stop: lines that can't be written are left out and counted, and each new one is tried.
 */
export class LogOutput {
  readonly #fd: number;
  readonly #onGap: (gap: LogGap) => void;
  readonly #listeners = new Set<(error: Error) => void>();
  #error: Error | undefined;
  #leftOut = 0;
  /** The last line was cut short. */
  #cut = false;

  /** @param onGap told after the first line that could be written again */
  constructor(fd: number, onGap: (gap: LogGap) => void) {
    this.#fd = fd;
    this.#onGap = onGap;
  }

  /** Be told when the log begins to fail; at once if it fails now. */
  onFailure(listener: (error: Error) => void): void {
    this.#listeners.add(listener);
    if (this.#error !== undefined) {
      listener(this.#error);
    }
  }

  write(line: string): void {
    const before = this.#error;
    try {
      this.#writeWhole(this.#cut ? `\n${line}` : line);
    } catch (error) {
      this.#leftOut++;
      this.#error = error as Error;
      if (before === undefined) {
        this.#listeners.forEach((listener) => listener(error as Error));
      }
      return;
    }
    this.#error = undefined;
    if (before !== undefined) {
      const lines = this.#leftOut;
      this.#leftOut = 0;
      this.#onGap({ lines, error: before });
    }
  }

  #writeWhole(text: string): void {
    let rest = Buffer.from(text);
    // Once lines are being left out, callers don't wait for each of them.
    let patienceMs = this.#error === undefined ? MAX_WAIT_MS : 0;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
        this.#cut = rest.length > 0;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || patienceMs <= 0) {
          throw error;
        }
        sleep(WAIT_STEP_MS);
        patienceMs -= WAIT_STEP_MS;
      }
    }
  }
}
