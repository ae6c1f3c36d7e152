import { ArgumentError } from '@semcast/core';

/**
 * Bytes to bits, the most significant first.
 *
 * @returns one bit (0 or 1) an entry, 8 for each byte
 */
export function unpackBits(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array(8 * bytes.length);
  for (let i = 0; i < bits.length; i++) {
    bits[i] = (bytes[i >> 3]! >> (7 - (i & 7))) & 1;
  }
  return bits;
}

/**
 * Bits to bytes, the inverse of {@link unpackBits}.
 *
 * @throws ArgumentError when the bits don't fill whole bytes
 */
export function packBits(bits: Uint8Array): Uint8Array {
  if (bits.length % 8 !== 0) {
    throw new ArgumentError(`${bits.length} bits are no whole number of bytes`);
  }
  const bytes = new Uint8Array(bits.length / 8);
  for (let i = 0; i < bits.length; i++) {
    bytes[i >> 3]! |= bits[i]! << (7 - (i & 7));
  }
  return bytes;
}
