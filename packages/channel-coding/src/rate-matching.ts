import { ArgumentError } from '@semcast/core';
import { CORE_ROWS, type LdpcCode } from './ldpc-code.js';
import type { ModulationOrder } from './modulation.js';

/**
 * Which part of an LDPC code word is sent: redundancy version 0 of the circular buffer, from its beginning around and
 * around, filler bits left out (TS 38.212, clause 5.4.2; the buffer isn't limited).
 */
export interface RateMatching {
  readonly code: LdpcCode;
  /** K', information bits before the filler bits. */
  readonly blockBits: number;
  /** E, bits that are sent, a multiple of the modulation order. */
  readonly sentBits: number;
  readonly order: ModulationOrder;
}

/** @throws ArgumentError when K' isn't within K, or E isn't positive and whole symbols */
function checkRateMatching({ code, blockBits, sentBits, order }: RateMatching): void {
  if (!(blockBits > 2 * code.liftingSize && blockBits <= code.informationBits)) {
    throw new ArgumentError(
      `${blockBits} bits are no block of this code, which takes ${2 * code.liftingSize + 1} … ${code.informationBits}`,
    );
  }
  if (!Number.isSafeInteger(sentBits) || sentBits < 1 || sentBits % order !== 0) {
    throw new ArgumentError(`${sentBits} bits are no positive whole number of symbols of ${order} bits`);
  }
}

/** Rows of the base graph that sent bits reach; the checks of further rows have a bit of which nothing is known. */
export function rowsReached({ code, blockBits, sentBits }: RateMatching): number {
  const { liftingSize, informationBits, rows } = code;
  const lastBit = 2 * liftingSize + sentBits + (informationBits - blockBits);
  return Math.min(rows, Math.max(CORE_ROWS, Math.ceil((lastBit - informationBits) / liftingSize)));
}

/**
 * Select E bits of a code word and interleave them (clauses 5.4.2.1 and 5.4.2.2): bit j of the selected is bit
 * ⌊j/(E/Q_m)⌋ of symbol j mod E/Q_m, so that the first, systematic bits are the best protected of each symbol.
 *
 * @param word code word from its first bit on, as far as {@link rowsReached}
 * @returns E bits in the order of symbols
 */
export function matchRate(matching: RateMatching, word: Uint8Array): Uint8Array {
  checkRateMatching(matching);
  const { code, sentBits, order } = matching;
  const sent = new Uint8Array(sentBits);
  const positions = new Positions(matching);
  for (let bit = 0; bit < order; bit++) {
    for (let k = bit; k < sentBits; k += order) {
      sent[k] = word[2 * code.liftingSize + positions.next()]!;
    }
  }
  return sent;
}

/**
 * The inverse for LLRs: E of them, in the order of symbols, back into the circular buffer, those of repeated bits
 * added up. Filler bits are known to be 0 (+Infinity), bits that weren't sent have 0.
 *
 * @param llr the LLRs of all code blocks; those of this block begin at `offset`
 * @returns N values
 */
export function recoverRate(matching: RateMatching, llr: Float32Array, offset: number = 0): Float32Array {
  checkRateMatching(matching);
  const { code, blockBits, sentBits, order } = matching;
  const buffer = new Float32Array(code.bufferBits);
  const positions = new Positions(matching);
  for (let bit = 0; bit < order; bit++) {
    for (let k = bit; k < sentBits; k += order) {
      buffer[positions.next()]! += llr[offset + k]!;
    }
  }
  buffer.fill(Infinity, blockBits - 2 * code.liftingSize, code.informationBits - 2 * code.liftingSize);
  return buffer;
}

/** The positions of the circular buffer in the order in which they are sent. */
class Positions {
  readonly #fillerBegin: number;
  readonly #fillerEnd: number;
  readonly #bufferBits: number;
  #position = 0;

  constructor({ code: { liftingSize, informationBits, bufferBits }, blockBits }: RateMatching) {
    this.#fillerBegin = blockBits - 2 * liftingSize;
    this.#fillerEnd = informationBits - 2 * liftingSize;
    this.#bufferBits = bufferBits;
  }

  next(): number {
    if (this.#position === this.#fillerBegin) {
      this.#position = this.#fillerEnd;
    }
    const position = this.#position;
    this.#position = position + 1 === this.#bufferBits ? 0 : position + 1;
    return position;
  }
}
