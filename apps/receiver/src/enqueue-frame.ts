import { FairQueue } from './fair-queue.js';

/** A frame's place among those being decoded. */
export interface Turn {
  /** Milliseconds that the frame waited for it. */
  readonly waitedMs: number;
  /** Give the place to the next frame. */
  end(): void;
}

export interface DecodeQueueOptions {
  /** Frames decoded at a time. */
  readonly places: number;
  /** Called whenever the number of waiting frames changes. */
  readonly onDepth?: (waiting: number) => void;
}

interface Waiting {
  readonly admit: () => void;
}

/**
 * Who is decoded next: a few frames at a time, the rest waiting in {@link FairQueue} order.
 *
 * It bounds how many frames are spread out in memory at once; how many may wait is bounded by the credits.
 */
export class DecodeQueue {
  readonly places: number;
  readonly #waiting = new FairQueue<Waiting>();
  readonly #onDepth: (waiting: number) => void;
  #decoding = 0;

  constructor({ places, onDepth = () => {} }: DecodeQueueOptions) {
    this.places = places;
    this.#onDepth = onDepth;
  }

  /** Frames that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Frames that have a place. */
  get decoding(): number {
    return this.#decoding;
  }

  /**
   * Wait for a place.
   *
   * @throws the signal's reason when it fires before there is one
   */
  enter(stream: string, signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted();
    const arrivedMs = performance.now();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        admit: () => {
          signal.removeEventListener('abort', onAbort);
          resolve({ waitedMs: performance.now() - arrivedMs, end: this.#takePlace() });
        },
      };
      const onAbort = (): void => {
        this.#waiting.remove(stream, waiting);
        this.#onDepth(this.waiting);
        // What was given to abort(): here always an error.
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(stream, waiting);
      this.#admitNext();
      this.#onDepth(this.waiting);
    });
  }

  #takePlace(): () => void {
    this.#decoding += 1;
    let ended = false;
    return () => {
      if (!ended) {
        ended = true;
        this.#decoding -= 1;
        this.#admitNext();
        this.#onDepth(this.waiting);
      }
    };
  }

  #admitNext(): void {
    while (this.#decoding < this.places) {
      const next = this.#waiting.shift();
      if (next === undefined) {
        return;
      }
      next.admit();
    }
  }
}

/** Wait until it is this frame's turn to be decoded; streams take turns. */
export function enqueueFrame(queue: DecodeQueue, stream: string, signal: AbortSignal): Promise<Turn> {
  return queue.enter(stream, signal);
}
