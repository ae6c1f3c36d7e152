import { ArgumentError } from '@semcast/core';
import { LIFTING_SIZES, type BaseGraphNumber } from './base-graphs.js';
import { crcLength } from './crc.js';

/** How a transport block is cut into code blocks of one size (TS 38.212, clause 5.2.2). */
export interface Segmentation {
  readonly baseGraph: BaseGraphNumber;
  /** C, the number of code blocks. */
  readonly blocks: number;
  /** K', bits of a code block, those of its CRC among them; filler bits make it up to K. */
  readonly blockBits: number;
  /** Parity bits (CRC24B) at the end of each code block: 24, or 0 where there is only one block. */
  readonly blockCrcBits: number;
  /** Z_c. */
  readonly liftingSize: number;
}

/** K_cb, bits of the largest code block. */
const LARGEST_BLOCK: Readonly<Record<BaseGraphNumber, number>> = { 1: 8448, 2: 3840 };

/**
 * The base graph for A bits sent at rate R (TS 38.212, clauses 6.2.2 and 7.2.2).
 *
 * @param payloadBits A, without CRC
 * @param codeRate R
 */
export function baseGraphFor(payloadBits: number, codeRate: number): BaseGraphNumber {
  return payloadBits <= 292 || (payloadBits <= 3824 && codeRate <= 0.67) || codeRate <= 0.25 ? 2 : 1;
}

/**
 * Cut B bits into code blocks.
 *
 * @param bits B, the CRC of the transport block among them
 * @throws ArgumentError when B isn't positive, or doesn't make C equal blocks: TS 38.214, clause 5.1.3.2, has no such
 *   transport blocks
 */
export function segment(bits: number, baseGraph: BaseGraphNumber): Segmentation {
  if (!Number.isSafeInteger(bits) || bits < 1) {
    throw new ArgumentError(`a transport block can't have ${bits} bits, only a positive integer`);
  }
  const blocks = codeBlockCount(bits, baseGraph);
  const blockCrcBits = blocks === 1 ? 0 : crcLength('crc24b');
  const blockBits = bits / blocks + blockCrcBits;
  if (!Number.isInteger(blockBits)) {
    throw new ArgumentError(`${bits} bits don't make ${blocks} equal code blocks`);
  }
  const informationColumns = baseGraph === 1 ? 22 : bits > 640 ? 10 : bits > 560 ? 9 : bits > 192 ? 8 : 6;
  const liftingSize = LIFTING_SIZES.find((size) => informationColumns * size >= blockBits)!;
  return { baseGraph, blocks, blockBits, blockCrcBits, liftingSize };
}

/** C, the number of code blocks of B bits. */
export function codeBlockCount(bits: number, baseGraph: BaseGraphNumber): number {
  const largest = LARGEST_BLOCK[baseGraph];
  return bits <= largest ? 1 : Math.ceil(bits / (largest - crcLength('crc24b')));
}
