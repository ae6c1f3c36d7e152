import { randomUUID } from 'node:crypto';

/** One thing that happened, and how long ago it was when the answer was made. */
export interface FeedItem<Fact> {
  readonly ageMs: number;
  readonly fact: Fact;
}

/** The facts since a reader's last request. */
export interface FeedAnswer<Fact> {
  /** Names this life of the service: another one means that positions start anew. */
  readonly boot: string;
  /** Where to go on. */
  readonly next: number;
  /** Items that were forgotten before they could be read. */
  readonly missed: number;
  /** The oldest first. */
  readonly items: readonly FeedItem<Fact>[];
}

/** Facts kept for readers that come later; the oldest are forgotten. */
const CAPACITY = 512;
/** A reader that hasn't come back for this long is gone. */
const WATCHED_MS = 10_000;

interface Kept<Fact> {
  readonly position: number;
  readonly atMs: number;
  readonly fact: Fact;
  readonly replaces: string | undefined;
}

/**
 * The newest facts of a service, for whoever watches it live.
 *
 * Readers ask for what came after a position and wait for it, so the service keeps no list of them and owes them
 * nothing: who is slow, or away, misses the oldest and is told how many. Bounded, whether anybody reads or not.
 */
export class LiveFeed<Fact> {
  readonly boot = randomUUID();
  readonly #kept: Kept<Fact>[] = [];
  readonly #waiting = new Set<() => void>();
  #position = 0;
  /** Facts before this position may have been forgotten for lack of room. */
  #forgottenTo = 0;
  #readAtMs = -Infinity;

  /** Whether anybody has read recently; costly facts are collected only then. */
  get watched(): boolean {
    return performance.now() - this.#readAtMs < WATCHED_MS;
  }

  /** Readers that wait for the next fact. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Tell a fact.
   *
   * @param options.replaces a name: of facts told under it only the newest is kept, as for what is large and soon stale
   */
  push(fact: Fact, { replaces }: { readonly replaces?: string } = {}): void {
    if (replaces !== undefined) {
      const older = this.#kept.findIndex((kept) => kept.replaces === replaces);
      if (older !== -1) {
        this.#kept.splice(older, 1);
      }
    }
    this.#kept.push({ position: this.#position++, atMs: performance.now(), fact, replaces });
    if (this.#kept.length > CAPACITY) {
      this.#forgottenTo = this.#kept.shift()!.position + 1;
    }
    for (const wake of this.#waiting) {
      wake();
    }
  }

  /** What came from position `after` on; 0, or a position of another life, for all that is kept. */
  read(after: number, boot?: string): FeedAnswer<Fact> {
    const nowMs = performance.now();
    this.#readAtMs = nowMs;
    const from = boot === this.boot ? after : 0;
    const items = this.#kept.filter(({ position }) => position >= from);
    return {
      boot: this.boot,
      next: this.#position,
      missed: from === 0 ? 0 : Math.max(0, this.#forgottenTo - from),
      items: items.map(({ atMs, fact }) => ({ ageMs: nowMs - atMs, fact })),
    };
  }

  /** Resolves when there is something from position `after` on, after `timeoutMs`, or when the signal fires. */
  async wait(after: number, boot: string | undefined, timeoutMs: number, signal: AbortSignal): Promise<void> {
    this.#readAtMs = performance.now();
    if (boot !== this.boot || this.#position > after || timeoutMs <= 0 || signal.aborted) {
      return;
    }
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, timeoutMs);
      signal.addEventListener('abort', end, { once: true });
      this.#waiting.add(end);
    });
  }
}
