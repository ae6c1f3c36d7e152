/**
 * The least CSNR at which each MCS loses at most 1 % of transport blocks on AWGN, in steps of 0.1 dB: the thresholds of
 * `src/mcs.ts`, and how far they lie from the capacity of the channel.
 *
 *     npx tsx packages/channel-coding/bench/thresholds.ts [--json FILE|-] [--symbols N] [--blocks N] [--mcs LIST] [--demapper max-log|exact]
 *
 * From 0.6 dB above capacity upwards, `--blocks` transport blocks of `--symbols` symbols at each CSNR, or fewer where
 * more than 1 % of them are lost before.
 */
import { parseArgs } from 'node:util';
import { powerToDb } from '@semcast/core';
import { writeBenchReport } from '@semcast/testkit';
import {
  decodeTransportBlock,
  encodeTransportBlock,
  MCS_TABLE,
  MODULATION_NAMES,
  packBits,
  transportBlockBytes,
  type DecodeOptions,
  type DemapperMethod,
} from '../src/index.js';
import { overAwgn, randomBits, testRandom } from '../test/random.js';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    symbols: { type: 'string', default: '4096' },
    blocks: { type: 'string', default: '100' },
    mcs: { type: 'string', default: MCS_TABLE.map(({ index }) => index).join(',') },
    demapper: { type: 'string', default: 'exact' },
  },
});
const symbols = Number(flags.symbols);
const blocks = Number(flags.blocks);
const options: DecodeOptions = { demapper: flags.demapper as DemapperMethod };

/** Lost of how many transport blocks, and mean iterations of a code block. */
function sendBlocks(mcs: number, csnrDb: number): { sent: number; lost: number; iterations: number } {
  const format = { mcs, symbols };
  const bytes = transportBlockBytes(format);
  let lost = 0;
  let sent = 0;
  let iterations = 0;
  for (; sent < blocks && lost <= blocks / 100; sent++) {
    const random = testRandom(`mcs-${mcs}`, sent);
    const symbolsSent = encodeTransportBlock(packBits(randomBits(8 * bytes, random)), format);
    const result = decodeTransportBlock(overAwgn(symbolsSent, 10 ** (-csnrDb / 10), random), format, bytes, options);
    lost += result.ok ? 0 : 1;
    iterations += result.iterations;
  }
  return { sent, lost, iterations: iterations / sent };
}

const rows = flags.mcs.split(',').map((text) => {
  const { index, order, codeRate } = MCS_TABLE[Number(text)]!;
  const sentEfficiency = (8 * transportBlockBytes({ mcs: index, symbols })) / symbols;
  const capacityDb = powerToDb(2 ** sentEfficiency - 1);
  let csnrDb = Math.ceil(10 * (capacityDb + 0.6)) / 10;
  let result = sendBlocks(index, csnrDb);
  while (result.lost > blocks / 100) {
    csnrDb = Math.round(10 * csnrDb + 1) / 10;
    result = sendBlocks(index, csnrDb);
  }
  const row = {
    mcs: index,
    modulation: MODULATION_NAMES[order],
    codeRate: Number(codeRate.toFixed(3)),
    efficiency: Number(sentEfficiency.toFixed(3)),
    thresholdDb: csnrDb,
    gapDb: Number((csnrDb - capacityDb).toFixed(2)),
    bler: Number((result.lost / result.sent).toFixed(4)),
    iterations: Number(result.iterations.toFixed(1)),
  };
  console.error(JSON.stringify(row));
  return row;
});
writeBenchReport({ schema: 'semcast.bench.mcs-thresholds/1', symbols, blocks, ...options, rows }, flags.json, rows);
