import { ArgumentError } from '@semcast/core';
import type { ModulationOrder } from './modulation.js';

/** A modulation and coding scheme of TS 38.214, Table 5.1.3.1-2. */
export interface Mcs {
  /** I_MCS. */
  readonly index: number;
  /** Q_m, bits of a symbol. */
  readonly order: ModulationOrder;
  /** R, the target code rate: payload bits for each bit sent, CRCs not counted. */
  readonly codeRate: number;
  /** Q_m·R, payload bits a symbol. */
  readonly efficiency: number;
  /** The CSNR in dB from which on the scheme is chosen. Estimates, until bench/ measures them. */
  readonly thresholdDb: number;
}

/** Q_m, 1024·R and the threshold in dB, by I_MCS. */
const ROWS: readonly (readonly [ModulationOrder, number, number])[] = [
  [2, 120, -7],
  [2, 193, -5],
  [2, 308, -1.7],
  [2, 449, 0.3],
  [2, 602, 2.2],
  [4, 378, 3.8],
  [4, 434, 4.8],
  [4, 490, 5.7],
  [4, 553, 6.6],
  [4, 616, 7.6],
  [4, 658, 8.2],
  [6, 466, 9.2],
  [6, 517, 10.1],
  [6, 567, 11],
  [6, 616, 11.9],
  [6, 666, 12.8],
  [6, 719, 13.7],
  [6, 772, 14.6],
  [6, 822, 15.5],
  [6, 873, 16.6],
  [8, 682.5, 17.3],
  [8, 711, 18],
  [8, 754, 19],
  [8, 797, 20],
  [8, 841, 21],
  [8, 885, 22.1],
  [8, 916.5, 23.1],
  [8, 948, 24.3],
];

/** The 28 schemes of the table with 256QAM, by I_MCS. */
export const MCS_TABLE: readonly Mcs[] = ROWS.map(([order, rate, thresholdDb], index) => ({
  index,
  order,
  codeRate: rate / 1024,
  efficiency: (order * rate) / 1024,
  thresholdDb,
}));

/**
 * The scheme with an index.
 *
 * @throws ArgumentError when the table has no such index
 */
export function mcsOf(index: number): Mcs {
  const mcs = MCS_TABLE[index];
  if (mcs === undefined) {
    throw new ArgumentError(`there is no MCS ${index}, only 0 … ${MCS_TABLE.length - 1}`);
  }
  return mcs;
}

/**
 * The fastest scheme whose threshold a CSNR reaches.
 *
 * @param csnrDb the CSNR that the link is designed for, in dB
 * @returns null where none is slow enough
 */
export function mcsFor(csnrDb: number): Mcs | null {
  return MCS_TABLE.findLast(({ thresholdDb }) => thresholdDb <= csnrDb) ?? null;
}
