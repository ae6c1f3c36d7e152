/**
 * Does a receiver under load hold its memory, its handles and its event loop? `semcast load` against a receiver in a
 * process of its own, over real sockets.
 *
 *     npx tsx apps/cli/bench/soak.ts --minutes 30 --rate 2 [--decoder distilled] [--streams 8] [--json FILE]
 *
 * Prints, every so often, the receiver's JavaScript heap after a garbage collection, its memory outside of it, its own
 * resident memory (not mapped from files), handles, frames, and the delay of its event loop since the line before; and
 * at the end the slope of each over the second half with its 95 % interval, and what became of the frames.
 */
import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ownMebibytes, REPOSITORY_ROOT, slope } from '@semcast/testkit';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    rate: { type: 'string', default: '1' },
    decoder: { type: 'string', default: 'distilled' },
    streams: { type: 'string', default: '8' },
    every: { type: 'string', default: '10' },
    json: { type: 'string' },
  },
});
const [minutes, rate, everySeconds] = [Number(values.minutes), Number(values.rate), Number(values.every)];
const MEBI = 1024 ** 2;
const SEMCAST = join(REPOSITORY_ROOT, 'apps/cli/bin/semcast.js');

/** What the receiver tells of itself. */
interface Told {
  readonly heap: number;
  readonly external: number;
  readonly handles: number;
  readonly loopMs: { readonly p99: number; readonly max: number };
  readonly streams: number;
  readonly frames: number;
}

const openFiles = (pid: number): number => {
  try {
    return Number(execFileSync('sh', ['-c', `ls /proc/${pid}/fd | wc -l`]).toString());
  } catch {
    return Number.NaN;
  }
};

const COLUMNS = {
  heap: 'heap MiB',
  external: 'outside MiB',
  own: 'resident MiB',
  handles: 'handles',
  files: 'files',
  frames: 'frames',
  loopP99: 'loop p99 ms',
  loopMax: 'loop max ms',
  generator: 'generator MiB',
} as const;
type Sample = Readonly<Record<keyof typeof COLUMNS | 'minute', number>>;
const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];

const folder = mkdtempSync(join(tmpdir(), 'semcast-soak-'));
const receiver = fork(fileURLToPath(new URL('soak-receiver.ts', import.meta.url)));
const [{ url }] = (await once(receiver, 'message')) as [{ url: string }];
const reportFile = join(folder, 'load.json');
const load = spawn(
  process.execPath,
  [SEMCAST, 'load', '--to', url, '--snr', '10', '--streams', values.streams, '--decoder', values.decoder].concat([
    '--rate',
    String(rate),
    '--duration',
    String(60 * minutes),
    '--drain',
    '30',
    '--json',
    reportFile,
  ]),
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
const ended = once(load, 'close');
const samples: Sample[] = [];
try {
  process.stdout.write(`  min ${names.map((name) => COLUMNS[name].padStart(14)).join('')}\n`);
  const startMs = performance.now();
  while (load.exitCode === null && load.signalCode === null) {
    await Promise.race([ended, sleep(everySeconds * 1000)]);
    receiver.send('how much?');
    const [told] = (await once(receiver, 'message')) as [Told];
    const sample: Sample = {
      minute: (performance.now() - startMs) / 60_000,
      heap: told.heap / MEBI,
      external: told.external / MEBI,
      own: ownMebibytes(receiver.pid!),
      handles: told.handles,
      files: openFiles(receiver.pid!),
      frames: told.frames,
      loopP99: told.loopMs.p99,
      loopMax: told.loopMs.max,
      generator: ownMebibytes(load.pid!),
    };
    samples.push(sample);
    const cells = names.map((name) =>
      sample[name].toFixed(name === 'handles' || name === 'files' ? 0 : 1).padStart(14),
    );
    process.stdout.write(`${sample.minute.toFixed(1).padStart(5)} ${cells.join('')}\n`);
  }
  const report = JSON.parse(readFileSync(reportFile, 'utf8')) as Record<string, unknown>;
  const { frames, goodput, offeredRate, latencyMs, command } = report;
  // The last one is of a generator that has gone.
  const half = samples.slice(Math.floor(samples.length / 2), -1);
  const hours = half.map(({ minute }) => minute / 60);
  const perHour = Object.fromEntries(
    names.map((name) => {
      const { value, within } = slope(
        hours,
        half.map((sample) => sample[name]),
      );
      return [name, { perHour: value, within }];
    }),
  );
  for (const name of names) {
    const { perHour: value, within } = perHour[name]!;
    process.stdout.write(
      `${COLUMNS[name].padStart(14)} ${value.toFixed(2).padStart(9)} ± ${within.toFixed(2)} an hour\n`,
    );
  }
  const soak = {
    schema: 'semcast.bench.soak/1',
    commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: REPOSITORY_ROOT }).toString().trim(),
    cpu: cpus()[0]?.model.trim(),
    cores: availableParallelism(),
    loadAverage: loadavg()[2],
    minutes,
    rate,
    decoder: values.decoder,
    load: { command, frames, goodput, offeredRate, latencyMs },
    perHour,
    samples,
  };
  process.stdout.write(`${JSON.stringify(soak.load)}\n`);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(soak, null, 2)}\n`);
  }
} finally {
  load.kill();
  receiver.disconnect();
  rmSync(folder, { recursive: true, force: true });
}
