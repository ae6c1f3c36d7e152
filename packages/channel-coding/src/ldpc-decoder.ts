import { ArgumentError } from '@semcast/core';
import { checkRows, type LdpcCode } from './ldpc-code.js';

export interface LdpcDecoderOptions {
  /** Iterations at most; decoding ends before when all checks hold. */
  readonly iterations?: number;
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

/** Steps of the decoder's integers in one unit (nat) of LLR; finer ones gain nothing. */
const STEPS = 8;
/** Magnitude at which messages saturate, in steps: what an Int8Array holds. */
const MAX_MESSAGE = 127;
/** Magnitude at which the channel's LLRs saturate, in steps. The sum with 30 messages fits into 16 bits. */
const MAX_CHANNEL = 16_383;
/** log(1 + e^-x) for x in steps, as far as it is not 0. */
const CORRECTIONS = Uint8Array.from({ length: 32 }, (_, x) => Math.round(STEPS * Math.log1p(Math.exp(-x / STEPS))));
const LAST_CORRECTION = CORRECTIONS.length - 1;

/**
 * A layered decoder by belief propagation, with the checks' messages in A-min* form (Jones, Vallés, Smith, Villasenor,
 * "Approximate-MIN* constraint node updating for LDPC code decoding", MILCOM 2003; layers: Hocevar, "A reduced
 * complexity decoder architecture via layered decoding of LDPC codes", SiPS 2004).
 *
 * For each check m, with messages r_mn of its bits n, their sums q_n = LLR_n + Σ r_mn, and the bit l that is least sure:
 *
 *     t_n = q_n - r_mn,  r_mn ← Π_{k≠n} sign t_k · (⊞_{k≠l} |t_k| for n = l, ⊞_k |t_k| for the others),  q_n ← t_n + r_mn
 *     a ⊞ b = min(a, b) + log(1 + e^-(a+b)) - log(1 + e^-|a-b|)
 *
 * Min-sum leaves the logarithms out, and loses some tenths of a dB by it at low rates, whatever factor its messages are
 * scaled with. Integers in steps of 1/8: messages saturate at ±15.9, sums don't. A layer is one row of the base graph.
 * All memory is allocated here; a decoder isn't reentrant, but may be used for any number of blocks.
 *
 * @param rows rows of the base graph that the transmitted bits reach; checks beyond them say nothing
 * @throws ArgumentError on options outside their ranges
 */
export function createLdpcDecoder(
  code: LdpcCode,
  rows: number = code.rows,
  { iterations = 25 }: LdpcDecoderOptions = {},
): LdpcDecoder {
  checkRows(code, rows);
  if (!Number.isSafeInteger(iterations) || iterations < 1) {
    throw new ArgumentError(`a decoder can't run ${iterations} iterations, only a positive integer`);
  }
  const { liftingSize: size, informationBits } = code;
  const layers = layersOf(code, rows);
  const edges = layers.flat();
  const memory: Memory = {
    size,
    rows,
    sums: new Int16Array(informationBits + rows * size),
    messages: new Int8Array(edges.length * size),
    degrees: Int32Array.from(layers, ({ length }) => length),
    columnOffsets: Int32Array.from(edges, ({ column, shift }) => column * size + shift),
    stretches: stretchesOf(layers, size),
    offsets: new Int32Array(MAX_DEGREE),
    t: new Int32Array(MAX_DEGREE),
  };
  const { sums, messages } = memory;
  return {
    decode(llr, information) {
      if (information.length !== informationBits) {
        throw new ArgumentError(`the code has ${informationBits} bits of information, not ${information.length}`);
      }
      messages.fill(0);
      sums.fill(0);
      const known = Math.min(llr.length, sums.length - 2 * size);
      for (let k = 0; k < known; k++) {
        sums[2 * size + k] = Math.round(Math.max(-MAX_CHANNEL, Math.min(MAX_CHANNEL, STEPS * llr[k]!)));
      }
      let done = 0;
      let converged = false;
      while (!converged && done < iterations) {
        iterate(memory);
        done++;
        converged = allChecksHold(memory);
      }
      for (let k = 0; k < informationBits; k++) {
        information[k] = sums[k]! < 0 ? 1 : 0;
      }
      return { converged, iterations: done };
    },
  };
}

/** All that an iteration reads and writes. */
interface Memory {
  readonly size: number;
  readonly rows: number;
  /** q, by column of the base graph and bit. */
  readonly sums: Int16Array;
  /** r, by row of the base graph, check and edge. */
  readonly messages: Int8Array;
  readonly degrees: Int32Array;
  /** Where the sum lies that each edge has in check 0. */
  readonly columnOffsets: Int32Array;
  /** What {@link stretchesOf} gives. */
  readonly stretches: Int32Array;
  /** Of the row at hand: where each edge's sum lies, less the number of the check; and t. */
  readonly offsets: Int32Array;
  readonly t: Int32Array;
}

/** More than any row of a base graph has edges. */
const MAX_DEGREE = 32;

/** a ⊞ b for magnitudes. */
function boxPlus(a: number, b: number): number {
  const difference = a - b;
  const sign = difference >> 31;
  const apart = (difference ^ sign) - sign;
  const sum = a + b;
  const value =
    b +
    (difference & sign) +
    CORRECTIONS[sum > LAST_CORRECTION ? LAST_CORRECTION : sum]! -
    CORRECTIONS[apart > LAST_CORRECTION ? LAST_CORRECTION : apart]!;
  return value & ~(value >> 31);
}

/** One iteration over all layers. */
function iterate(memory: Memory): void {
  // Local constants: the compiler reads properties of an object anew in each round of a loop.
  const { size, rows, sums, messages, degrees, columnOffsets, stretches, offsets, t } = memory;
  let message = 0;
  let stretch = 0;
  for (let row = 0, first = 0; row < rows; row++) {
    const degree = degrees[row]!;
    for (let e = 0; e < degree; e++) {
      offsets[e] = columnOffsets[first + e]!;
    }
    first += degree;
    for (let i = 0; i < size;) {
      const end = stretches[stretch]!;
      for (; i < end; i++) {
        // The least |t|, and ⊞ of all others. No branches here: they would be mispredicted.
        let least = 0x7fff;
        let others = 0x7fff;
        let signs = 0;
        for (let e = 0; e < degree; e++) {
          const value = sums[offsets[e]! + i]! - messages[message + e]!;
          t[e] = value;
          signs ^= value;
          const sign = value >> 31;
          const magnitude = (value ^ sign) - sign;
          const below = magnitude - least;
          const step = below & (below >> 31);
          least += step;
          others = boxPlus(others, magnitude - step);
        }
        const all = Math.min(MAX_MESSAGE, boxPlus(others, least));
        others = Math.min(MAX_MESSAGE, others);
        const toggle = all ^ others;
        signs >>= 31;
        for (let e = 0; e < degree; e++) {
          const value = t[e]!;
          const sign = value >> 31;
          const magnitude = (value ^ sign) - sign;
          const reply = others ^ (toggle & ((least - magnitude) >> 31));
          const flip = sign ^ signs;
          const signed = (reply ^ flip) - flip;
          messages[message + e] = signed;
          sums[offsets[e]! + i] = value + signed;
        }
        message += degree;
      }
      stretch = wrapAround(stretches, stretch, offsets, size);
    }
  }
}

/** Whether the signs of the sums are a code word. Words that are none are told by one of the first checks, mostly. */
function allChecksHold({ size, rows, sums, degrees, columnOffsets, stretches, offsets }: Memory): boolean {
  let stretch = 0;
  for (let row = 0, first = 0; row < rows; row++) {
    const degree = degrees[row]!;
    for (let e = 0; e < degree; e++) {
      offsets[e] = columnOffsets[first + e]!;
    }
    first += degree;
    for (let i = 0; i < size;) {
      const end = stretches[stretch]!;
      for (; i < end; i++) {
        let signs = 0;
        for (let e = 0; e < degree; e++) {
          signs ^= sums[offsets[e]! + i]!;
        }
        if (signs < 0) {
          return false;
        }
      }
      stretch = wrapAround(stretches, stretch, offsets, size);
    }
  }
  return true;
}

/** Let the edges that wrap at the end of a stretch do so; gives where the next stretch is described. */
function wrapAround(stretches: Int32Array, stretch: number, offsets: Int32Array, size: number): number {
  const count = stretches[stretch + 1]!;
  for (let k = 0; k < count; k++) {
    offsets[stretches[stretch + 2 + k]!]! -= size;
  }
  return stretch + 2 + count;
}

/** One entry of a row of the base graph. */
interface Edge {
  readonly column: number;
  readonly shift: number;
}

/** The rows, last first: those of the core, in which two bits are unsent mostly, then have something to go by. */
function layersOf({ rowStarts, edgeColumns, shifts }: LdpcCode, rows: number): Edge[][] {
  const edgesOf = (row: number): Edge[] =>
    edgeColumns
      .slice(rowStarts[row], rowStarts[row + 1])
      .map((column, edge) => ({ column, shift: shifts[rowStarts[row]! + edge]! }));
  return Array.from({ length: rows }, (_, layer) => edgesOf(rows - 1 - layer));
}

/**
 * For each layer, the stretches of i = 0 … Z-1 within which no edge's (i + P) mod Z wraps around: for each stretch its
 * end, the number of edges that wrap there, and which of the layer's edges these are.
 */
function stretchesOf(layers: readonly (readonly Edge[])[], size: number): Int32Array {
  const list: number[] = [];
  for (const layer of layers) {
    const ends = [...new Set([...layer.map(({ shift }) => size - shift), size])].toSorted((a, b) => a - b);
    for (const end of ends) {
      const edges = layer.flatMap(({ shift }, edge) => (size - shift === end ? [edge] : []));
      list.push(end, edges.length, ...edges);
    }
  }
  return Int32Array.from(list);
}
