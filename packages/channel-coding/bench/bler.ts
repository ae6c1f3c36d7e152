/**
 * Block error rates of single code blocks on AWGN beside what others published, and how far they lie from the best
 * codes of their length (normal approximation), each as the difference in dB at the same block error rate.
 *
 *     npx tsx packages/channel-coding/bench/bler.ts [--json FILE|-] [--errors N]
 *
 * At each CSNR blocks are sent until `--errors` of them are lost, 100,000 at most; rates between are interpolated.
 */
import { parseArgs } from 'node:util';
import { powerToDb } from '@semcast/core';
import { writeBenchReport } from '@semcast/testkit';
import type { LdpcDecoderOptions } from '../src/index.js';
import { normalApproximationDb } from '../test/normal-approximation.js';
import { esN0DbOf, PUBLISHED } from '../test/published.js';
import { simulateBlocks, type BlockExperiment } from '../test/simulate.js';

const { values: flags } = parseArgs({
  options: { json: { type: 'string' }, errors: { type: 'string', default: '50' } },
});
const errors = Number(flags.errors);

/** The Es/N0 in dB at which a block error rate is met, from 0.1 dB steps around a guess. */
function esN0DbAt(
  experiment: BlockExperiment,
  bler: number,
  guessDb: number,
  options: LdpcDecoderOptions = {},
): number {
  const rateAt = (esN0Db: number): number => {
    const result = simulateBlocks(experiment, esN0Db, { blocks: 100_000, errors }, options);
    return result.errors / result.blocks;
  };
  let db = guessDb;
  let rate = rateAt(db);
  const step = rate > bler ? 0.1 : -0.1;
  for (;;) {
    const next = rateAt(db + step);
    if (next > bler !== rate > bler) {
      return db + (step * Math.log(rate / bler)) / Math.log(rate / next);
    }
    db += step;
    rate = next;
  }
}

const round = (value: number): number => Number(value.toFixed(2));
const published = PUBLISHED.map((point) => {
  const esN0Db = esN0DbAt(point, point.bler, esN0DbOf(point), point);
  const row = {
    informationBits: point.informationBits,
    sentBits: point.sentBits,
    bler: point.bler,
    iterations: point.iterations,
    publishedEbN0Db: point.ebN0Db,
    ebN0Db: round(esN0Db - powerToDb((point.order * point.informationBits) / point.sentBits)),
    differenceDb: round(esN0Db - esN0DbOf(point)),
    source: point.source,
  };
  console.error(JSON.stringify(row));
  return row;
});

const lengths: readonly BlockExperiment[] = [
  { baseGraph: 2, informationBits: 720, sentBits: 3600, order: 2 },
  { baseGraph: 2, informationBits: 3600, sentBits: 18_000, order: 2 },
  { baseGraph: 2, informationBits: 1000, sentBits: 2000, order: 2 },
  { baseGraph: 1, informationBits: 7000, sentBits: 14_000, order: 2 },
  { baseGraph: 1, informationBits: 1000, sentBits: 1200, order: 2 },
  { baseGraph: 1, informationBits: 7000, sentBits: 8400, order: 2 },
];
const best = lengths.map((experiment) => {
  const { informationBits, sentBits } = experiment;
  const bestDb = normalApproximationDb(informationBits, sentBits, 0.01);
  const esN0Db = esN0DbAt(experiment, 0.01, bestDb + 0.6);
  const row = {
    informationBits,
    sentBits,
    bler: 0.01,
    bestEsN0Db: round(bestDb),
    esN0Db: round(esN0Db),
    differenceDb: round(esN0Db - bestDb),
  };
  console.error(JSON.stringify(row));
  return row;
});

writeBenchReport({ schema: 'semcast.bench.ldpc-bler/1', errors, published, best }, flags.json, [
  ...published.map(({ source, ...row }) => Object.assign(row, { against: source.split(' ')[0]! })),
  ...best.map(({ informationBits, sentBits, bler, bestEsN0Db, esN0Db, differenceDb }) => ({
    informationBits,
    sentBits,
    bler,
    iterations: '25 at most',
    publishedEbN0Db: round(bestEsN0Db - powerToDb((2 * informationBits) / sentBits)),
    ebN0Db: round(esN0Db - powerToDb((2 * informationBits) / sentBits)),
    differenceDb,
    against: 'normal approximation',
  })),
]);
