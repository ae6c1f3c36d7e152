/**
 * What OFDM costs, beside the same in NumPy: `npx tsx packages/phy/bench/ofdm.ts [--python PROGRAM] [--fft-size N]`.
 *
 * A frame of 16,384 symbols, modulated and demodulated over and over in this process, then by ofdm_numpy.py in one
 * Python process with the same options; CPU time, so that a busy machine disturbs less. Without NumPy only the first.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomFor } from '@semcast/core';
import { createModem, type Modem } from '../src/index.js';

const { values: flags } = parseArgs({
  options: { python: { type: 'string', default: 'python3' }, 'fft-size': { type: 'string', default: '256' } },
});
const fftSize = Number(flags['fft-size']);
const [prefix, taps, count, rounds] = [16, 8, 16_384, 40];

const symbols = new Float32Array(2 * count);
randomFor({ seed: 1, stream: 'bench', frame: 0, purpose: 'symbols' }).fillNormal(symbols, Math.SQRT1_2);

/** Million symbols per second of one core; the best of five runs. */
function rateOf(work: () => unknown): number {
  let best = 0;
  for (let run = 0; run < 5; run++) {
    const begin = process.cpuUsage();
    for (let round = 0; round < rounds; round++) {
      work();
    }
    best = Math.max(best, (rounds * count) / process.cpuUsage(begin).user);
  }
  return best;
}

const modemOf = (estimator: string): Modem => createModem('ofdm', { fftSize, prefix, taps, estimator });
const sent = modemOf('genie').modulate(symbols);
const path = (delay: number) => ({
  delay,
  gains: { coherence: sent.length / 2, values: Float32Array.of(Math.exp(-delay / 4), 0.1) },
});
const channel = { taps: Array.from({ length: taps }, (_, delay) => path(delay)), noiseVariance: 0.1 };
const node: Record<string, number> = {
  modulate: rateOf(() => modemOf('genie').modulate(symbols)),
  genie: rateOf(() => modemOf('genie').demodulate(sent, count, channel)),
  ls: rateOf(() => modemOf('ls').demodulate(sent, count, null)),
  lmmse: rateOf(() => modemOf('lmmse').demodulate(sent, count, null)),
};

const script = fileURLToPath(new URL('ofdm_numpy.py', import.meta.url));
const python = spawnSync(flags.python, [script, JSON.stringify({ fftSize, prefix, taps, count, rounds })], {
  encoding: 'utf8',
  env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
});
const numpy = python.status === 0 ? (JSON.parse(python.stdout) as Record<string, number>) : null;
if (numpy === null) {
  console.error(`no figures of NumPy: ${(python.stderr || String(python.error)).trim().split('\n').at(-1)}`);
}
console.log(
  JSON.stringify({
    schema: 'semcast.phy-ofdm/1',
    fftSize,
    symbols: count,
    millionSymbolsPerSecond: Object.fromEntries(
      Object.entries(node).map(([name, rate]) => [
        name,
        {
          node: Number(rate.toFixed(2)),
          ...(numpy === null
            ? {}
            : { numpy: Number(numpy[name]!.toFixed(2)), ratio: Number((rate / numpy[name]!).toFixed(2)) }),
        },
      ]),
    ),
  }),
);
