import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { findDefaultBundle, loadBundle } from '@semcast/bundle';
import { channelModelNames } from '@semcast/channel-models';
import { decoders, type Decoder, type DecoderName } from '@semcast/receiver';
import { createLogger } from '@semcast/service';
import type { DecoderOptions, DroppedFrame } from '@semcast/transmitter';
import { many, value } from '../arguments/spec.js';
import { cbr, integer, list, oneOf, snrDb, text } from '../arguments/values.js';
import { createCommand } from '../command.js';
import { InterruptedError, UsageError } from '../errors.js';
import { EXIT_CODES, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { checkWritable, STANDARD_OUTPUT, writeJson } from '../json-output.js';
import { findPhotographs } from '../photographs.js';
import { createLineSplitter } from '../processes/log-lines.js';
import { rateOf } from '../rates.js';
import { planSweep, type SweepCase } from '../sweep/plan.js';
import { openRealism, type Realism } from '../sweep/realism.js';
import type { SweepReport } from '../sweep/report.js';
import { runSweep, type SweepSettings } from '../sweep/run-sweep.js';
import { startSweepServices } from '../sweep/services.js';
import { summaryColumns } from '../sweep/table.js';
import { startProgress } from '../terminal/progress.js';
import { renderTable } from '../terminal/table.js';
import { createTerminal, type Terminal } from '../terminal/terminal.js';
import { printable } from '../terminal/width.js';
import { createWarningFilter } from '../up/warnings.js';

const decoderNames = Object.keys(decoders) as readonly DecoderName[];

/** The longest sweep that is begun: a slip in a list should not cost a month. */
const MAX_CASES = 1_000_000;

export const sweep = createCommand({
  name: 'sweep',
  summary: 'measure decoders over SNRs, rates and photographs: a table, JSON, pictures',
  details:
    'Starts a receiver and a channel of its own on free ports and sends every combination over the sockets. SNR is ' +
    'E|hz|²/N0 per complex symbol with unit-power symbols; CBR is complex channel uses per image value (3·H·W). All ' +
    'decoders are given the same received samples. The same seed gives the same figures, times apart.',
  flags: {
    images: value('DIR', text, 'folder of photographs, or one photograph; in order of name'),
    limit: value('N', integer({ min: 1 }), 'only the first N of them'),
    size: value('N', integer({ min: 1, max: 16_384 }), 'short side resized to N, centre-cropped to N×N (own size)'),
    decoders: value('A,B', list(oneOf(decoderNames)), `decoders to compare: ${decoderNames.join(', ')} (jscc)`),
    channel: value('MODEL', oneOf(channelModelNames), `channel model: ${channelModelNames.join(', ')} (awgn)`),
    snr: value('DB,DB', list(snrDb), 'SNRs in dB (10)'),
    cbr: value('RATIO,RATIO', list(cbr), 'channel bandwidth ratios, rates of the bundle (1/24)'),
    steps: value('N', integer({ min: 1, max: 10_000 }), 'steps of the decoders that sample'),
    seed: value('N', integer(), 'seed of noise and fading (0)'),
    'metric-bundle': many(
      'DIR',
      text,
      'more measures: a folder with metric.onnx (a distance) or features.onnx (realism)',
    ),
    bundle: value('DIR', text, 'model bundle (the one that comes with semcast)'),
    device: value('cpu|cuda', oneOf(['cpu', 'cuda']), 'where the networks run (cpu)'),
    out: value('DIR', text, 'write every received picture there as PNG'),
    json: value('FILE', text, 'write the report as JSON; - is standard output'),
  },
  examples: [
    {
      line: 'semcast sweep --images kodak --snr 0,5,10,15,20 --cbr 1/48,1/24 --json kodak.json',
      does: 'a rate-distortion grid',
    },
    {
      line: 'semcast sweep --images kodak --limit 4 --size 256 --channel rayleigh-fast --json - | jq .summary',
      does: 'fading, JSON to another program',
    },
    {
      line: 'semcast sweep --images kodak --metric-bundle vgg19-distance --out pictures',
      does: 'a perceptual distance, and the pictures',
    },
  ],
  run: async ({ flags, io }) => {
    if (flags.images === undefined) {
      throw new UsageError('--images is missing', { remedy: 'name a folder of photographs: --images DIR' });
    }
    const terminal = createTerminal({ ...io, jsonOnStdout: flags.json === STANDARD_OUTPUT });
    const bundle = await loadBundle(flags.bundle ?? findDefaultBundle());
    const chosen = flags.decoders ?? ['jscc'];
    const metricBundles = checkMetricBundles(flags['metric-bundle']);
    const settings: SweepSettings = {
      bundle,
      device: flags.device ?? 'cpu',
      files: (await findPhotographs([flags.images])).slice(0, flags.limit),
      decoders: chosen,
      decoderOptions: optionsOf(chosen, flags.steps),
      channel: flags.channel ?? 'awgn',
      snrsDb: flags.snr ?? [10],
      cbrs: [...new Set((flags.cbr ?? ['1/24']).map((wanted) => rateOf(bundle.manifest, wanted)))],
      size: flags.size ?? 0,
      metricBundles: metricBundles.filter((dir) => existsSync(join(dir, 'metric.onnx'))),
      out: flags.out === undefined ? undefined : resolve(flags.out),
    };
    const total = planSweep(settings).reduce((sum, { cases }) => sum + cases.length, 0);
    if (total > MAX_CASES) {
      throw new UsageError(`that are ${total} photographs to send; at most ${MAX_CASES} are`, {
        remedy: 'shorten a list',
      });
    }

    if (flags.json !== undefined) {
      await checkWritable(flags.json);
    }
    return await runAndReport({
      terminal,
      io,
      settings,
      total,
      seed: flags.seed ?? 0,
      metricBundles,
      json: flags.json,
    });
  },
});

interface SweepRun {
  readonly terminal: Terminal;
  readonly io: CliIo;
  readonly settings: SweepSettings;
  /** Photographs to send in all. */
  readonly total: number;
  readonly seed: number;
  readonly metricBundles: readonly string[];
  readonly json: string | undefined;
}

/** Drops that are told one by one; a sweep that fails as a whole would fill the screen otherwise. */
const MAX_DROPS_TOLD = 10;

async function runAndReport(run: SweepRun): Promise<ExitCode> {
  const { terminal, io, settings, total, json } = run;
  const { colours } = terminal;
  const caution = (words: string): void => terminal.note(`  ${colours.yellow('!')} ${printable(words)}`);
  const warn = createWarningFilter(caution);
  const interruption = io.interruption();
  // A service that can't be kept running ends the sweep as Ctrl-C does, but for the reason given.
  const lost = new AbortController();
  const signal = AbortSignal.any([interruption, lost.signal]);
  let ending = false;
  const log = (service: string, line: string): void => {
    if (!ending && !signal.aborted) {
      warn(service, line);
    }
  };
  let dropped = 0;
  const onDropped = ({ file, snrDb: at, cbr: rate }: SweepCase, { reason, detail }: DroppedFrame): void => {
    dropped++;
    if (dropped <= MAX_DROPS_TOLD) {
      caution(`${basename(file)} at ${at} dB, ${rate}: dropped (${reason}): ${detail}`);
    }
  };

  terminal.setLive({ render: () => `  ${colours.dim('starting receiver and channel …')}` });
  const featureBundles = run.metricBundles.filter((dir) => existsSync(join(dir, 'features.onnx')));
  let realism: Realism | undefined;
  let report: SweepReport;
  try {
    realism = featureBundles.length === 0 ? undefined : await openRealism(featureBundles, settings.device);
    const services = await startSweepServices({
      bundle: settings.bundle.dir,
      device: settings.device,
      model: settings.channel,
      seed: run.seed,
      groups: planSweep(settings),
      signal: interruption,
      onLine: log,
      onCaution: caution,
    });
    services.lost.catch((error: unknown) => lost.abort(error));
    const progress = startProgress({ terminal, total, label: 'sweep' });
    try {
      const write = createLineSplitter((line) => log('transmitter', line));
      report = await runSweep(settings, {
        channelUrl: services.channelUrl,
        realism,
        logger: createLogger({ service: 'transmitter', level: 'warn', destination: { write } }),
        signal,
        onFrame: (done) =>
          progress.advance(`${done.decoder} · ${done.snrDb} dB · ${done.cbr} · ${printable(basename(done.file))}`),
        onDropped: (sweepCase, drop) => {
          onDropped(sweepCase, drop);
          progress.advance();
        },
      });
    } finally {
      ending = true;
      progress.stop();
      await services.stop();
    }
  } catch (error) {
    throw interruption.aborted ? new InterruptedError('interrupted before anything was measured') : error;
  } finally {
    terminal.close();
    await realism?.close();
  }

  printReport(terminal, report, settings, realism?.names ?? []);
  if (dropped > MAX_DROPS_TOLD) {
    caution(`${dropped} photographs were dropped in all`);
  }
  if (signal.aborted) {
    await keepPartial(json, report, caution);
    throw interruption.aborted
      ? new InterruptedError(`interrupted after ${report.rows.length} of ${total} photographs`)
      : lost.signal.reason;
  }
  if (json !== undefined) {
    await writeJson(json, report, io);
  }
  return dropped === 0 ? EXIT_CODES.done : EXIT_CODES.failed;
}

/** Folders of metrics, absolute. @throws UsageError for one that is none, and for two of the same name */
function checkMetricBundles(dirs: readonly string[]): string[] {
  const found = dirs.map((dir) => resolve(dir));
  for (const dir of found) {
    if (!['metric.onnx', 'features.onnx'].some((file) => existsSync(join(dir, file)))) {
      throw new UsageError(`--metric-bundle: ${dir} has neither metric.onnx nor features.onnx`, {
        remedy: 'name a folder that has one of them',
      });
    }
    if (found.some((other) => other !== dir && basename(other) === basename(dir))) {
      throw new UsageError(`--metric-bundle: two folders are named ${basename(dir)}`, { remedy: 'rename one of them' });
    }
  }
  return [...new Set(found)];
}

/** `--steps` for the decoders that take steps. @throws UsageError when none of them does */
function optionsOf(chosen: readonly DecoderName[], steps: number | undefined): Map<string, DecoderOptions> {
  if (steps === undefined) {
    return new Map();
  }
  const sampling = chosen.filter((name) => 'steps' in (decoders[name] as Decoder).optionsSchema.shape);
  if (sampling.length === 0) {
    throw new UsageError(`--steps: ${chosen.join(', ')} ${chosen.length === 1 ? 'takes' : 'take'} no steps`, {
      remedy: 'leave out --steps, or choose a decoder that samples',
    });
  }
  return new Map(sampling.map((name) => [name, { steps }]));
}

function printReport(
  terminal: Terminal,
  { summary }: SweepReport,
  settings: SweepSettings,
  realism: readonly string[],
): void {
  const { resultColours: colours, resultColumns: width } = terminal;
  const metrics = settings.metricBundles.map((dir) => basename(dir));
  const { manifest } = settings.bundle;
  terminal.result('');
  terminal.result(
    `  ${colours.bold(settings.channel)} ${colours.dim(`· ${manifest.name} ${manifest.version} on ${settings.device} · ${settings.files.length} ${settings.files.length === 1 ? 'photograph' : 'photographs'}${settings.size === 0 ? '' : ` at ${settings.size}×${settings.size}`}`)}`,
  );
  terminal.result('');
  for (const line of renderTable(summaryColumns(metrics, realism), summary, { colours, width })) {
    terminal.result(line);
  }
  terminal.result('');
}

/** Hours of measuring are not thrown away by Ctrl-C, nor taken for a whole report. */
async function keepPartial(
  json: string | undefined,
  report: SweepReport,
  caution: (text: string) => void,
): Promise<void> {
  if (json === undefined || json === STANDARD_OUTPUT || report.rows.length === 0) {
    return;
  }
  const partial = `${json}.partial`;
  await writeJson(partial, report, { stdout: { write: () => true } });
  caution(`what was measured until then is in ${partial}`);
}
