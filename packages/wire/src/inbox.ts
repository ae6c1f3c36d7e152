import { BoundedSet } from './bounded-set.js';

export interface InboxOptions<Outcome> {
  /** Unresolved frames that the client may have: the credits of the welcome. */
  readonly window: number;
  /**
   * Frames in progress beyond which more are refused; twice the widest window so far by default. The slack is for
   * clients that gave a frame up, or that haven't read a smaller window yet.
   */
  readonly maxInProgress?: number;
  /** Acknowledged frames whose numbers are remembered; 4,096 by default. */
  readonly maxRemembered?: number;
  /** Memory that an outcome takes; by default it isn't counted. */
  readonly bytesOf?: (outcome: Outcome) => number;
}

/** What to do with a frame that has arrived. */
export type InboxVerdict<Outcome> =
  /** Work on it, then {@link Inbox.finish} it. */
  | { readonly verdict: 'new' }
  /** It is being worked on: nothing to do, its outcome goes to the newest link. */
  | { readonly verdict: 'in-progress' }
  /** It is done: send this outcome again. */
  | { readonly verdict: 'finished'; readonly outcome: Outcome }
  /** Its outcome has arrived and been acknowledged: nothing to do. */
  | { readonly verdict: 'acknowledged' }
  /** The client sends more than its credits allow: refuse it. */
  | { readonly verdict: 'over-window' };

/**
 * The frames of one run of one stream on the server's side: which are new, which are resends, and the outcomes that
 * the client hasn't acknowledged. Pure.
 *
 * Memory is bounded whatever the client does: at most `maxInProgress` frames, and as many outcomes as the widest window
 * had. A forgotten outcome costs a second decode when its frame is sent again, but never a frame: the client takes only
 * the first outcome. An honest client has no more than `window` unresolved frames, so none of its is forgotten, except
 * outcomes whose acknowledgement was lost with a link.
 */
export class Inbox<Outcome> {
  readonly #inProgress = new Set<number>();
  readonly #stored = new Map<number, Outcome>();
  readonly #acknowledged: BoundedSet;
  readonly #options: InboxOptions<Outcome>;
  #storedBytes = 0;
  #widestWindow: number;

  constructor(options: InboxOptions<Outcome>) {
    this.#options = options;
    this.#widestWindow = options.window;
    this.#acknowledged = new BoundedSet(options.maxRemembered ?? 4096);
  }

  /** Change the window; tell the client with a `credit` message. */
  setWindow(window: number): void {
    this.#widestWindow = Math.max(this.#widestWindow, window);
  }

  /** Frames being worked on. */
  get inProgress(): number {
    return this.#inProgress.size;
  }

  /** Outcomes that wait for their acknowledgement. */
  get stored(): number {
    return this.#stored.size;
  }

  /** Bytes of these. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** A frame has arrived. */
  accept(frame: number): InboxVerdict<Outcome> {
    if (this.#inProgress.has(frame)) {
      return { verdict: 'in-progress' };
    }
    const outcome = this.#stored.get(frame);
    if (outcome !== undefined) {
      return { verdict: 'finished', outcome };
    }
    if (this.#acknowledged.has(frame)) {
      return { verdict: 'acknowledged' };
    }
    if (this.#inProgress.size >= (this.#options.maxInProgress ?? 2 * this.#widestWindow)) {
      return { verdict: 'over-window' };
    }
    this.#inProgress.add(frame);
    return { verdict: 'new' };
  }

  /**
   * A frame's work is done, with this result or drop; it is kept until acknowledged.
   *
   * @returns false when the frame isn't in progress (any more): don't send the outcome.
   */
  finish(frame: number, outcome: Outcome): boolean {
    if (!this.#inProgress.delete(frame)) {
      return false;
    }
    this.#stored.set(frame, outcome);
    this.#storedBytes += this.#bytesOf(outcome);
    while (this.#stored.size > this.#widestWindow) {
      this.forgetOldest();
    }
    return true;
  }

  /** Let go of the outcome that waits longest. */
  forgetOldest(): void {
    const [oldest] = this.#stored.keys();
    if (oldest !== undefined) {
      this.#take(oldest);
    }
  }

  /** The client has the outcome. Returns false when none is stored for the frame. */
  acknowledge(frame: number): boolean {
    if (!this.#take(frame)) {
      return false;
    }
    this.#acknowledged.add(frame);
    return true;
  }

  #take(frame: number): boolean {
    const outcome = this.#stored.get(frame);
    if (outcome === undefined) {
      return false;
    }
    this.#storedBytes -= this.#bytesOf(outcome);
    return this.#stored.delete(frame);
  }

  #bytesOf(outcome: Outcome): number {
    return this.#options.bytesOf?.(outcome) ?? 0;
  }
}
