/** Splits time into laps, in milliseconds of the monotonic clock. */
export class Stopwatch {
  readonly #startedAt = performance.now();
  #lapAt = this.#startedAt;

  /** Since the last lap. */
  lap(): number {
    const now = performance.now();
    const lap = now - this.#lapAt;
    this.#lapAt = now;
    return lap;
  }

  /** Since the start. */
  total(): number {
    return performance.now() - this.#startedAt;
  }
}
