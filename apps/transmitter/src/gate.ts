/** Gives back what {@link Gate.enter} took; calling it again does nothing. */
export type Release = () => void;

interface Waiter {
  readonly weight: number;
  readonly admit: (release: Release) => void;
  readonly refuse: (reason: unknown) => void;
}

/**
 * A weighted semaphore that admits in order of arrival.
 *
 * A weight above the whole capacity is admitted alone, so that a large photograph doesn't wait for ever.
 */
export class Gate {
  readonly capacity: number;
  #used = 0;
  readonly #waiting: Waiter[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** The weight inside. */
  get used(): number {
    return this.#used;
  }

  /** How many wait outside. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Wait until there is room; rejects with the signal's reason when it fires first. */
  enter(weight: number, signal: AbortSignal): Promise<Release> {
    return new Promise<Release>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        // Those behind a heavy one that left may fit now.
        this.#admitWaiting();
        waiter.refuse(signal.reason);
      };
      const waiter: Waiter = {
        weight: Math.min(weight, this.capacity),
        admit: (release) => {
          signal.removeEventListener('abort', onAbort);
          resolve(release);
        },
        refuse: reject,
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiter);
      this.#admitWaiting();
    });
  }

  #admitWaiting(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || this.#used + next.weight > this.capacity) {
        return;
      }
      this.#waiting.shift();
      this.#used += next.weight;
      let held = true;
      next.admit(() => {
        if (held) {
          held = false;
          this.#used -= next.weight;
          this.#admitWaiting();
        }
      });
    }
  }
}
