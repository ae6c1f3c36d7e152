import { type LdpcCode } from '../src/index.js';

/** How many checks a code word breaks, straight from the definition of the lifted matrix. */
export function brokenChecks(code: LdpcCode, word: Uint8Array, rows: number = code.rows): number {
  const { liftingSize, rowStarts, edgeColumns, shifts } = code;
  let broken = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < liftingSize; i++) {
      let parity = 0;
      for (let edge = rowStarts[row]!; edge < rowStarts[row + 1]!; edge++) {
        parity ^= word[edgeColumns[edge]! * liftingSize + ((i + shifts[edge]!) % liftingSize)]!;
      }
      broken += parity;
    }
  }
  return broken;
}
