/** Assumed cost of writing a picture before one was written, in milliseconds a pixel: PNG on a busy core. */
const FIRST_GUESS_MS = 2e-4;
const NEWEST_WEIGHT = 0.2;
/** By how much the forecast exceeds the mean. */
const SAFETY = 1.5;
/** Allowance beside the writing: the turn of the event loop, the socket. */
const SENDING_MS = 5;
/** The largest share of a frame's time that is reserved. */
const MOST_SHARE = 0.5;

/**
 * How long before a frame's deadline its networks must be done, so that its picture can still be written and sent:
 * learnt from the pictures written before, as a time a pixel.
 */
export class WritingTime {
  #msPerPixel: number | undefined;

  /** Record how long a picture took to write. */
  observe(pixels: number, elapsedMs: number): void {
    const newest = elapsedMs / pixels;
    this.#msPerPixel =
      this.#msPerPixel === undefined ? newest : this.#msPerPixel + NEWEST_WEIGHT * (newest - this.#msPerPixel);
  }

  /**
   * @param pixels of the picture
   * @param deadlineMs the time that the frame has in all
   * @returns milliseconds of it to reserve
   */
  allowanceMs(pixels: number, deadlineMs: number): number {
    const writingMs = SAFETY * (this.#msPerPixel ?? FIRST_GUESS_MS) * pixels + SENDING_MS;
    return Math.min(writingMs, MOST_SHARE * deadlineMs);
  }
}
