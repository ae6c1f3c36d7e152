import type { FrameState } from './frame-state.js';

/** A sender of streams: its streams share one client's part of the machine. */
export interface ClientState {
  readonly name: string;
  /** Its streams with admitted frames. */
  readonly streams: Set<StreamState>;
  /** Sum of their weights. */
  weight: number;
}

/** A stream with admitted frames. */
export interface StreamState {
  readonly name: string;
  readonly client: ClientState;
  /** Against the other streams of its client. */
  readonly weight: number;
  readonly frames: Map<number, FrameState>;
  /** The same frames in the order in which they are served: by what they are due, then by arrival. */
  readonly line: FrameState[];
  /** Its virtual time: compute time that it was charged, in ms, by its share, on a clock shared by all streams. */
  virtualMs: number;
}

/** Streams without frames whose lead is remembered. */
const MAX_REMEMBERED = 1024;

/**
 * Virtual time of weighted fair queueing, over compute time instead of bytes.
 *
 * Clients have equal weights, and the streams of a client parts of it by their own weights: anybody may name any number
 * of streams, and any weights, so a client gets no more by either. The system's clock V advances by the compute time spent, divided
 * by the streams that have frames: as if each had got its share. A stream's own clock advances by what was spent on it,
 * over its share in units of an equal one. One that comes (back) starts at V, or at its own clock if that is ahead: it
 * can neither save up service for later nor lose its lead by leaving.
 *
 * A stream's distance from V is bounded both ways, because a stream may be ahead or behind for lack of competition
 * rather than unfairness: its rows filled a batch that would have run anyway, or it had only one frame, whose steps
 * follow one another. Without a bound it would pay, or be paid, for that without end.
 *
 * Source: Parekh, Gallager, "A generalized processor sharing approach to flow control in integrated services networks:
 * the single-node case", IEEE/ACM Trans. Networking 1(3), 1993, equations (6)-(11).
 */
export class StreamClocks {
  readonly #streams = new Map<string, StreamState>();
  readonly #clients = new Map<string, ClientState>();
  readonly #remembered = new Map<string, number>();
  #virtualMs = 0;

  get virtualMs(): number {
    return this.#virtualMs;
  }

  /** Streams with frames. */
  get size(): number {
    return this.#streams.size;
  }

  /** Streams without frames that it still knows. */
  get remembered(): number {
    return this.#remembered.size;
  }

  get(name: string): StreamState | undefined {
    return this.#streams.get(name);
  }

  values(): IterableIterator<StreamState> {
    return this.#streams.values();
  }

  /** The part of the machine that a stream may have; of all streams they sum to 1. */
  shareOf({ client, weight }: StreamState): number {
    return weight / (this.#clients.size * client.weight);
  }

  /** Virtual time that a stream is charged for a millisecond of compute time; 1 where all shares are equal. */
  paceOf(stream: StreamState): number {
    return 1 / (this.#streams.size * this.shareOf(stream));
  }

  /**
   * The stream, from now on one of those with frames.
   *
   * @param of whose it is, by default its own, and its weight there, by default 1; a stream that has frames stays with
   *   those that it came with
   */
  enter(
    name: string,
    {
      client: clientName = name,
      weight = 1,
    }: { readonly client?: string | undefined; readonly weight?: number | undefined } = {},
  ): StreamState {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      const virtualMs = Math.max(this.#virtualMs, this.#remembered.get(name) ?? -Infinity);
      this.#remembered.delete(name);
      const client = this.#clients.get(clientName) ?? { name: clientName, streams: new Set(), weight: 0 };
      stream = { name, client, weight, frames: new Map(), line: [], virtualMs };
      this.#streams.set(name, stream);
      this.#clients.set(clientName, client);
      client.streams.add(stream);
      client.weight += weight;
    }
    return stream;
  }

  /** Forget a stream whose last frame has gone. */
  leave(stream: StreamState): void {
    this.#streams.delete(stream.name);
    stream.client.streams.delete(stream);
    stream.client.weight -= stream.weight;
    if (stream.client.streams.size === 0) {
      this.#clients.delete(stream.client.name);
    }
    if (this.#streams.size === 0) {
      // Without waiting streams there is no lead or lag to remember: all begin anew.
      this.#remembered.clear();
      this.#virtualMs = 0;
    } else if (stream.virtualMs > this.#virtualMs) {
      this.#remembered.set(stream.name, stream.virtualMs);
      if (this.#remembered.size > MAX_REMEMBERED) {
        this.#forgetOne();
      }
    }
  }

  /** Charge a stream for compute time; a negative one is given back. */
  charge(stream: StreamState, costMs: number): void {
    if (this.#streams.get(stream.name) === stream) {
      this.#virtualMs += costMs / this.#streams.size;
      stream.virtualMs += costMs * this.paceOf(stream);
    }
  }

  /** Keep every stream within this distance of V. */
  keepWithin(distanceMs: number): void {
    for (const stream of this.#streams.values()) {
      stream.virtualMs = Math.min(
        Math.max(stream.virtualMs, this.#virtualMs - distanceMs),
        this.#virtualMs + distanceMs,
      );
    }
  }

  /** The one that clients have not been ahead with for longest; those that V has passed first. */
  #forgetOne(): void {
    for (const [name, virtualMs] of this.#remembered) {
      if (virtualMs <= this.#virtualMs) {
        this.#remembered.delete(name);
        return;
      }
    }
    this.#remembered.delete(this.#remembered.keys().next().value!);
  }
}
