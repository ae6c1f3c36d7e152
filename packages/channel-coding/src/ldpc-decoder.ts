import { ArgumentError } from '@semcast/core';
import { checkRows, type LdpcCode } from './ldpc-code.js';

export interface LdpcDecoderOptions {
  /** Iterations at most; decoding ends before when all checks hold. */
  readonly iterations?: number;
  /** α, by which the least magnitude of a check's other messages is multiplied, above 0 up to 1. */
  readonly scale?: number;
}

/** What came of decoding one code block. */
export interface LdpcResult {
  /** Whether all checks hold. */
  readonly converged: boolean;
  /** Iterations that it took. */
  readonly iterations: number;
}

export interface LdpcDecoder {
  /**
   * Decode one code block.
   *
   * @param llr log P(0)/P(1) of the circular buffer, N values or fewer: missing ones count as 0; +Infinity for filler bits
   * @param information K bits, written
   */
  decode(llr: Float32Array, information: Uint8Array): LdpcResult;
}

/** Steps of the decoder's integers in one unit (nat) of LLR. */
const STEPS = 8;
/** Magnitude at which messages saturate, in steps: what an Int8Array holds. */
const MAX_MESSAGE = 127;
/** Magnitude at which the channel's LLRs saturate, in steps. The sum with 30 messages fits into 16 bits. */
const MAX_CHANNEL = 16_383;

/**
 * A layered normalised min-sum decoder (Chen, Fossorier, "Near optimum universal belief propagation based decoding of
 * low-density parity check codes", IEEE Trans. Commun. 50(3), 2002; layers: Hocevar, "A reduced complexity decoder
 * architecture via layered decoding of LDPC codes", SiPS 2004).
 *
 * For each check m, with messages r_mn of its bits n and their sums q_n = LLR_n + Σ r_mn:
 *
 *     t_n = q_n - r_mn,  r_mn ← α · Π_{k≠n} sign t_k · min_{k≠n} |t_k|,  q_n ← t_n + r_mn
 *
 * Integers in steps of 1/8: messages saturate at ±15.9, sums don't. A layer is one row of the base graph. All memory
 * is allocated here; a decoder isn't reentrant, but may be used for any number of blocks.
 *
 * @param rows rows of the base graph that the transmitted bits reach; checks beyond them say nothing
 * @throws ArgumentError on options outside their ranges
 */
