import { FairQueue } from './fair-queue.js';

/** A frame's share of the memory that decoding may take. */
export interface Room {
  /** Give it to the next frame. */
  end(): void;
}

export interface DecodeRoomOptions {
  /** Pixels, padding included, of all frames that have room at a time. */
  readonly maxPixels: number;
  /** Called whenever the number of waiting frames changes. */
  readonly onWaiting?: (waiting: number) => void;
}

interface Waiting {
  readonly pixels: number;
  readonly admit: () => void;
}

/**
 * How much may be spread out in memory at a time, in pixels: frames that don't fit wait as they came, in
 * {@link FairQueue} order.
 *
 * It bounds memory where pictures are large; where they aren't, every frame has room at once, and the scheduler decides
 * who is decoded when. How many may wait is bounded by the credits.
 */
export class DecodeRoom {
  readonly maxPixels: number;
  readonly #waiting = new FairQueue<Waiting>();
  readonly #onWaiting: (waiting: number) => void;
  #pixels = 0;
  #frames = 0;

  constructor({ maxPixels, onWaiting = () => {} }: DecodeRoomOptions) {
    this.maxPixels = maxPixels;
    this.#onWaiting = onWaiting;
  }

  /** Frames that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Frames that have room. */
  get frames(): number {
    return this.#frames;
  }

  /** Pixels of the frames that have room. */
  get pixels(): number {
    return this.#pixels;
  }

  /**
   * Wait for room.
   *
   * @param client whose stream it is; a stream is a client of its own unless told
   * @throws the signal's reason when it fires before there is some
   */
  enter(stream: string, pixels: number, signal: AbortSignal, client: string = stream): Promise<Room> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        pixels,
        admit: () => {
          signal.removeEventListener('abort', onAbort);
          resolve({ end: this.#take(pixels) });
        },
      };
      const onAbort = (): void => {
        this.#waiting.remove(stream, waiting, client);
        // What was given to abort(): here always an error.
        reject(signal.reason as Error);
        this.#admit();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(stream, waiting, client);
      this.#admit();
    });
  }

  #take(pixels: number): () => void {
    this.#pixels += pixels;
    this.#frames += 1;
    let ended = false;
    return () => {
      if (!ended) {
        ended = true;
        this.#pixels -= pixels;
        this.#frames -= 1;
        this.#admit();
      }
    };
  }

  /** Let in whoever's turn it is, as long as they fit; one alone always does. Nobody overtakes one that doesn't. */
  #admit(): void {
    let next = this.#waiting.peek();
    while (next !== undefined && (this.#frames === 0 || this.#pixels + next.pixels <= this.maxPixels)) {
      this.#waiting.shift();
      next.admit();
      next = this.#waiting.peek();
    }
    this.#onWaiting(this.waiting);
  }
}

/** Wait until there is room for this frame in memory; clients take turns, and the streams of each. */
export function enqueueFrame(
  room: DecodeRoom,
  { stream, client, pixels }: { readonly stream: string; readonly client?: string; readonly pixels: number },
  signal: AbortSignal,
): Promise<Room> {
  return room.enter(stream, pixels, signal, client);
}
