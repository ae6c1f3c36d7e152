/**
 * How many symbols a second of processor time cross a channel, each model and some chains, beside the same in NumPy.
 *
 *     npx tsx packages/channel-models/bench/throughput.ts [--json FILE|-] [--python PYTHON] [--samples N] [--repeats N]
 *
 * Median of single frames; draws included, as each frame has its own. Both in one run, so the ratio counts. Without a
 * Python that has NumPy the ratios are left out.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomFor } from '@semcast/core';
import { writeBenchReport } from '@semcast/testkit';
import { channelModelNames, createChannel, parseChannelConfig, type ChannelConfigInput } from '../src/index.js';

const SEED = 1;

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    samples: { type: 'string', default: '65536' },
    repeats: { type: 'string', default: '60' },
  },
});
const samples = Number(flags.samples);
const repeats = Number(flags.repeats);
if (!Number.isSafeInteger(samples) || samples < 64 || !Number.isSafeInteger(repeats) || repeats < 1) {
  console.error('--samples and --repeats take positive integers, 64 samples at least');
  process.exit(2);
}

const exponential = { name: 'tdl-exp', taps: 8 } as const;
const chains: Record<string, ChannelConfigInput> = {
  ...Object.fromEntries(channelModelNames.map((name) => [name, { model: { name } }])),
  'tdl-exp, 8 taps': { model: exponential },
  'tdl-exp, 8 taps, 400 Hz': { model: { ...exponential, maxDopplerHz: 400 } },
  'tdl-a, 400 Hz': { model: { name: 'tdl-a', maxDopplerHz: 400 } },
  'awgn, cfo': { impairments: [{ name: 'cfo' }] },
  'awgn, phase-noise': { impairments: [{ name: 'phase-noise' }] },
  'awgn, timing-offset of 0.5': { impairments: [{ name: 'timing-offset', samples: 0.5 }] },
  'awgn, adc': { impairments: [{ name: 'adc' }] },
  'awgn, second-transmitter': { impairments: [{ name: 'second-transmitter' }] },
  'tdl-exp, cfo, phase-noise, adc': {
    model: exponential,
    impairments: [{ name: 'cfo' }, { name: 'phase-noise' }, { name: 'adc' }],
  },
};
delete chains['tdl-exp'];

const sent = new Float32Array(2 * samples);
randomFor({ seed: SEED, stream: 'bench', frame: 0, purpose: 'symbols' }).fillNormal(sent, Math.SQRT1_2);

/** Median processor time of a frame, in seconds. */
function secondsOf(config: ChannelConfigInput): number {
  const channel = createChannel(parseChannelConfig({ ...config, seed: SEED }));
  const times: number[] = [];
  for (let frame = -10; frame < repeats; frame++) {
    const before = process.cpuUsage();
    channel.impairFrame(sent, { stream: 'bench', frame: Math.abs(frame) });
    const { user, system } = process.cpuUsage(before);
    if (frame >= 0) {
      times.push((user + system) / 1e6);
    }
  }
  return times.sort((a, b) => a - b)[Math.floor(repeats / 2)]!;
}

/** The same of NumPy for those of the chains that it has; nothing without NumPy. */
function secondsOfNumpy(): Readonly<Record<string, number>> {
  const script = fileURLToPath(new URL('throughput.py', import.meta.url));
  const { status, stdout, stderr, error } = spawnSync(flags.python, [script], {
    input: JSON.stringify({ samples, repeats, chains: Object.keys(chains) }),
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  });
  if (status !== 0) {
    console.error(`without NumPy: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? ''}`);
    return {};
  }
  return (JSON.parse(stdout) as { seconds: Record<string, number> }).seconds;
}

const numpy = secondsOfNumpy();
const megasymbols = (seconds: number | undefined): number | null =>
  seconds === undefined ? null : Number((samples / seconds / 1e6).toPrecision(3));
const rows = Object.entries(chains).map(([chain, config]) => {
  const seconds = secondsOf(config);
  const other = numpy[chain];
  return {
    chain,
    megasymbolsPerSecond: megasymbols(seconds),
    numpy: megasymbols(other),
    ratio: other === undefined ? null : Number((other / seconds).toFixed(2)),
  };
});

writeBenchReport(
  { schema: 'semcast.bench.channel-models/1', seed: SEED, samples, repeats, rows },
  flags.json,
  rows.map(({ chain, megasymbolsPerSecond, numpy: theirs, ratio }) => ({
    chain,
    'Msymbols/s': megasymbolsPerSecond,
    'NumPy Msymbols/s': theirs ?? '',
    'ours / NumPy': ratio ?? '',
  })),
);
