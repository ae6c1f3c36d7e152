import * as zlib from 'node:zlib';
import CRC32 from 'crc-32';

/** CRC-32/ISO-HDLC of `bytes`, continuing from the checksum `seed` of the bytes before them. */
export type Crc32 = (bytes: Uint8Array, seed?: number) => number;

/** In plain JavaScript, for Node before 20.15. */
export const portableCrc32: Crc32 = (bytes, seed = 0) => CRC32.buf(bytes, seed | 0) >>> 0;

/** zlib's own where Node exports it: an order of magnitude faster. Looked up at run time, as 20.9 doesn't have it. */
const native: Crc32 | undefined = (zlib as { crc32?: Crc32 }).crc32;

export const crc32: Crc32 = native ?? portableCrc32;