export function createLdpcDecoder(
  code: LdpcCode,
  rows: number = code.rows,
  { iterations = 20, scale = 0.75 }: LdpcDecoderOptions = {},
): LdpcDecoder {
  checkRows(code, rows);
  if (!Number.isSafeInteger(iterations) || iterations < 1) {
    throw new ArgumentError(`a decoder can't run ${iterations} iterations, only a positive integer`);
  }
  if (!(scale > 0 && scale <= 1)) {
    throw new ArgumentError(`messages can't be scaled by ${scale}, only by a number above 0 up to 1`);
  }
  const { liftingSize: size, informationBits, edgeColumns, rowStarts, shifts } = code;
  const edgeCount = rowStarts[rows]!;
  const sums = new Int16Array(informationBits + rows * size);
  const messages = new Int8Array(edgeCount * size);
  const scaled = Uint8Array.from({ length: MAX_MESSAGE + 1 }, (_, magnitude) => Math.round(scale * magnitude));
  const starts = Int32Array.from(rowStarts.slice(0, rows + 1));
  const columnOffsets = Int32Array.from({ length: edgeCount }, (_, edge) => edgeColumns[edge]! * size + shifts[edge]!);
  const segments = segmentsOf(code, rows);
  // Of the row at hand: where each edge's sum lies less i, and t.
  const offsets = new Int32Array(32);
  const t = new Int32Array(32);

  function iterate(): void {
    let message = 0;
    let segment = 0;
    for (let row = 0; row < rows; row++) {
      const first = starts[row]!;
      const degree = starts[row + 1]! - first;
      for (let e = 0; e < degree; e++) {
        offsets[e] = columnOffsets[first + e]!;
      }
      let i = 0;
      while (i < size) {
        const end = segments[segment]!;
        for (; i < end; i++) {
          let least = 0x7fff;
          let second = 0x7fff;
          let signs = 0;
          for (let e = 0; e < degree; e++) {
            const value = sums[offsets[e]! + i]! - messages[message + e]!;
            t[e] = value;
            signs ^= value;
            const sign = value >> 31;
            const magnitude = (value ^ sign) - sign;
            // least, second ← the two smallest of least, second and magnitude, without a branch to mispredict.
            const below = magnitude - least;
            const step = below & (below >> 31);
            const larger = magnitude - step - second;
            least += step;
            second += larger & (larger >> 31);
          }
          const others = scaled[least > MAX_MESSAGE ? MAX_MESSAGE : least]!;
          const own = scaled[second > MAX_MESSAGE ? MAX_MESSAGE : second]!;
          const toggle = others ^ own;
          signs >>= 31;
          for (let e = 0; e < degree; e++) {
            const value = t[e]!;
            const sign = value >> 31;
            const magnitude = (value ^ sign) - sign;
            const reply = own ^ (toggle & ((least - magnitude) >> 31));
            const flip = sign ^ signs;
            const signed = (reply ^ flip) - flip;
            messages[message + e] = signed;
            sums[offsets[e]! + i] = value + signed;
          }
          message += degree;
        }
        for (let wrapped = segments[segment + 1]!; wrapped > 0; wrapped--) {
          offsets[segments[segment + 1 + wrapped]!]! -= size;
        }
        segment += 2 + segments[segment + 1]!;
      }
    }
  }

  function allChecksHold(): boolean {
    let segment = 0;
    for (let row = 0; row < rows; row++) {
      const first = starts[row]!;
      const degree = starts[row + 1]! - first;
      for (let e = 0; e < degree; e++) {
        offsets[e] = columnOffsets[first + e]!;
      }
      let i = 0;
      while (i < size) {
        const end = segments[segment]!;
        for (; i < end; i++) {
          let signs = 0;
          for (let e = 0; e < degree; e++) {
            signs ^= sums[offsets[e]! + i]!;
          }
          if (signs < 0) {
            return false;
          }
        }
        for (let wrapped = segments[segment + 1]!; wrapped > 0; wrapped--) {
          offsets[segments[segment + 1 + wrapped]!]! -= size;
        }
        segment += 2 + segments[segment + 1]!;
      }
    }
    return true;
  }

  return {
    decode(llr, information) {
      if (information.length !== informationBits) {
        throw new ArgumentError(`the code has ${informationBits} bits of information, not ${information.length}`);
      }
      messages.fill(0);
      sums.fill(0);
      const known = Math.min(llr.length, sums.length - 2 * size);
      for (let k = 0; k < known; k++) {
        const value = STEPS * llr[k]!;
        sums[2 * size + k] = Math.round(Math.max(-MAX_CHANNEL, Math.min(MAX_CHANNEL, value)));
      }
      let done = 0;
      let converged = false;
      while (!converged && done < iterations) {
        iterate();
        done++;
        converged = allChecksHold();
      }
      for (let k = 0; k < informationBits; k++) {
        information[k] = sums[k]! < 0 ? 1 : 0;
      }
      return { converged, iterations: done };
    },
  };
}

/**
 * For each row of the base graph, the stretches of i = 0 … Z-1 within which no edge's (i + P) mod Z wraps around: for
 * each stretch its end, the number of edges that wrap there, and which of the row's edges these are.
 */
function segmentsOf({ liftingSize: size, rowStarts, shifts }: LdpcCode, rows: number): Int32Array {
  const list: number[] = [];
  for (let row = 0; row < rows; row++) {
    const wraps = shifts.slice(rowStarts[row], rowStarts[row + 1]).map((shift, edge) => ({ edge, at: size - shift }));
    const ends = [...new Set([...wraps.map(({ at }) => at), size])].toSorted((a, b) => a - b);
    for (const end of ends) {
      const edges = wraps.filter(({ at }) => at === end).map(({ edge }) => edge);
      list.push(end, edges.length, ...edges);
    }
  }
  return Int32Array.from(list);
}
