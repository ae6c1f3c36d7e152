import type { CompletedSummary, OutcomeSummary } from '@semcast/transmitter';

/** Frames whose SNR lies near a multiple of five decibels. */
export interface SnrBand {
  readonly centreDb: number;
  readonly frames: number;
  readonly meanPsnrDb: number;
}

/** Newest values that the status line draws. */
const RECENT = 24;
const BAND_DB = 5;
/** The rate is that of the last so many seconds. */
const RATE_WINDOW_MS = 10_000;

/** What `up` remembers of a stream that may run for weeks: sums and the newest values, nothing that grows. */
export class Tally {
  readonly #bands = new Map<number, { frames: number; psnrDbSum: number }>();
  readonly #recentSnrDb: number[] = [];
  readonly #recentPsnrDb: number[] = [];
  #endedAt: number[] = [];
  #completed = 0;
  #dropped = 0;
  #psnrDbSum = 0;
  #previews = 0;
  #previewPsnrDbSum = 0;

  get completed(): number {
    return this.#completed;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** NaN before the first frame. */
  get meanPsnrDb(): number {
    return this.#psnrDbSum / this.#completed;
  }

  /** NaN before the first preview. */
  get meanPreviewPsnrDb(): number {
    return this.#previewPsnrDbSum / this.#previews;
  }

  get recentSnrDb(): readonly number[] {
    return this.#recentSnrDb;
  }

  get recentPsnrDb(): readonly number[] {
    return this.#recentPsnrDb;
  }

  add(outcome: OutcomeSummary, now: number): void {
    if (outcome.kind === 'dropped') {
      this.#dropped++;
      return;
    }
    this.#completed++;
    this.#psnrDbSum += outcome.psnrDb;
    if (outcome.previewPsnrDb !== null) {
      this.#previews++;
      this.#previewPsnrDbSum += outcome.previewPsnrDb;
    }
    this.#endedAt.push(now);
    push(this.#recentPsnrDb, outcome.psnrDb);
    const snrDb = snrDbOf(outcome);
    if (snrDb !== null) {
      push(this.#recentSnrDb, snrDb);
      const band = Math.round(snrDb / BAND_DB) * BAND_DB;
      const entry = this.#bands.get(band) ?? { frames: 0, psnrDbSum: 0 };
      entry.frames++;
      entry.psnrDbSum += outcome.psnrDb;
      this.#bands.set(band, entry);
    }
  }

  /** Frames per second over the last seconds. */
  rate(now: number): number {
    this.#endedAt = this.#endedAt.filter((at) => now - at < RATE_WINDOW_MS);
    const [first] = this.#endedAt;
    return first === undefined || this.#endedAt.length < 2
      ? 0
      : (1000 * this.#endedAt.length) / Math.max(1, now - first);
  }

  /** Mean PSNR by SNR, from the lowest band to the highest. */
  bands(): SnrBand[] {
    return [...this.#bands]
      .sort(([a], [b]) => a - b)
      .map(([centreDb, { frames, psnrDbSum }]) => ({ centreDb, frames, meanPsnrDb: psnrDbSum / frames }));
  }
}

/** The SNR that the channel was set to; the receiver's estimate where it didn't say. */
export function snrDbOf({ csnrDb }: CompletedSummary): number | null {
  return csnrDb.configured ?? csnrDb.estimated;
}

function push(values: number[], value: number): void {
  values.push(value);
  if (values.length > RECENT) {
    values.shift();
  }
}
