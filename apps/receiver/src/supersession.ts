import { DeliveryMoved } from '@semcast/frame-queue';
import { FrameDropError } from '@semcast/wire';

/**
 * Whether a frame ends early: as its sender has sent a newer one in its place, or as another process is to have it.
 *
 * It does while it waits, and while it is refined. From its first run to its preview it is held: the preview is nearly
 * done then, and where frames are superseded faster than they are refined, previews are all that anybody sees.
 */
export class Supersession {
  readonly #controller = new AbortController();
  #held = false;
  #begun = false;
  #by: number | undefined;

  /** Aborted with the drop. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Frame `by` of the stream takes its place, now or when it is released. */
  request(by: number): void {
    this.#by ??= by;
    if (!this.#held) {
      this.#controller.abort(new FrameDropError('superseded', `frame ${this.#by} of the stream took its place`));
    }
  }

  hold(): void {
    this.#held = true;
    this.#begun = true;
  }

  /** Whether its first run has begun. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Another process is to have it. */
  handBack(why: string): void {
    this.#controller.abort(new DeliveryMoved(why));
  }

  release(): void {
    this.#held = false;
    if (this.#by !== undefined) {
      this.request(this.#by);
    }
  }
}
