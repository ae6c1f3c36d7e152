/**
 * Complex symbols a second through each channel model, on one core.
 *
 *     npx tsx packages/channel-models/bench/throughput.ts [--json FILE|-] [--symbols N] [--seconds S]
 *
 * One round sends frames of N symbols (default 49152: a 768×512 photograph at CBR 1/24) through `impairFrame`: fading
 * and noise are drawn, applied and measured as in the channel service. Rounds of all models alternate, so that a busy
 * moment of the machine hits all alike; the median and the best of the rounds are reported.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { randomFor } from '@semcast/core';
import { channelModelNames, createChannel, parseChannelConfig } from '@semcast/channel-models';

const ROUNDS = 9;
const SEED = 1;

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    symbols: { type: 'string', default: '49152' },
    seconds: { type: 'string', default: '1' },
  },
});
const symbols = Number(flags.symbols);
const seconds = Number(flags.seconds);
if (!Number.isSafeInteger(symbols) || symbols < 1 || !(seconds > 0)) {
  console.error('--symbols takes a positive integer, --seconds a positive number');
  process.exit(2);
}

const samples = new Float32Array(2 * symbols);
randomFor({ seed: SEED, stream: 'bench', frame: 0, purpose: 'symbols' }).fillNormal(samples, Math.SQRT1_2);

const contenders = channelModelNames.map((name) => ({
  name,
  channel: createChannel(parseChannelConfig({ model: { name }, seed: SEED })),
  frame: 0,
  rates: [] as number[],
}));
type Contender = (typeof contenders)[number];

/** Symbols a second over about `budgetMs`. */
function measure(contender: Contender, budgetMs: number): number {
  const start = performance.now();
  let frames = 0;
  let elapsedMs = 0;
  do {
    contender.channel.impairFrame(samples, { stream: 'bench', frame: contender.frame++ });
    frames += 1;
    elapsedMs = performance.now() - start;
  } while (elapsedMs < budgetMs);
  return (frames * symbols) / (elapsedMs / 1000);
}

for (const contender of contenders) {
  measure(contender, 100);
}
for (let round = 0; round < ROUNDS; round++) {
  for (const contender of contenders) {
    contender.rates.push(measure(contender, (1000 * seconds) / ROUNDS));
  }
}

function millions(rate: number): number {
  return Math.round(rate / 1e4) / 100;
}

function commit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

const report = {
  schema: 'semcast.bench.channel-models/1',
  commit: commit(),
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  seed: SEED,
  symbolsPerFrame: symbols,
  rows: contenders.map(({ name, rates }) => {
    const sorted = rates.toSorted((a, b) => a - b);
    return { model: name, msymbolsPerSecond: millions(sorted[ROUNDS >> 1]!), best: millions(sorted.at(-1)!) };
  }),
};

if (flags.json === '-') {
  console.log(JSON.stringify(report, null, 2));
} else {
  console.log(`${symbols} symbols a frame, Node ${report.node}, ${report.cpu}`);
  console.log('model            Msymbols/s (median)   best round');
  for (const { model, msymbolsPerSecond, best } of report.rows) {
    console.log(`${model.padEnd(16)} ${msymbolsPerSecond.toFixed(1).padStart(19)} ${best.toFixed(1).padStart(12)}`);
  }
  if (flags.json !== undefined) {
    writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
  }
}
