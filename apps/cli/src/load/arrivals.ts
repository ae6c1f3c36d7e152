import { randomFor } from '@semcast/core';

export const ARRIVAL_KINDS = ['poisson', 'constant'] as const;
export type ArrivalKind = (typeof ARRIVAL_KINDS)[number];

/** A frame comes due. */
export interface Arrival {
  /** Milliseconds after the start. */
  readonly atMs: number;
  /** Which stream sends it, 0 … streams - 1. */
  readonly stream: number;
}

export interface ArrivalOptions {
  readonly kind: ArrivalKind;
  /** Frames per second of all streams together. */
  readonly ratePerSecond: number;
  readonly streams: number;
  readonly seed: number;
}

/**
 * When frames come due, whatever becomes of those before: without end, in order of time.
 *
 * `poisson`: gaps -ln(1 - u)/R, each arrival in a stream drawn at random, so that every stream is a Poisson process of
 * rate R/streams, independent of the others. `constant`: gaps of 1/R, streams in turn. The same seed gives the same
 * arrivals.
 */
export function* arrivals({ kind, ratePerSecond, streams, seed }: ArrivalOptions): Generator<Arrival, never> {
  if (kind === 'constant') {
    for (let n = 0; ; n++) {
      yield { atMs: (1000 * n) / ratePerSecond, stream: n % streams };
    }
  }
  const random = randomFor({ seed, stream: 'load', frame: 0, purpose: 'load/arrivals' });
  for (let atMs = 0; ;) {
    atMs -= (1000 * Math.log(1 - random.uniform())) / ratePerSecond;
    yield { atMs, stream: Math.floor(random.uniform() * streams) };
  }
}
