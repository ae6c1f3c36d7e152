/**
 * The powers of an exponential delay profile: p_l ∝ e^(-l/decay), Σ p_l = 1.
 *
 * @param taps how many, one sample apart
 * @param decay samples over which the power falls to 1/e, above 0
 */
export function exponentialProfile({ taps, decay }: { readonly taps: number; readonly decay: number }): Float64Array {
  const powers = Float64Array.from({ length: taps }, (_, l) => Math.exp(-l / decay));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
