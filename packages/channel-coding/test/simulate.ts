import {
  createLdpcDecoder,
  demodulate,
  encodeLdpc,
  ldpcCode,
  matchRate,
  modulate,
  recoverRate,
  rowsReached,
  segment,
  type BaseGraphNumber,
  type DemapperMethod,
  type LdpcDecoderOptions,
  type ModulationOrder,
} from '../src/index.js';
import { overAwgn, randomBits, testRandom } from './random.js';

/** One code block of information bits, without CRC, over AWGN. */
export interface BlockExperiment {
  readonly baseGraph: BaseGraphNumber;
  readonly informationBits: number;
  readonly sentBits: number;
  readonly order: ModulationOrder;
}

export interface BlockErrors {
  readonly blocks: number;
  readonly errors: number;
  /** Mean of a block. */
  readonly iterations: number;
}

/**
 * Count code blocks with a wrong information bit.
 *
 * @param esN0Db mean power of a complex symbol over its noise variance
 * @param blocks how many to send at most; fewer where `errors` are reached before
 */
export function simulateBlocks(
  { baseGraph, informationBits, sentBits, order }: BlockExperiment,
  esN0Db: number,
  { blocks, errors = Infinity }: { blocks: number; errors?: number },
  { demapper, ...options }: LdpcDecoderOptions & { demapper?: DemapperMethod } = {},
): BlockErrors {
  const code = ldpcCode(baseGraph, segment(informationBits, baseGraph).liftingSize);
  const matching = { code, blockBits: informationBits, sentBits, order };
  const rows = rowsReached(matching);
  const decoder = createLdpcDecoder(code, rows, options);
  const decoded = new Uint8Array(code.informationBits);
  let wrong = 0;
  let iterations = 0;
  let sent = 0;
  while (sent < blocks && wrong < errors) {
    const random = testRandom('block', sent);
    const information = new Uint8Array(code.informationBits);
    information.set(randomBits(informationBits, random));
    const symbols = modulate(matchRate(matching, encodeLdpc(code, information, rows)), order);
    const received = overAwgn(symbols, 10 ** (-esN0Db / 10), random);
    const result = decoder.decode(recoverRate(matching, demodulate(received, order, demapper), 0), decoded);
    iterations += result.iterations;
    wrong += decoded.every((bit, k) => bit === information[k]) ? 0 : 1;
    sent++;
  }
  return { blocks: sent, errors: wrong, iterations: iterations / sent };
}
