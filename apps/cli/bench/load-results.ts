/**
 * Makes docs/results/load.md and its figures: the highest rate at which p99 stays below 2 s, and what happens from a
 * tenth to three times that rate, at one receiver in a process of its own on this machine, and the trade of steps
 * against load under a deadline.
 *
 *     npx tsx apps/cli/bench/load-results.ts DIR [--note TEXT] [--soak FILE]…
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
import { parseLoadReport, type ReadLoadReport, type ReadLoadRun } from '../src/load/read-report.js';
import { counted } from '../src/terminal/progress.js';

const SEMCAST = join(REPOSITORY_ROOT, 'apps/cli/bin/semcast.js');
const DOCS = join(REPOSITORY_ROOT, 'docs');
const STREAMS = ['--streams', '8', '--snr', '10'];

const CAPACITY = ['--find-capacity', '--slo', 'p99=2s', '--curve'];
const STEPS = ['--steps', '12', '--decoder-option', 'minSteps=4', '--deadline', '20'];
/** One photograph, so that quality differs by the steps alone. */
const PHOTOGRAPH = ['--images', join(REPOSITORY_ROOT, 'apps/transmitter/photos/drum.jpg')];

/** What is measured, by the name of its report. Searches begin near what two idle cores take. */
const TESTS = {
  jscc: ['--decoder', 'jscc', '--rate', '10', '--duration', '12', '--warmup', '3', '--drain', '4', ...CAPACITY],
  distilled: [
    '--decoder',
    'distilled',
    '--rate',
    '3.4',
    '--duration',
    '15',
    '--warmup',
    '2',
    '--drain',
    '3',
    ...CAPACITY,
  ],
  /** Long enough for what happens at the beginning to weigh little. */
  overload: ['--decoder', 'distilled', '--rate', '3.6,8.6', '--duration', '90', '--warmup', '5', '--drain', '5'],
  conditional: [
    '--decoder',
    'conditional',
    ...STEPS,
    '--rate',
    '0.05,0.1,0.2,0.4',
    '--duration',
    '60',
    '--drain',
    '20',
    ...PHOTOGRAPH,
  ],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    note: { type: 'string', default: 'Nothing else ran.' },
    soak: { type: 'string', multiple: true, default: [] },
  },
});
if (positionals[0] === undefined) throw new Error('usage: load-results.ts DIR [--note TEXT] [--soak FILE]…');
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
    const ended = once(receiver, 'exit');
    receiver.disconnect();
    await ended;
  }
}

async function reportOf(name: keyof typeof TESTS): Promise<{ file: string; report: ReadLoadReport }> {
  const file = join(folder, `load-${name}.json`);
  if (!existsSync(file)) {
    await measure(file, TESTS[name]);
  }
  const report = parseLoadReport(await readFile(file, 'utf8'), file);
  if (report === undefined) throw new Error(`${file} is no report of a load test`);
  // The port was any that was free, and the repository is anywhere.
  const command = report.command
    .replace(/ws:\S+/, 'ws://127.0.0.1:7402')
    .replaceAll(`${resolve(REPOSITORY_ROOT)}/`, '');
  return { file, report: { ...report, command } };
}

interface Soak {
  readonly minutes: number;
  readonly rate: number;
  readonly decoder: string;
  readonly cores: number;
  readonly load: Pick<ReadLoadReport, 'command'> & {
    readonly frames: { readonly sent: number; readonly completed: number; readonly dropped: number };
    readonly latencyMs: { readonly p50: number; readonly p99: number };
  };
  readonly perHour: Readonly<Record<string, { readonly perHour: number; readonly within: number }>>;
  readonly samples: readonly Readonly<Record<string, number>>[];
}

