/**
 * Sends a stream through real processes while things go wrong, and holds what comes of it against a calm run.
 *
 *     npm run chaos -- [--seed N] [--minutes X] [--gap SECONDS]
 *
 * Services are killed and paused, networks between them reset, fall silent, delay and flip bits, wall clocks jump; with
 * nats-server installed two workers decode at a queue, whose server is killed and paused, too. The seed says what
 * happens when. Exits with 1 where a frame has no outcome, or two, or another picture than without faults. Ctrl-C ends
 * it early, with 130.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findProgram } from '@semcast/testkit';
import { runChaos } from './run-chaos.js';

const INTERRUPTED = 130;

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) {
    throw new Error(`--${name} is ${text}: give a number of at least 0`);
  }
  return value;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '3' },
    gap: { type: 'string', default: '2' },
  },
});
const seed = numberOf('seed', values.seed);
const interrupted = new AbortController();
// A terminal signals all processes in it, and what started this one passes the signal on: once is enough.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort());
}
const dir = await mkdtemp(join(tmpdir(), 'semcast-chaos-'));
try {
  const report = await runChaos({
    seed,
    durationMs: 60_000 * numberOf('minutes', values.minutes),
    meanGapMs: 1000 * numberOf('gap', values.gap),
    nats: findProgram('nats-server', 'nats-server'),
    dir,
    say: (line) => console.log(line),
    signal: interrupted.signal,
  });
  const count = Object.values(report.faults).reduce((sum, each) => sum + each, 0);
  console.log(`\nseed ${seed}: ${count} faults`);
  for (const [what, times] of Object.entries(report.faults).toSorted(([a], [b]) => a.localeCompare(b))) {
    console.log(`${String(times).padStart(6)}  ${what}`);
  }
  if (interrupted.signal.aborted) {
    console.log('interrupted: nothing was compared');
  } else {
    console.log(`frames ${report.frames}, results ${report.results}`);
    for (const [reason, times] of Object.entries(report.drops)) {
      console.log(`${String(times).padStart(6)}  dropped: ${reason}`);
    }
    console.log(report.violations.length === 0 ? 'no invariant was violated' : 'VIOLATED:');
    report.violations.forEach((violation) => console.log(`  ${violation}`));
  }
  process.exitCode = interrupted.signal.aborted ? INTERRUPTED : Math.min(1, report.violations.length);
} finally {
  await rm(dir, { recursive: true, force: true });
}
