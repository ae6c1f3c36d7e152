/** The figures that say whether a rate was sustained. */
export interface SustainedFigures {
  /** Counted frames that came due. */
  readonly sent: number;
  /** Pictures that arrived while they came due. */
  readonly completedWithin: number;
  /** Frames that found the queue of their stream full. */
  readonly backlogDrops: number;
}

/** A rate is sustained when this share of what is offered comes back in the same time. */
const SUSTAINED_SHARE = 0.95;
/** Where 5 % are less than a frame or two, so much may be missing: a picture at either end is early or late by chance. */
const SLACK_SHARE = 0.1;
const SLACK_FRAMES = 2;

/** Goodput is at least 95 % of what was offered, and no stream's queue ran over. */
export function isSustained({ sent, completedWithin, backlogDrops }: SustainedFigures): boolean {
  const allowed = Math.max((1 - SUSTAINED_SHARE) * sent, Math.min(SLACK_FRAMES, SLACK_SHARE * sent));
  return sent > 0 && backlogDrops === 0 && sent - completedWithin <= allowed;
}

export interface SaturationSearchOptions {
  /** Where to begin, frames per second. */
  readonly firstRate: number;
  readonly minRate: number;
  readonly maxRate: number;
}

/** The search ends when the bracket is this narrow: a tenth. */
const PRECISION = 0.1;
/** Rates that are tried at most. */
const MAX_TRIES = 16;

/**
 * Which rates to try for the highest one that is sustained: doubled (or halved) until it lies in between, then the
 * geometric mean of the bracket, until that is narrow. Pure: it is told how each rate went.
 */
export class SaturationSearch {
  readonly #options: SaturationSearchOptions;
  #sustained: number | undefined;
  #overloaded: number | undefined;
  #tries = 0;

  constructor(options: SaturationSearchOptions) {
    this.#options = options;
  }

  /** The highest rate so far that was sustained. */
  get sustained(): number | null {
    return this.#sustained ?? null;
  }

  /** The rate to try now; null when there is nothing more to find out. */
  next(): number | null {
    const { firstRate, minRate, maxRate } = this.#options;
    if (this.#tries >= MAX_TRIES) {
      return null;
    }
    const [low, high] = [this.#sustained, this.#overloaded];
    if (low === undefined && high === undefined) {
      return firstRate;
    }
    if (high === undefined) {
      return low! >= maxRate ? null : Math.min(maxRate, 2 * low!);
    }
    if (low === undefined) {
      return high <= minRate ? null : Math.max(minRate, high / 2);
    }
    const between = Number(Math.sqrt(low * high).toPrecision(3));
    return high / low <= 1 + PRECISION || between <= low || between >= high ? null : between;
  }

  report(rate: number, sustained: boolean): void {
    this.#tries++;
    if (sustained) {
      this.#sustained = rate;
    } else {
      this.#overloaded = rate;
    }
  }
}
