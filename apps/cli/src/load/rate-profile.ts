import { UsageError } from '../errors.js';
import type { ValueParser } from '../arguments/values.js';

/** A rate at a moment. */
export interface RatePoint {
  /** Seconds after the first counted frame could come due. */
  readonly atS: number;
  /** Frames per second of all streams together. */
  readonly rate: number;
}

/** A rate over time: straight lines between points. Two points at one time are a step. */
export type RateProfile = readonly RatePoint[];

const MAX_POINTS = 100;
const MAX_PROFILE_S = 86_400;

/** `0:2,60:2,60:8,70:8,70:2,120:2`: seconds and frames per second. */
export function rateProfile({ maxRate }: { readonly maxRate: number }): ValueParser<RateProfile> {
  return (typed) => {
    const points = typed.split(',').map((point): RatePoint => {
      const [, atS, rate] = /^\s*(\d+\.?\d*):(\d+\.?\d*)\s*$/.exec(point) ?? [];
      return { atS: Number(atS), rate: Number(rate) };
    });
    const wrong =
      points.some(({ rate }) => Number.isNaN(rate)) || points.length < 2 || points.length > MAX_POINTS
        ? `is no list of 2 to ${MAX_POINTS} points`
        : points[0]!.atS !== 0
          ? 'does not begin at 0 s'
          : points.some(({ atS }, i) => i > 0 && atS < points[i - 1]!.atS) || points.at(-1)!.atS === 0
            ? 'does not go on in time'
            : points.at(-1)!.atS > MAX_PROFILE_S || points.some(({ rate }) => rate > maxRate)
              ? `goes beyond ${MAX_PROFILE_S} s or ${maxRate} frames a second`
              : framesOf(points) < 1
                ? 'has no frame'
                : undefined;
    if (wrong !== undefined) {
      throw new UsageError(`"${typed}" ${wrong}`, {
        remedy: 'write SECONDS:RATE, as in 0:1,60:8 for a ramp, or 0:2,30:2,30:8,40:8,40:2,60:2 for a spike',
      });
    }
    return points;
  };
}

/** The frames that come due, on average. */
export function framesOf(profile: RateProfile): number {
  return profile.slice(1).reduce((sum, { atS, rate }, i) => {
    const from = profile[i]!;
    return sum + ((from.rate + rate) / 2) * (atS - from.atS);
  }, 0);
}

/**
 * When so many frames have come due: the inverse of the integral of the rate, Λ⁻¹(n). A Poisson process of rate 1 that
 * goes through it is one of that rate.
 *
 * @param frames not negative
 * @returns milliseconds; Infinity when that many never do
 */
export function dueAfterMs(profile: RateProfile, frames: number): number {
  let left = frames;
  for (const [i, to] of profile.slice(1).entries()) {
    const from = profile[i]!;
    const seconds = to.atS - from.atS;
    const within = ((from.rate + to.rate) / 2) * seconds;
    if (left < within) {
      // The root of r·x + s·x²/2 = left in the form that does not cancel.
      const twiceSlope = (2 * (to.rate - from.rate)) / seconds;
      const root = Math.sqrt(Math.max(0, from.rate ** 2 + twiceSlope * left));
      return 1000 * (from.atS + (left === 0 ? 0 : (2 * left) / (from.rate + root)));
    }
    left -= within;
  }
  return Infinity;
}

/** The same with so many seconds at its first rate ahead of it. */
export function withWarmUp(profile: RateProfile, warmupS: number): RateProfile {
  const [first] = profile as readonly [RatePoint];
  return [{ ...first, atS: 0 }, ...profile.map(({ atS, rate }) => ({ atS: atS + warmupS, rate }))];
}

/** One rate for so many seconds. */
export function steady(rate: number, seconds: number): RateProfile {
  return [
    { atS: 0, rate },
    { atS: seconds, rate },
  ];
}
