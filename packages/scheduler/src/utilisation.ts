/** How far back it remembers. */
const TIME_CONSTANT_MS = 10_000;

/** The share of workers that were busy of late: an average over time since the start, weighted by exp(-age / 10 s). */
export class Utilisation {
  readonly #workers: number;
  #busy = 0;
  /** ∫ weight·busy and ∫ weight, of the time up to #atMs, over the time constant. */
  #busySum = 0;
  #weightSum = 0;
  #atMs: number | undefined;

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** From `nowMs` on, so many workers are busy. */
  set(busy: number, nowMs: number): void {
    [this.#busySum, this.#weightSum] = this.#sumsAt(nowMs);
    this.#atMs = nowMs;
    this.#busy = busy;
  }

  /** 0 to 1 */
  at(nowMs: number): number {
    const [busySum, weightSum] = this.#sumsAt(nowMs);
    return weightSum === 0 ? 0 : Math.min(1, busySum / (this.#workers * weightSum));
  }

  #sumsAt(nowMs: number): [busySum: number, weightSum: number] {
    const kept = Math.exp(-Math.max(0, nowMs - (this.#atMs ?? nowMs)) / TIME_CONSTANT_MS);
    return [kept * this.#busySum + (1 - kept) * this.#busy, kept * this.#weightSum + (1 - kept)];
  }
}
