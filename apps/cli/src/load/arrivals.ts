import { randomFor } from '@semcast/core';
import { dueAfterMs, type RateProfile } from './rate-profile.js';

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
  /** Frames per second of all streams together, over time. */
  readonly profile: RateProfile;
  readonly streams: number;
  readonly seed: number;
}

/**
 * When frames come due, whatever becomes of those before: in order of time, to the end of the profile.
 *
 * `poisson`: a process of rate R(t), each arrival in a stream drawn at random, so that every stream is a Poisson
 * process of rate R/streams, independent of the others; at one rate gaps are -ln(1 - u)/R. `constant`: one frame each
 * time that the integral of the rate is a whole number, gaps of 1/R, streams in turn. The same seed gives the same
 * arrivals.
 */
export function* arrivals({ kind, profile, streams, seed }: ArrivalOptions): Generator<Arrival, void> {
  const random = randomFor({ seed, stream: 'load', frame: 0, purpose: 'load/arrivals' });
  let frames = 0;
  for (let n = 0; ; n++) {
    frames = kind === 'constant' ? n : frames - Math.log(1 - random.uniform());
    const atMs = dueAfterMs(profile, frames);
    if (atMs === Infinity) {
      return;
    }
    yield { atMs, stream: kind === 'constant' ? n % streams : Math.floor(random.uniform() * streams) };
  }
}
