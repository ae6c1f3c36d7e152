/** Powers below it are shown as it, so that a power of zero is a number, too. */
const LEAST_POWER = 1e-6;

/** A power in decibels as it is shown: two digits behind the point, -60 at least. */
export function shownDecibels(power: number): number {
  return Number((10 * Math.log10(Math.max(power, LEAST_POWER))).toFixed(2));
}
