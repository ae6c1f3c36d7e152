import { ArgumentError } from '@semcast/core';
import { BASE_GRAPHS, liftingSetOf, type BaseGraphNumber } from './base-graphs.js';

/** An LDPC code of NR: a base graph lifted by Z. Its parity-check matrix has rows·Z checks of columns·Z bits. */
export interface LdpcCode {
  readonly baseGraph: BaseGraphNumber;
  /** Z, the size of the circulants. */
  readonly liftingSize: number;
  /** K, bits that go in, filler bits among them: 22·Z or 10·Z. */
  readonly informationBits: number;
  /** N, bits of the circular buffer, all but the first 2·Z of the code word: 66·Z or 50·Z. */
  readonly bufferBits: number;
  /** Rows of the base graph, 46 or 42. */
  readonly rows: number;
  /** Column of the base graph of each edge, row by row. */
  readonly edgeColumns: readonly number[];
  /** Where each row's edges begin; one more entry than rows. */
  readonly rowStarts: readonly number[];
  /** P of each edge, V mod Z: row i of the circulant has its one in column (i + P) mod Z. */
  readonly shifts: readonly number[];
}

/**
 * The code of a base graph and a lifting size (TS 38.212, clause 5.3.2).
 *
 * @throws ArgumentError when NR has no such lifting size
 */
export function ldpcCode(baseGraph: BaseGraphNumber, liftingSize: number): LdpcCode {
  const { rows, columns, informationColumns, edgeColumns, rowStarts, shifts } = BASE_GRAPHS[baseGraph];
  return {
    baseGraph,
    liftingSize,
    informationBits: informationColumns * liftingSize,
    bufferBits: (columns - 2) * liftingSize,
    rows,
    edgeColumns,
    rowStarts,
    shifts: shifts[liftingSetOf(liftingSize)]!.map((shift) => shift % liftingSize),
  };
}

/** Rows of the base graph without which no code word is complete: those of the core's four parity columns. */
export const CORE_ROWS = 4;

/** target[i] ^= source[(i + shift) mod Z], both from their offsets. */
function xorShifted(
  target: Uint8Array,
  targetOffset: number,
  source: Uint8Array,
  sourceOffset: number,
  size: number,
  shift: number,
): void {
  for (let i = 0, from = sourceOffset + shift; i < size - shift; i++) {
    target[targetOffset + i]! ^= source[from + i]!;
  }
  for (let i = size - shift, from = sourceOffset + shift - size; i < size; i++) {
    target[targetOffset + i]! ^= source[from + i]!;
  }
}

/**
 * Encode one code block: the parity bits w with H·[c w]ᵀ = 0 (TS 38.212, clause 5.3.2).
 *
 * The core's four rows have the form (shown for base graph 1; the lone entry is in row 2 for base graph 2)
 *
 *     P^a p0 + p1 = λ0,  P^b p0 + p1 + p2 = λ1,  p2 + p3 = λ2,  P^a p0 + p3 = λ3
 *
 * whose sum is P^b p0 = λ0 + λ1 + λ2 + λ3; then p1, p2 and p3 follow one by one, and each further row gives its own
 * parity column (Richardson, Kudekar, "Design of low-density parity check codes for 5G New Radio", IEEE Commun. Mag.
 * 56(3), 2018).
 *
 * @param information K bits, one an entry, filler bits as 0
 * @param rows rows of the base graph to encode, from {@link CORE_ROWS} up to all of them, which is the default
 * @returns the whole code word, also the 2·Z bits that are never transmitted: K + rows·Z bits
 * @throws ArgumentError when the information has another length, or on a number of rows that there isn't
 */
export function encodeLdpc(code: LdpcCode, information: Uint8Array, rows: number = code.rows): Uint8Array {
  const { liftingSize: size, informationBits, edgeColumns, rowStarts, shifts } = code;
  if (information.length !== informationBits) {
    throw new ArgumentError(`the code takes ${informationBits} bits, not ${information.length}`);
  }
  checkRows(code, rows);
  const word = new Uint8Array(informationBits + rows * size);
  word.set(information);
  const core = informationBits / size;
  const sums = new Uint8Array(CORE_ROWS * size);
  const total = new Uint8Array(size);
  const firstColumnShifts: number[] = [];
  for (let row = 0; row < CORE_ROWS; row++) {
    for (let edge = rowStarts[row]!; edge < rowStarts[row + 1]!; edge++) {
      const column = edgeColumns[edge]!;
      if (column < core) {
        xorShifted(sums, row * size, word, column * size, size, shifts[edge]!);
      } else if (column === core) {
        firstColumnShifts.push(shifts[edge]!);
      }
    }
    xorShifted(total, 0, sums, row * size, size, 0);
  }
  // Three entries in p0's column: the outer two are alike and cancel.
  xorShifted(word, informationBits, total, 0, size, (size - firstColumnShifts[1]!) % size);
  for (let row = 0; row < CORE_ROWS - 1; row++) {
    const parity = informationBits + (row + 1) * size;
    xorShifted(word, parity, sums, row * size, size, 0);
    for (let edge = rowStarts[row]!; edge < rowStarts[row + 1]!; edge++) {
      const column = edgeColumns[edge]!;
      if (column >= core && column <= core + row) {
        xorShifted(word, parity, word, column * size, size, shifts[edge]!);
      }
    }
  }
  for (let row = CORE_ROWS; row < rows; row++) {
    const parity = informationBits + row * size;
    for (let edge = rowStarts[row]!; edge < rowStarts[row + 1]! - 1; edge++) {
      xorShifted(word, parity, word, edgeColumns[edge]! * size, size, shifts[edge]!);
    }
  }
  return word;
}

/** @throws ArgumentError unless the code has that many rows of the base graph, and those of the core are among them */
export function checkRows(code: LdpcCode, rows: number): void {
  if (!Number.isSafeInteger(rows) || rows < CORE_ROWS || rows > code.rows) {
    throw new ArgumentError(
      `base graph ${code.baseGraph} can't be cut to ${rows} rows, only to ${CORE_ROWS} … ${code.rows}`,
    );
  }
}