/** How each figure of the receiver went: what it was in the middle and at the end, and its slope. */
function soakSection({ minutes, rate, decoder, cores, load, perHour, samples }: Soak): string[] {
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
    `${minutes} minutes of \`${decoder}\` on ${counted(cores, 'core')} at ${rate} frames a second: ${load.frames.sent} frames came due, ${load.frames.completed} came back, ` +
      `${load.frames.dropped} were dropped; p50 ${(load.latencyMs.p50 / 1000).toFixed(2)} s, p99 ${(load.latencyMs.p99 / 1000).toFixed(2)} s.`,
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

const [jscc, distilled, overload, conditional] = [
  await reportOf('jscc'),
  await reportOf('distilled'),
  await reportOf('overload'),
  await reportOf('conditional'),
];
const soaks = await Promise.all(values.soak.map(async (file) => JSON.parse(await readFile(file, 'utf8')) as Soak));
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
/** Pictures that came back a second in the second half of a run. */
function laterGoodput({ series, measuredS }: ReadLoadRun): number {
  const later = series.filter(({ atS, lengthS }) => atS >= measuredS / 2 && atS + lengthS <= measuredS);
  const seconds = later.reduce((sum, { lengthS }) => sum + lengthS, 0);
  return later.reduce((sum, { completed }) => sum + completed, 0) / seconds;
}

/** Goodput at the last rate, as a share of the highest: over whole runs, and over their second halves. */
function keptAtOverload({ runs, capacityRate }: ReadLoadReport): string[] {
  const last = runs.at(-1)!;
  const share = (of: (run: ReadLoadRun) => number): string =>
    `${((100 * of(last)) / Math.max(...runs.map(of))).toFixed(0)} %`;
  return [
    `${((100 * last.rate) / (capacityRate ?? NaN)).toFixed(0)} %`,
    share(({ goodput }) => goodput),
    share(laterGoodput),
  ];
}
/** Rates below the capacity at which an objective was missed all the same, in per cent of it. */
const missedBelow = ({ runs, capacityRate }: ReadLoadReport): string[] =>
  runs
    .filter(({ rate, slo }) => rate < (capacityRate ?? 0) && slo.some(({ met }) => !met))
    .map(({ rate }) => `${((100 * rate) / capacityRate!).toFixed(0)} %`);
const { bundle } = jscc.report.settings;
const machine = jscc.report.provenance?.machine;
await writeFile(
  join(DOCS, 'results/load.md'),
  [
    '# Under load',
    '',
    'Made by `npx tsx apps/cli/bench/load-results.ts DIR`, which starts a receiver for each of',
    '',
    '```sh',
    ...[jscc, distilled, overload, conditional].map(({ report }) => report.command),
    '```',
    '',
    `One receiver, bundle ${bundle.name} ${bundle.version} (${bundle.digest.slice(0, 12)}), with the generator beside it on ` +
      `${machine === undefined ? 'an unknown machine' : `${counted(machine.cores, 'core')} of ${machine.cpu}, Node ${machine.node}, ONNX Runtime ${machine.onnxruntime}`}. ${values.note} Photographs of 256×256, AWGN at 10 dB, CBR 1/24. ` +
      'What each column is: [load-testing.md](../load-testing.md#reading-the-figures).',
    '',
    '## The highest rate with p99 below 2 s',
    '',
    '| decoder | frames/s | offered at most, of that | goodput then, of the highest | the same in the second halves of runs |',
    '| --- | --: | --: | --: | --: |',
    ...decoders.map(({ label, report }) => {
      const cells = [label, report.capacityRate?.toPrecision(3) ?? 'none', ...keptAtOverload(report)];
      return `| ${cells.join(' | ')} |`;
    }),
    '',
    ...decoders.flatMap(({ label, report }) => {
      const missed = missedBelow(report);
      return missed.length === 0 ? [] : [`\`${label}\` missed it at ${missed.join(', ')} of that, too.`];
    }),
    'At a few dozen frames a run, p99 is the latest or the second latest of them. When overload sets in, previews of all ' +
      'frames that have a credit go first, so a decoder that refines its picture delivers less for some seconds. ' +
      `Over ${overload.report.runs[0]!.measuredS} s \`distilled\` delivers ${overload.report.runs.map(({ offeredRate, goodput }) => `${goodput.toFixed(2)} pictures a second where ${offeredRate.toFixed(2)} came due`).join(', and ')}.`,
    '',
    ...figures.slice(0, 3),
    '',
    markdownTable(loadTable(decoders)),
    '## Steps against load',
    '',
    '`conditional`, 12 steps asked for, 4 demanded, and a deadline of 20 s, one photograph: steps fall before frames are refused ' +
      '([policy](../admission.md)).',
    '',
    ...figures.slice(3),
    '',
    markdownTable(loadTable(steps)),
    ...(soaks.length === 0
      ? []
      : [
          '## Soak',
          '',
          'By `npx tsx apps/cli/bench/soak.ts`, at 80 % of the highest rate with p99 below 2 s that `semcast load --find-capacity` ' +
            'had found just before under the same conditions: receiver and generator on one core, another process at work on the ' +
            'other. Memory follows the frames that are here at a time. The slope is that of the second half, with its 95 % interval for errors that are independent.',
          '',
          ...soaks.flatMap(soakSection),
        ]),
  ].join('\n'),
);
