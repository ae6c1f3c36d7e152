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
  /**
   * The least CSNR in dB, in steps of 0.1, at which at most 1 % of at least 100 transport blocks of 4,096 symbols were
   * lost on AWGN: what `npx tsx packages/channel-coding/bench/thresholds.ts` prints.
   */
  readonly thresholdDb: number;
}

/** Q_m, 1024·R and the measured threshold in dB, by I_MCS. */
const ROWS: readonly (readonly [ModulationOrder, number, number])[] = [
  [2, 120, -5.8],
  [2, 193, -4.1],
  [2, 308, -1.8],
  [2, 449, 0.2],
  [2, 602, 2.1],
  [4, 378, 4],
  [4, 434, 5.1],
  [4, 490, 6],
  [4, 553, 7.1],
  [4, 616, 7.9],
  [4, 658, 8.5],
  [6, 466, 9.6],
  [6, 517, 10.7],
  [6, 567, 11.6],
  [6, 616, 12.3],
  [6, 666, 13.3],
  [6, 719, 14.5],
  [6, 772, 15.5],
  [6, 822, 16.4],
  [6, 873, 17.5],
  [8, 682.5, 18.3],
  [8, 711, 19],
  [8, 754, 19.9],
  [8, 797, 21.1],
  [8, 841, 22],
  [8, 885, 23.1],
  [8, 916.5, 24.1],
  [8, 948, 25.2],
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
 * The fastest scheme that loses at most 1 % of transport blocks on AWGN of a CSNR.
 *
 * @param csnrDb the CSNR that the link is designed for, in dB
 * @returns null where none is slow enough
 */
export function mcsFor(csnrDb: number): Mcs | null {
  return MCS_TABLE.findLast(({ thresholdDb }) => thresholdDb <= csnrDb) ?? null;
}
