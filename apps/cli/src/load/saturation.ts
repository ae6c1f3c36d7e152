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
const MAX_TRIES = 17;

/**
 * Which rates to try for the highest one that is sustained: doubled (or halved) until it lies in between, then the
 * geometric mean of the bracket, until that is narrow. It is told by `next(sustained)` how each rate went.
 */
export function* searchSaturation({
  firstRate,
  minRate,
  maxRate,
}: SaturationSearchOptions): Generator<number, void, boolean> {
  let low = 0;
  let high = Infinity;
  let rate = firstRate;
  for (let tries = 0; tries < MAX_TRIES && high / low > 1 + PRECISION; tries++) {
    if (yield rate) {
      low = rate;
    } else {
      high = rate;
    }
    const between = Number(Math.sqrt(low * high).toPrecision(3));
    rate = high === Infinity ? Math.min(maxRate, 2 * low) : low === 0 ? Math.max(minRate, high / 2) : between;
    if (rate <= low || rate >= high) {
      return;
    }
  }
}
