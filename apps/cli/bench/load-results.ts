/**
 * Makes docs/results/load.md and its figures: the highest rate at which p99 stays below 2 s, and what happens from a
 * tenth to three times that rate, at one receiver in a process of its own on this machine, and the trade of steps
 * against load under a deadline.
 *
 *     npx tsx apps/cli/bench/load-results.ts DIR [--note TEXT] [--soak FILE]
 *
 * DIR gets the reports of `semcast load`; those that are there already are not measured again. `--note` says what else
 * the machine did; `--soak` is a report of `soak.ts`.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdownTable, renderChart, svgFile } from '@semcast/report';
import { REPOSITORY_ROOT } from '@semcast/testkit';
import { loadCharts, loadTable, nameLoads } from '../src/load/figures.js';
import { parseLoadReport, type ReadLoadReport } from '../src/load/read-report.js';
import { machineText } from '../src/sweep/provenance.js';

const SEMCAST = join(REPOSITORY_ROOT, 'apps/cli/bin/semcast.js');
const DOCS = join(REPOSITORY_ROOT, 'docs');
const STREAMS = ['--streams', '8', '--snr', '10', '--warmup', '3', '--drain', '4'];

/** What is measured, by the name of its report. `RATE` is where the search begins on two idle cores. */
const TESTS = {
  jscc: ['--decoder', 'jscc', '--rate', '10', '--duration', '12', '--find-capacity', '--slo', 'p99=2s', '--curve'],
  distilled: [
    '--decoder',
    'distilled',
    '--rate',
    '1.5',
    '--duration',
    '20',
    '--find-capacity',
    '--slo',
    'p99=2s',
    '--curve',
  ],
  conditional: ['--decoder', 'conditional', '--steps', '8', '--decoder-option', 'minSteps=1', '--deadline', '4'].concat(
    ['--rate', '0.2,0.5,1,2,4', '--duration', '25'],
  ),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { note: { type: 'string', default: 'Nothing else ran.' }, soak: { type: 'string' } },
});
if (positionals[0] === undefined) throw new Error('usage: load-results.ts DIR [--note TEXT] [--soak FILE]');
const folder = resolve(positionals[0]);
await mkdir(folder, { recursive: true });

async function measure(file: string, flags: readonly string[]): Promise<void> {
  const receiver = fork(fileURLToPath(new URL('soak-receiver.ts', import.meta.url)));
  try {
    const [{ url }] = (await once(receiver, 'message')) as [{ url: string }];
    const child = spawn(process.execPath, [SEMCAST, 'load', '--to', url, ...STREAMS, ...flags, '--json', file], {
      stdio: 'inherit',
    });
    // 1 where an objective was missed at every rate, or no frame came back; the report tells.
    await once(child, 'close');
  } finally {
    receiver.disconnect();
    await once(receiver, 'close');
  }
}

async function reportOf(name: keyof typeof TESTS): Promise<{ file: string; report: ReadLoadReport }> {
  const file = join(folder, `load-${name}.json`);
  if (!existsSync(file)) {
    await measure(file, TESTS[name]);
  }
  const report = parseLoadReport(await readFile(file, 'utf8'), file);
  if (report === undefined) throw new Error(`${file} is no report of a load test`);
  // The port was any that was free.
  return { file, report: { ...report, command: report.command.replace(/ws:\S+/, 'ws://127.0.0.1:7402') } };
}

interface Soak {
  readonly minutes: number;
  readonly rate: number;
  readonly decoder: string;
  readonly load: Pick<ReadLoadReport, 'command'> & {
    readonly frames: { readonly sent: number; readonly completed: number; readonly dropped: number };
    readonly latencyMs: { readonly p50: number; readonly p99: number };
  };
  readonly perHour: Readonly<Record<string, { readonly perHour: number; readonly within: number }>>;
  readonly samples: readonly Readonly<Record<string, number>>[];
}

