/** Counts of one interval of a run. */
export interface SeriesPoint {
  /** Begin and length of the interval, seconds after the first counted frame could come due. */
  readonly atS: number;
  readonly lengthS: number;
  /** Counted frames that came due, and those that ended, in this interval. */
  readonly due: number;
  readonly completed: number;
  readonly dropped: number;
  /** Most frames between due and ended at a time, those of the warm-up among them. */
  readonly outstanding: number;
  /** Of the frames completed in this interval; null when there were none. */
  readonly latencyMsMean: number | null;
  readonly latencyMsMax: number | null;
}

type Count = 'due' | 'completed' | 'dropped';

interface Bin extends Record<Count, number> {
  outstanding: number;
  latencySum: number;
  latencyMax: number;
}

const emptyBin = (): Bin => ({ due: 0, completed: 0, dropped: 0, outstanding: 0, latencySum: 0, latencyMax: 0 });

/** The most intervals of a series. */
const MAX_POINTS = 600;

/** A run by the second, or in intervals twice, four times, … as long, so that a run of any length fits. */
export class TimeSeries {
  readonly #binMs: number;
  readonly #bins: Bin[] = [];

  /** @param lengthMs from the first counted frame to the end of waiting for the last one */
  constructor(lengthMs: number) {
    this.#binMs = 1000 * 2 ** Math.max(0, Math.ceil(Math.log2(lengthMs / 1000 / MAX_POINTS)));
  }

  /** @param atMs after the first counted frame could come due; what came before, in the warm-up, counts nowhere */
  add(what: Count, atMs: number, latencyMs = 0): void {
    const bin = this.#bin(atMs);
    if (bin === undefined) {
      return;
    }
    bin[what]++;
    if (what === 'completed') {
      bin.latencySum += latencyMs;
      bin.latencyMax = Math.max(bin.latencyMax, latencyMs);
    }
  }

  observeOutstanding(frames: number, atMs: number): void {
    const bin = this.#bin(atMs);
    if (bin !== undefined) {
      bin.outstanding = Math.max(bin.outstanding, frames);
    }
  }

  points(): SeriesPoint[] {
    const lengthS = this.#binMs / 1000;
    return this.#bins.map(({ latencySum, latencyMax, ...counts }, i) => ({
      atS: i * lengthS,
      lengthS,
      ...counts,
      latencyMsMean: counts.completed === 0 ? null : Math.round((10 * latencySum) / counts.completed) / 10,
      latencyMsMax: counts.completed === 0 ? null : Math.round(10 * latencyMax) / 10,
    }));
  }

  #bin(atMs: number): Bin | undefined {
    if (!(atMs >= 0)) {
      return undefined;
    }
    const index = Math.min(Math.floor(atMs / this.#binMs), MAX_POINTS - 1);
    while (this.#bins.length <= index) {
      this.#bins.push(emptyBin());
    }
    return this.#bins[index];
  }
}
