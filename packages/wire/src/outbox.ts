import { ArgumentError } from '@semcast/core';
import { BoundedSet } from './bounded-set.js';
import { LinkError } from './errors.js';

export interface OutboxOptions {
  /** Frames that may wait for a credit; 64 by default. */
  readonly maxWaiting?: number;
  /** Resolved frames whose numbers are remembered, to acknowledge a repeated outcome; 4,096 by default. */
  readonly maxRemembered?: number;
}

/** A frame that is to be sent now. */
export interface OutboxFrame<Item> {
  readonly frame: number;
  readonly item: Item;
  /** It has been sent before, on a link that is gone. */
  readonly resend: boolean;
}

/**
 * What to do with an outcome (a final result or a drop) that has arrived:
 * `deliver` it to the application; only `acknowledge` it, as it came before or nobody waits any more; or `ignore` it.
 */
export type OutcomeVerdict = 'deliver' | 'acknowledge' | 'ignore';

/*
 * The life of a frame:
 *
 *     add() ─► waiting ─next()─► sent ─outcome()─► answered ─resolve()─► remembered
 *                                 ▲ └─linkDown()─► lost ─┐
 *                                 └───────next()─────────┘
 *
 * An outcome may also find a frame waiting or lost: the server has had it from an earlier link.
 */
type EntryState = 'waiting' | 'sent' | 'lost' | 'answered' | 'abandoned';

interface Entry<Item> {
  state: EntryState;
  /** Released as soon as the frame will never be sent again. */
  item: Item | undefined;
}

/**
 * The frames of one stream on the client's side: what is to be sent next, what must be sent again after a reconnect,
 * and which outcomes are new. Pure: it is told what happens, and it says what to do.
 *
 * A frame holds a credit from being sent until its outcome is resolved.
 */
export class Outbox<Item> {
  readonly #entries = new Map<number, Entry<Item>>();
  readonly #remembered: BoundedSet;
  readonly #maxWaiting: number;
  #lost: number[] = [];
  #waiting: number[] = [];
  #waitingCount = 0;
  /** Entries that hold a credit on the present link: sent, answered or abandoned. */
  #holding = 0;
  #window = 0;
  #linked = false;

  constructor(options: OutboxOptions = {}) {
    this.#maxWaiting = options.maxWaiting ?? 64;
    this.#remembered = new BoundedSet(options.maxRemembered ?? 4096);
  }

  /** Unresolved frames that the server allows. */
  get window(): number {
    return this.#window;
  }

  /** Frames that wait to be sent for the first time. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /** Frames sent whose outcome isn't resolved, those to be sent again included. */
  get unresolved(): number {
    return this.#entries.size - this.#waitingCount;
  }

  /** All of them; 0 when nothing is left to do. */
  get size(): number {
    return this.#entries.size;
  }

  /** The frame is waiting or unresolved, and its outcome hasn't arrived. */
  expects(frame: number): boolean {
    const state = this.#entries.get(frame)?.state;
    return state === 'waiting' || state === 'sent' || state === 'lost';
  }

  /**
   * Queue a frame behind those that wait.
   *
   * @throws LinkError `E_FRAME_DUPLICATE` when this number is waiting or unresolved; `E_OUTBOX_FULL` when `maxWaiting` wait.
   */
  add(frame: number, item: Item): void {
    if (!Number.isSafeInteger(frame) || frame < 0) {
      throw new ArgumentError(`${frame} is no frame number`, { remedy: 'number frames 0, 1, 2, …' });
    }
    if (this.#entries.has(frame)) {
      throw new LinkError('E_FRAME_DUPLICATE', `frame ${frame} is already on its way`);
    }
    if (this.#waitingCount >= this.#maxWaiting) {
      throw new LinkError('E_OUTBOX_FULL', `${this.#maxWaiting} frames already wait for a credit`);
    }
    this.#remembered.delete(frame);
    this.#entries.set(frame, { state: 'waiting', item });
    this.#waiting.push(frame);
    this.#waitingCount++;
  }

  /** A link is up: everything unresolved will be sent again, in order, before anything new. */
  linkUp(credits: number): void {
    this.linkDown();
    this.#linked = true;
    this.#window = credits;
  }

