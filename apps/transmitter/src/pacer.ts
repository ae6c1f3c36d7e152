import type { StreamControl, StreamSettings } from './stream-control.js';

/** Node's timers fire at once beyond this. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * When the next frame of the source is due: by the frames per second in force, not while it is paused. A change takes
 * effect at once, also in the middle of a long wait.
 */
export class Pacer {
  readonly #control: StreamControl;
  #settings: StreamSettings;
  #sentMs = -Infinity;
  #dueMs = performance.now();

  constructor(control: StreamControl) {
    this.#control = control;
    this.#settings = control.settings;
  }

  /** Resolves when a frame may go; rejects with the signal's reason. */
  async untilDue(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const { settings } = this.#control;
      if (settings !== this.#settings) {
        this.#settings = settings;
        // Not before now: frames that would have been due during a pause are not made up for.
        this.#dueMs = Math.max(this.#sentMs + periodMsOf(settings), performance.now());
      }
      const leftMs = settings.paused ? Infinity : this.#dueMs - performance.now();
      if (!(leftMs > 0)) {
        return;
      }
      await this.#changed(leftMs, signal);
    }
  }

  /** A frame goes. When credits held it up, it is late, and those after it aren't bunched together. */
  mark(): void {
    const nowMs = performance.now();
    this.#sentMs = nowMs;
    this.#dueMs = Math.max(this.#dueMs + periodMsOf(this.#settings), nowMs);
  }

  /** Resolves at a change of the settings, after a time, or when the signal fires. */
  #changed(afterMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#control.off('change', end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = Number.isFinite(afterMs) ? setTimeout(end, Math.min(afterMs, MAX_TIMER_MS)) : undefined;
      this.#control.once('change', end);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

function periodMsOf({ fps }: StreamSettings): number {
  return fps > 0 ? Math.min(1000 / fps, MAX_TIMER_MS) : 0;
}
