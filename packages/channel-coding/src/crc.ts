import { ArgumentError } from '@semcast/core';

/** Generator polynomials of TS 38.212, clause 5.1, without their leading term. */
const POLYNOMIALS = {
  crc24a: { length: 24, polynomial: 0x864cfb },
  crc24b: { length: 24, polynomial: 0x800063 },
  crc16: { length: 16, polynomial: 0x1021 },
} as const;

/** A cyclic redundancy check of NR. */
export type CrcName = keyof typeof POLYNOMIALS;

/** Parity bits that a check appends. */
export function crcLength(name: CrcName): number {
  return POLYNOMIALS[name].length;
}

/**
 * The remainder of a(D)·D^L divided by the generator, with a register that begins at zero (TS 38.212, clause 5.1).
 *
 * The remainder over data and its parity bits together is 0.
 *
 * @param bits one bit an entry, the first is the highest power of D
 * @param count how many of the bits to take; all by default
 */
export function crcRemainder(name: CrcName, bits: Uint8Array, count: number = bits.length): number {
  if (count > bits.length) {
    throw new ArgumentError(`${bits.length} bits can't give ${count}`);
  }
  const { length, polynomial } = POLYNOMIALS[name];
  const mask = 2 ** length - 1;
  let register = 0;
  for (let i = 0; i < count; i++) {
    const feedback = (register >>> (length - 1)) ^ bits[i]!;
    register = ((register << 1) & mask) ^ (-feedback & polynomial);
  }
  return register;
}

/**
 * Write the parity bits of the first `count` bits behind them.
 *
 * @param bits has room for `count` bits and the parity, {@link crcLength}
 * @throws ArgumentError when it hasn't
 */
export function appendCrc(name: CrcName, bits: Uint8Array, count: number): void {
  const { length } = POLYNOMIALS[name];
  if (count + length > bits.length) {
    throw new ArgumentError(`${count} bits and ${length} of parity don't fit into ${bits.length}`);
  }
  const remainder = crcRemainder(name, bits, count);
  for (let i = 0; i < length; i++) {
    bits[count + i] = (remainder >>> (length - 1 - i)) & 1;
  }
}