  /** The link is gone. */
  linkDown(): void {
    this.#linked = false;
    this.#lost = [];
    this.#holding = 0;
    for (const [frame, entry] of this.#entries) {
      if (entry.state === 'sent' || entry.state === 'lost') {
        entry.state = 'lost';
        this.#lost.push(frame);
      } else if (entry.state === 'answered') {
        this.#holding++;
      } else if (entry.state === 'abandoned') {
        this.#entries.delete(frame);
        this.#remembered.add(frame);
      }
    }
  }

  /** The server changed its window. */
  setWindow(credits: number): void {
    this.#window = credits;
  }

  /** The frame to send now, or undefined when nothing waits, no credit is free, or there is no link. */
  next(): OutboxFrame<Item> | undefined {
    if (!this.#linked || this.#holding >= this.#window) {
      return undefined;
    }
    const resend = this.#take(this.#lost, 'lost');
    const frame = resend ?? this.#take(this.#waiting, 'waiting');
    if (frame === undefined) {
      return undefined;
    }
    const entry = this.#entries.get(frame)!;
    if (resend === undefined) {
      this.#waitingCount--;
    }
    entry.state = 'sent';
    this.#holding++;
    return { frame, item: entry.item!, resend: resend !== undefined };
  }

  /** A final result or a drop has arrived. */
  outcome(frame: number): OutcomeVerdict {
    const entry = this.#entries.get(frame);
    if (entry === undefined) {
      return this.#remembered.has(frame) ? 'acknowledge' : 'ignore';
    }
    switch (entry.state) {
      case 'answered':
        return 'ignore';
      case 'abandoned':
        this.#remove(frame, entry);
        return 'acknowledge';
      case 'waiting':
        this.#waitingCount--;
        this.#holding++;
        break;
      case 'lost':
        this.#holding++;
        break;
      case 'sent':
        break;
    }
    entry.state = 'answered';
    entry.item = undefined;
    return 'deliver';
  }

  /**
   * The outcome of a frame is safe with the application: its credit is free, and it may be acknowledged.
   *
   * @returns false when no outcome of this frame has been delivered.
   */
  resolve(frame: number): boolean {
    const entry = this.#entries.get(frame);
    if (entry?.state !== 'answered') {
      return false;
    }
    this.#remove(frame, entry);
    return true;
  }

  /**
   * Nobody waits for a frame any more. If the server has it, it holds its credit until the outcome comes or the link
   * ends, as the server counts it that long.
   *
   * @returns false when the frame is not waiting or unresolved, or its outcome has been delivered.
   */
  giveUp(frame: number): boolean {
    const entry = this.#entries.get(frame);
    switch (entry?.state) {
      case 'waiting':
        this.#waitingCount--;
        this.#entries.delete(frame);
        // Out of the queue too: without a link nothing else would ever take it out.
        this.#waiting = this.#waiting.filter((other) => other !== frame);
        return true;
      case 'lost':
        this.#entries.delete(frame);
        this.#remembered.add(frame);
        return true;
      case 'sent':
        entry.state = 'abandoned';
        entry.item = undefined;
        return true;
      default:
        return false;
    }
  }

  /** What a frame that waits for its first sending carries. */
  waitingItem(frame: number): Item | undefined {
    const entry = this.#entries.get(frame);
    return entry?.state === 'waiting' ? entry.item : undefined;
  }

  /** What all frames carry that wait for their first sending, in order: for a link that has ended for good. */
  waitingItems(): Item[] {
    return [...this.#entries.values()].flatMap(({ state, item }) => (state === 'waiting' ? [item!] : []));
  }

  /** The first number in the queue whose frame is still in this state; others have been answered or given up. */
  #take(queue: number[], state: EntryState): number | undefined {
    for (;;) {
      const frame = queue.shift();
      if (frame === undefined || this.#entries.get(frame)?.state === state) {
        return frame;
      }
    }
  }

  #remove(frame: number, entry: Entry<Item>): void {
    if (entry.state === 'answered' || entry.state === 'abandoned') {
      this.#holding--;
    }
    this.#entries.delete(frame);
    this.#remembered.add(frame);
  }
}
