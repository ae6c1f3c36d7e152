/**
 * What coding costs on one core, in Mbit/s of payload, by code rate and size: encoding, demapping and decoding of
 * transport blocks, and decoding of one code block alone.
 *
 *     npx tsx packages/channel-coding/bench/throughput.ts [--json FILE|-] [--repeats N]
 *
 * Processor time, so that a busy machine disturbs less; the best of `--repeats` rounds. AWGN 0.5 dB above the MCS's
 * threshold, where decoding takes about as many iterations as in use.
 */
import { parseArgs } from 'node:util';
import { writeBenchReport } from '@semcast/testkit';
import {
  decodeTransportBlock,
  demodulate,
  encodeTransportBlock,
  MCS_TABLE,
  MODULATION_NAMES,
  packBits,
  transportBlockBytes,
} from '../src/index.js';
import { overAwgn, randomBits, testRandom } from '../test/random.js';

const { values: flags } = parseArgs({
  options: { json: { type: 'string' }, repeats: { type: 'string', default: '3' } },
});
const repeats = Number(flags.repeats);

/** The least processor time of a call, in seconds. */
function secondsOf(work: () => void): number {
  work();
  let least = Infinity;
  for (let round = 0; round < repeats; round++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1e6);
  }
  return least;
}

const FRAMES = 4;
const rows = [1, 4, 10, 16, 19, 25].flatMap((mcs) =>
  [512, 4096].map((symbols) => {
    const { order, codeRate, thresholdDb } = MCS_TABLE[mcs]!;
    const format = { mcs, symbols };
    const bytes = transportBlockBytes(format);
    const random = testRandom(`throughput-${mcs}`);
    const payload = packBits(randomBits(8 * bytes, random));
    const sent = encodeTransportBlock(payload, format);
    const noiseVariance = 10 ** (-(thresholdDb + 0.5) / 10);
    const frames = Array.from({ length: FRAMES }, () => overAwgn(sent, noiseVariance, random));
    let iterations = 0;
    let lost = 0;
    for (const frame of frames) {
      const result = decodeTransportBlock(frame, format, bytes);
      iterations += result.iterations / FRAMES;
      lost += result.ok ? 0 : 1;
    }
    const megabits = (FRAMES * 8 * bytes) / 1e6;
    const rateOf = (work: (frame: (typeof frames)[number]) => void): number =>
      Number((megabits / secondsOf(() => frames.forEach(work))).toPrecision(3));
    return {
      mcs,
      modulation: MODULATION_NAMES[order],
      codeRate: Number(codeRate.toFixed(2)),
      symbols,
      bytes,
      encode: rateOf(() => encodeTransportBlock(payload, format)),
      demap: rateOf((frame) => demodulate(frame, order)),
      decode: rateOf((frame) => decodeTransportBlock(frame, format, bytes)),
      iterations: Number(iterations.toFixed(1)),
      lost,
    };
  }),
);
writeBenchReport({ schema: 'semcast.bench.channel-coding/1', repeats, rows }, flags.json, rows);