/** How each figure of the receiver went: what it was in the middle and at the end, and its slope. */
function soakSection({ minutes, rate, decoder, load, perHour, samples }: Soak): string[] {
  const titles = {
    heap: 'JavaScript heap after a collection, MiB',
    external: 'memory outside of it, MiB',
    own: 'resident memory, not mapped from files, MiB',
    handles: 'handles',
    files: 'open files',
    loopP99: 'delay of the event loop, p99 of ten seconds, ms',
    loopMax: 'delay of the event loop, most, ms',
    generator: 'resident memory of the generator, MiB',
  } as const;
  const half = samples.slice(Math.floor(samples.length / 2), -1);
  return [
    '## Soak',
    '',
    `${minutes} minutes of \`${decoder}\` at ${rate} frames a second: ${load.frames.sent} frames came due, ${load.frames.completed} came back, ` +
      `${load.frames.dropped} were dropped; p50 ${(load.latencyMs.p50 / 1000).toFixed(2)} s, p99 ${(load.latencyMs.p99 / 1000).toFixed(2)} s. ` +
      'The slope is that of the second half, with its 95 % interval for errors that are independent.',
    '',
    '| of the receiver | in the middle | at the end | an hour |',
    '| --- | --: | --: | --: |',
    ...Object.entries(titles).map(([name, title]) => {
      const { perHour: slope, within } = perHour[name]!;
      return `| ${title} | ${half[0]![name]!.toFixed(1)} | ${half.at(-1)![name]!.toFixed(1)} | ${slope.toFixed(1)} ± ${within.toFixed(1)} |`;
    }),
    '',
  ];
}

const [jscc, distilled, conditional] = [
  await reportOf('jscc'),
  await reportOf('distilled'),
  await reportOf('conditional'),
];
const decoders = nameLoads([jscc, distilled]);
const steps = nameLoads([conditional]);
const figures: string[] = [];
for (const [sources, names] of [
  [decoders, ['load-goodput', 'load-latency', 'load-drops']],
  [steps, ['load-steps', 'load-psnr', 'load-contrast']],
] as const) {
  for (const chart of loadCharts(sources).filter(({ name }) => (names as readonly string[]).includes(name))) {
    await writeFile(join(DOCS, 'images', `${chart.name}.svg`), svgFile(renderChart(chart, { widthMm: 120 })));
    figures.push(`![${chart.caption}](../images/${chart.name}.svg)`);
  }
}
/** Goodput at three times the capacity, as a share of the highest of the curve. */
const keptAtThree = ({ runs, capacityRate }: ReadLoadReport): string => {
  const [most, last] = [Math.max(...runs.map(({ goodput }) => goodput)), runs.at(-1)!];
  return `${((100 * last.goodput) / most).toFixed(0)} % of the most at ${((100 * last.rate) / (capacityRate ?? NaN)).toFixed(0)} % of that rate`;
};
const { bundle } = jscc.report.settings;
const { provenance } = jscc.report;
await writeFile(
  join(DOCS, 'results/load.md'),
  [
    '# Under load',
    '',
    'Made by',
    '',
    '```sh',
    'npx tsx apps/cli/bench/load-results.ts DIR',
    '```',
    '',
    'which starts a receiver (`npx semcast receiver`), for each decoder anew, and runs',
    '',
    '```sh',
    ...[jscc, distilled, conditional].map(({ report }) => report.command),
    '```',
    '',
    `One receiver, bundle ${bundle.name} ${bundle.version} (${bundle.digest.slice(0, 12)}), with the generator beside it on ` +
      `${provenance === undefined ? 'an unknown machine' : machineText(provenance.machine)}. ${values.note} Photographs of 256×256, AWGN at 10 dB, CBR 1/24. ` +
      'What each column is: [load-testing.md](../load-testing.md#reading-the-figures).',
    '',
    '## The highest rate with p99 below 2 s',
    '',
    '| decoder | frames/s | goodput at overload |',
    '| --- | --: | --- |',
    ...decoders.map(
      ({ label, report }) => `| ${label} | ${report.capacityRate?.toPrecision(3) ?? 'none'} | ${keptAtThree(report)} |`,
    ),
    '',
    'At a few dozen frames a run, p99 is the latest or the second latest of them.',
    '',
    ...figures.slice(0, 3),
    '',
    markdownTable(loadTable(decoders)),
    '## Steps against load',
    '',
    '`conditional`, 8 steps asked for, 1 demanded, and a deadline of 4 s: steps fall before frames are refused ' +
      '([policy](../admission.md)).',
    '',
    ...figures.slice(3),
    '',
    markdownTable(loadTable(steps)),
    ...(values.soak === undefined ? [] : soakSection(JSON.parse(await readFile(values.soak, 'utf8')) as Soak)),
  ].join('\n'),
);
