/** A peer whose messages can be left waiting in their socket. */
export interface Reader {
  pause(): void;
  resume(): void;
}

/** How often a full writer is looked at again, in milliseconds: sockets don't report when they have drained. */
const LOOK_AGAIN_MS = 10;

/**
 * Makes a reader wait while what came from it piles up at a writer, so that a slow peer costs its partner time
 * instead of costing this process memory.
 */
export class HoldBack {
  readonly #reader: Reader;
  readonly #isFull: () => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** @param isFull whether so much waits for the writer that the reader must wait */
  constructor(reader: Reader, isFull: () => boolean) {
    this.#reader = reader;
    this.#isFull = isFull;
  }

  /** Whether the reader is made to wait. */
  get holding(): boolean {
    return this.#timer !== undefined;
  }

  /** To be called after something was sent to the writer. */
  check(): void {
    if (this.#timer === undefined && this.#isFull()) {
      this.#reader.pause();
      this.#timer = setInterval(() => {
        if (!this.#isFull()) {
          this.stop();
          this.#reader.resume();
        }
      }, LOOK_AGAIN_MS);
    }
  }

  /** Stop looking; either end is gone. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
