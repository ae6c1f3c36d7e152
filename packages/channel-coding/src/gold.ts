/** How far into its sequence the generator begins. */
const N_C = 1600;
/** New bits of each register at once: both recurrences look back at least 28 of 31 bits. */
const CHUNK = 28;
const CHUNK_MASK = 2 ** CHUNK - 1;

/**
 * The length-31 Gold sequence of TS 38.211, clause 5.2.1.
 *
 *     c(n) = x1(n + 1600) + x2(n + 1600),  x1(n + 31) = x1(n + 3) + x1(n),
 *     x2(n + 31) = x2(n + 3) + x2(n + 2) + x2(n + 1) + x2(n)   (mod 2), x1 = 1, 0, 0, …
 *
 * @param init c_init, the first 31 bits of x2, from 0 to 2^31 - 1
 * @returns one bit an entry
 */
export function goldSequence(init: number, length: number): Uint8Array {
  const bits = new Uint8Array(length);
  let x1 = 1;
  let x2 = init;
  for (let n = -N_C; n < length; n += CHUNK) {
    const both = x1 ^ x2;
    for (let k = Math.max(0, -n); k < Math.min(CHUNK, length - n); k++) {
      bits[n + k] = (both >>> k) & 1;
    }
    const next1 = (x1 ^ (x1 >>> 3)) & CHUNK_MASK;
    const next2 = (x2 ^ (x2 >>> 1) ^ (x2 >>> 2) ^ (x2 >>> 3)) & CHUNK_MASK;
    x1 = (x1 >>> CHUNK) | (next1 << 3);
    x2 = (x2 >>> CHUNK) | (next2 << 3);
  }
  return bits;
}
