import { basename } from 'node:path';
import { findDefaultBundle, loadBundle } from '@semcast/bundle';
import { DEMO_PHOTOS } from '@semcast/transmitter';
import { RESULT_FORMATS, streamIdSchema, type ResultMessage } from '@semcast/wire';
import { duration } from '../arguments/durations.js';
import { many, toggle, value } from '../arguments/spec.js';
import { cbr, integer, list, number, oneOf, snrDb, text, webSocketUrl, type ValueParser } from '../arguments/values.js';
import { createCommand } from '../command.js';
import { decoderOptionFlag } from '../decoders/flag.js';
import { optionsOfNamed } from '../decoders/options.js';
import { InterruptedError, UsageError } from '../errors.js';
import { EXIT_CODES, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { checkWritable, STANDARD_OUTPUT, writeJson } from '../json-output.js';
import { ARRIVAL_KINDS } from '../load/arrivals.js';
import { cleanFrames, encodeCorpus, MAX_PHOTOGRAPHS, noisyFrames, type FrameMaker } from '../load/corpus.js';
import { figuresOf, reportOf, type LoadFigures, type LoadReport, type LoadReportSettings } from '../load/report.js';
import { runLoad, type LoadProgress, type LoadRun, type LoadSettings } from '../load/run-load.js';
import { SaturationSearch } from '../load/saturation.js';
import { commandText } from '../load/settings.js';
import { parseSlo, type Slo } from '../load/slo.js';
import { LoadView, loadRowPrinter, ms, rateText, reasonsText, verdictText } from '../load/view.js';
import { startPatience } from '../patience.js';
import { findPhotographs } from '../photographs.js';
import { DEFAULT_RATE_TEXT, rateOf } from '../rates.js';
import { formatSeconds } from '../terminal/progress.js';
import { createTerminal, type Terminal } from '../terminal/terminal.js';
import { printable } from '../terminal/width.js';
import { readToken } from '../token.js';
import { figure } from '../up/frame-columns.js';

const DEFAULT_TO = 'ws://127.0.0.1:7401';
const DEFAULT_DESIGN_SNR_DB = 10;
const DEFAULT_SIZE = 256;
const DEFAULT_BACKLOG = 32;
const DEFAULT_DURATION_MS = 30_000;
const DEFAULT_WARMUP_MS = 5000;
const DEFAULT_DRAIN_MS = 10_000;
const DEFAULT_WAIT_MS = 10_000;
const MAX_STREAMS = 1000;
const MIN_RATE = 0.01;
const MAX_RATE = 10_000;
const REFRESH_MS = 120;
/** A search stops before a rate at which fewer frames than these would come due. */
const MIN_FRAMES_SEARCHED = 5;
/** From here on the generator's own delay is worth a word. */
const LATE_MS = 100;

/** The beginning of stream ids: the longest number behind it must fit. */
const prefix: ValueParser<string> = (typed) => {
  if (!streamIdSchema.safeParse(`${typed}-${MAX_STREAMS}`).success) {
    throw new UsageError(`"${typed}" is no beginning of a stream id`, {
      remedy: 'use at most 59 letters, digits, ".", "_" and "-"',
    });
  }
  return typed;
};

export const load = createCommand({
  name: 'load',
  summary: 'load-test a receiver: frames at a set rate, whatever comes back, and how long they take',
  details:
    'Open-loop: virtual transmitters, each with a link of its own, offer frames at times that do not depend on the ' +
    'answers. Photographs are encoded once, before the load begins. Latency counts from the time at which a frame was ' +
    'to be sent, so that waiting for a credit is part of it. Every frame ends completed or dropped with a reason; ' +
    'client-backlog and gave-up are reasons of this command itself. docs/load-testing.md tells how to read the figures.',
  flags: {
    to: value('URL', webSocketUrl, `channel, or with --snr a receiver (${DEFAULT_TO})`),
    streams: value('N', integer({ min: 1, max: MAX_STREAMS }), 'virtual transmitters (1)'),
    rate: value(
      'R,R',
      list(number({ min: MIN_RATE, max: MAX_RATE })),
      'frames per second of all streams together; several are run one after the other (1)',
    ),
    duration: value(
      'S',
      duration({ minMs: 100 }),
      `how long frames that count are offered (${DEFAULT_DURATION_MS / 1000})`,
    ),
    warmup: value('S', duration(), `how long frames are offered before that (${DEFAULT_WARMUP_MS / 1000})`),
    drain: value('S', duration(), `wait so long for frames under way at the end (${DEFAULT_DRAIN_MS / 1000})`),
    'find-saturation': toggle('search for the highest rate that is sustained, beginning at --rate'),
    arrivals: value('poisson|constant', oneOf(ARRIVAL_KINDS), 'random gaps between frames, or equal ones (poisson)'),
    backlog: value(
      'N',
      integer({ max: 10_000 }),
      `frames of a stream that may wait for a credit; one more is dropped (${DEFAULT_BACKLOG})`,
    ),
    slo: many('TERM', parseSlo, 'objective: p99=2s, max=10s, preview-p95=300ms, drops=1%; exit code 1 if missed'),
    json: value('FILE', text, 'write the report as JSON; - is standard output'),

    decoder: value('NAME', text, 'decoder of the receiver (jscc)', 'Frames'),
    steps: value('N', integer({ min: 1, max: 10_000 }), 'steps of a decoder that samples', 'Frames'),
    'decoder-option': decoderOptionFlag('Frames'),
    deadline: value('S', duration({ minMs: 1 }), 'the receiver gives each frame so long (no deadline)', 'Frames'),
    images: value('PATH', text, `photographs, the first ${MAX_PHOTOGRAPHS} (the nine that come along)`, 'Frames'),
    size: value(
      'N',
      integer({ max: 16_384 }),
      `short side resized to N, centre-cropped to N×N; 0: own size (${DEFAULT_SIZE})`,
      'Frames',
    ),
    cbr: value(
      'RATIO',
      cbr,
      `channel bandwidth ratio, one of the rates of the bundle (${DEFAULT_RATE_TEXT})`,
      'Frames',
    ),
    snr: value('DB', snrDb, '--to is a receiver: add white noise at this SNR here', 'Frames'),
    'design-snr': value(
      'DB',
      snrDb,
      `SNR that the encoder prepares for (that of --snr, else ${DEFAULT_DESIGN_SNR_DB})`,
      'Frames',
    ),
    'result-format': value(RESULT_FORMATS.join('|'), oneOf(RESULT_FORMATS), 'how pictures come back (png)', 'Frames'),
    seed: value('N', integer(), 'seed of arrivals and of noise that is added here (0)', 'Frames'),
    bundle: value('DIR', text, 'model bundle; the receiver must have the same (the one that comes along)', 'Frames'),
    device: value('cpu|cuda', oneOf(['cpu', 'cuda']), 'where photographs are encoded (cpu)', 'Frames'),

    token: value('TEXT', text, 'shared secret, if there is one; or in SEMCAST_TRANSMITTER_TOKEN', 'Links'),
    prefix: value('NAME', prefix, 'streams are NAME-1, NAME-2, …; two at a time need two names (load)', 'Links'),
    wait: value('S', duration(), `wait so long for the links (${DEFAULT_WAIT_MS / 1000})`, 'Links'),
  },
  examples: [
    {
      line: 'semcast load --streams 8 --rate 4 --duration 60 --slo p99=2s drops=1%',
      does: 'does what semcast up started keep a promise?',
    },
    {
      line: 'semcast load --streams 8 --find-saturation --json load.json',
      does: 'how much can it take?',
    },
    {
      line: 'semcast load --to ws://127.0.0.1:7402 --snr 10 --rate 1,2,4,8 --json - | jq .saturationRate',
      does: 'a receiver without a channel, some rates',
    },
  ],
  run: async ({ flags, io }) => {
    const rates = flags.rate ?? [1];
    if (flags['find-saturation'] && rates.length > 1) {
      throw new UsageError('--find-saturation begins at one rate', { remedy: 'give one --rate, or leave it out' });
    }
    const decoder = flags.decoder ?? 'jscc';
    const decoderOptions = optionsOfNamed(decoder, flags['decoder-option'], flags.steps) ?? {};
    const terminal = createTerminal({ ...io, jsonOnStdout: flags.json === STANDARD_OUTPUT });
    const interruption = io.interruption();
    const bundle = await loadBundle(flags.bundle ?? findDefaultBundle());
    const rate = rateOf(bundle.manifest, flags.cbr);
    const files = (await findPhotographs([flags.images ?? DEMO_PHOTOS])).slice(0, MAX_PHOTOGRAPHS);
    if (flags.json !== undefined) {
      await checkWritable(flags.json);
    }

    const streams = flags.streams ?? 1;
    const settings: LoadSettings = {
      url: flags.to ?? DEFAULT_TO,
      token: readToken(flags.token, io.env),
      streams: Array.from({ length: streams }, (_, i) => `${flags.prefix ?? 'load'}-${i + 1}`),
      arrivals: flags.arrivals ?? 'poisson',
      decoder,
      resultFormat: flags['result-format'] ?? 'png',
      backlog: flags.backlog ?? DEFAULT_BACKLOG,
      seed: flags.seed ?? 0,
      warmupMs: flags.warmup ?? DEFAULT_WARMUP_MS,
      durationMs: flags.duration ?? DEFAULT_DURATION_MS,
      drainMs: flags.drain ?? DEFAULT_DRAIN_MS,
      waitMs: flags.wait ?? DEFAULT_WAIT_MS,
    };
    const { name, version } = bundle.manifest;
    const about: LoadReportSettings = {
      to: settings.url,
      streams,
      arrivals: settings.arrivals,
      decoder,
      decoderOptions,
      deadlineMs: flags.deadline ?? null,
      cbr: rate,
      size: flags.size ?? DEFAULT_SIZE,
      images: files.map((file) => basename(file)),
      bundle: { name, version, digest: bundle.digest },
      designCsnrDb: flags['design-snr'] ?? flags.snr ?? DEFAULT_DESIGN_SNR_DB,
      resultFormat: settings.resultFormat,
      backlog: settings.backlog,
      warmupS: settings.warmupMs / 1000,
      durationS: settings.durationMs / 1000,
      drainS: settings.drainMs / 1000,
      seed: settings.seed,
    };
    const terms = {
      decoder,
      csi: 'genie' as const,
      ...(Object.keys(decoderOptions).length === 0 ? {} : { decoderOptions }),
      ...(flags.deadline === undefined ? {} : { deadlineMs: flags.deadline }),
    };
    const { snr } = flags;
    return await runAndReport({
      terminal,
      io,
      interruption,
      settings,
      about,
      files,
      device: flags.device ?? 'cpu',
      bundle: bundle.dir,
      makeFrame: snr === undefined ? cleanFrames(terms) : noisyFrames(terms, { snrDb: snr, seed: settings.seed }),
      snrDb: snr,
      rates,
      search: flags['find-saturation'],
      slo: flags.slo,
      json: flags.json,
      command: commandText(
        {
          to: about.to,
          streams,
          rate: rates.join(),
          'find-saturation': flags['find-saturation'] ? true : undefined,
          duration: about.durationS,
          warmup: about.warmupS,
          drain: about.drainS,
          arrivals: about.arrivals,
          backlog: about.backlog,
          decoder,
          deadline: flags.deadline === undefined ? undefined : flags.deadline / 1000,
          images: flags.images,
          size: about.size,
          cbr: about.cbr,
          snr,
          'design-snr': about.designCsnrDb,
          'result-format': about.resultFormat,
          seed: about.seed,
          prefix: flags.prefix,
        },
        {
          'decoder-option': Object.entries(decoderOptions).map(([option, chosen]) => `${option}=${chosen}`),
          slo: flags.slo.map((objective) => objective.text),
        },
      ),
    });
  },
});

interface LoadTest {
  readonly terminal: Terminal;
  readonly io: CliIo;
  readonly interruption: AbortSignal;
  readonly settings: LoadSettings;
  readonly about: LoadReportSettings;
  readonly files: readonly string[];
  readonly device: 'cpu' | 'cuda';
  /** The bundle's folder. */
  readonly bundle: string;
  readonly makeFrame: FrameMaker;
  /** Noise that is added here; undefined: by a channel on the way. */
  readonly snrDb: number | undefined;
  readonly rates: readonly number[];
  readonly search: boolean;
  readonly slo: readonly Slo[];
  readonly json: string | undefined;
  readonly command: string;
}

async function runAndReport(test: LoadTest): Promise<ExitCode> {
  const { terminal, io, interruption, json, command, about } = test;
  let measured: MeasuredRates;
  try {
    measured = await runRates(test);
  } finally {
    terminal.close();
  }
  const { runs, noise, failure } = measured;
  const interrupted = interruption.aborted || failure !== undefined;
  if (runs.length === 0) {
    throw interruption.aborted ? new InterruptedError('interrupted before anything was measured') : failure;
  }
  const report = reportOf(runs, { command, settings: about, noise, interrupted });
  printReport(terminal, report, test);
  if (interrupted) {
    if (json !== undefined && json !== STANDARD_OUTPUT) {
      await writeJson(`${json}.partial`, report, io);
      caution(terminal, `what was measured until then is in ${json}.partial`);
    }
    throw interruption.aborted ? new InterruptedError('interrupted before the end of the load test') : failure;
  }
  if (json !== undefined) {
    await writeJson(json, report, io);
  }
  const kept = report.frames.completed > 0 && report.slo.every(({ met }) => met);
  return kept ? EXIT_CODES.done : EXIT_CODES.failed;
}

interface MeasuredRates {
  /** What was measured, in order; the last one may have been cut short. */
  readonly runs: readonly LoadFigures[];
  readonly noise: LoadReport['noise'];
  readonly failure: unknown;
}

/** Run one rate after the other, each over links of its own, with a row for each. */
async function runRates(test: LoadTest): Promise<MeasuredRates> {
  const { terminal, interruption, settings, about, files, makeFrame, slo } = test;
  const { colours, resultColours } = terminal;
  terminal.setLive({ render: () => `  ${colours.dim(`encoding ${files.length} photographs …`)}` });
  const photos = await encodeCorpus(files, {
    bundle: test.bundle,
    device: test.device,
    size: about.size,
    cbr: about.cbr,
    designCsnrDb: about.designCsnrDb,
    signal: interruption,
  }).catch((error: unknown) => {
    throw interruption.aborted ? new InterruptedError('interrupted before anything was measured') : error;
  });

  const watch = watchPeer(test);
  const view = new LoadView(terminal);
  const printer = loadRowPrinter(terminal.resultColumns);
  const runs: LoadFigures[] = [];
  let failure: unknown;
  let underWay: LoadProgress | undefined;
  const runRate = (rate: number): Promise<LoadRun> =>
    runLoad(rate, settings, {
      photos,
      makeFrame,
      signal: interruption,
      onStart: (progress) => {
        view.watch(rate, progress);
        underWay = progress;
        patience.progress();
        terminal.setLive(view);
      },
      onPeerDrop: watch.onPeerDrop,
      onResult: (message) => {
        patience.progress();
        watch.onResult(message);
      },
    });
  const ticking = setInterval(() => view.tick(), REFRESH_MS);
  // It has its end in --wait, --duration and --drain.
  const patience = startPatience({
    terminal,
    timeoutMs: Infinity,
    waitingFor: () =>
      `${underWay === undefined || underWay.phase === 'connecting' ? 'links to' : 'pictures from'} ${settings.url}`,
  });
  printHead(terminal, test);
  try {
    const next = ratesOf(test);
    for (let rate = next(undefined); rate !== null; rate = next(runs.at(-1))) {
      const run = await runRate(rate);
      if (run.measuredS > 0) {
        if (runs.length === 0) {
          terminal.result(resultColours.bold(printer.header));
          terminal.result(resultColours.dim(`  ${'─'.repeat(printer.width)}`));
        }
        const figures = figuresOf(run, slo);
        runs.push(figures);
        terminal.result(printer.row(figures));
      }
      ({ failure } = run);
      if (run.interrupted || failure !== undefined) {
        break;
      }
    }
  } catch (error) {
    // No link for this rate: what the rates before it measured is worth a report all the same.
    failure = error;
  } finally {
    clearInterval(ticking);
    patience.stop();
    terminal.setLive(null);
  }
  return { runs, noise: watch.noise(), failure };
}

/** The rates to run: those that were asked for, or what the search wants to know. Told how the last one went. */
function ratesOf({ rates, search, about }: LoadTest): (last: LoadFigures | undefined) => number | null {
  if (!search) {
    const remaining = rates.values();
    return () => remaining.next().value ?? null;
  }
  const [firstRate] = rates as readonly [number];
  // Lower, hardly a frame would come due.
  const minRate = Math.min(firstRate, Math.max(MIN_RATE, MIN_FRAMES_SEARCHED / about.durationS));
  const finder = new SaturationSearch({ firstRate, minRate, maxRate: MAX_RATE });
  return (last) => {
    if (last !== undefined) {
      finder.report(last.rate, last.sustained);
    }
    return finder.next();
  };
}

function caution(terminal: Terminal, words: string): void {
  terminal.note(`  ${terminal.colours.yellow('!')} ${printable(words)}`);
}

/** Looks at what comes back for what somebody who watches should know, each once. */
function watchPeer({ terminal, settings, snrDb: ownSnrDb }: LoadTest) {
  const told = new Set<string>();
  const once = (what: string, words: string): void => {
    if (!told.has(what)) {
      told.add(what);
      caution(terminal, words);
    }
  };
  let noise: LoadReport['noise'] = { source: ownSnrDb === undefined ? null : 'generator', snrDb: ownSnrDb ?? null };
  return {
    noise: () => noise,
    onPeerDrop: (reason: string, detail: string): void => once(reason, `frames are dropped (${reason}): ${detail}`),
    onResult: ({ head: { csnrDb } }: ResultMessage): void => {
      if (ownSnrDb !== undefined) {
        return;
      }
      noise =
        csnrDb.configured === undefined
          ? { source: 'none', snrDb: null }
          : { source: 'channel', snrDb: csnrDb.configured };
      if (noise.source === 'none') {
        once(
          'no noise',
          `there is no channel at ${settings.url}: frames arrive without noise; --snr DB adds some here`,
        );
      }
    },
  };
}

function printHead(terminal: Terminal, { settings, about }: LoadTest): void {
  const { resultColours: colours } = terminal;
  const { streams, arrivals, size, images, durationS } = about;
  const details = [
    `${streams} ${streams === 1 ? 'stream' : 'streams'}`,
    arrivals,
    `${images.length} ${images.length === 1 ? 'photograph' : 'photographs'}${size === 0 ? '' : ` at ${size}×${size}`}`,
    `CBR ${about.cbr}`,
    `${formatSeconds(durationS)} each`,
    settings.url,
  ];
  terminal.result('');
  terminal.result(`  ${colours.bold(printable(about.decoder))} ${colours.dim(`· ${details.join(' · ')}`)}`);
  terminal.result('');
}

/** What there is to say below the rows, of the rate that the report is about. */
function printReport(terminal: Terminal, report: LoadReport, { rates, search }: LoadTest): void {
  const { resultColours: colours } = terminal;
  const { frames, fairness, generator, rate } = report;
  const line = (label: string, words: string): void =>
    terminal.result(`  ${colours.dim(label.padEnd(10))} ${printable(words)}`);
  terminal.result('');
  if (search || rates.length > 1) {
    line(
      'saturation',
      report.saturationRate === null ? 'no rate was sustained' : `${rateText(report.saturationRate)}/s sustained`,
    );
    line('', `below: at ${rateText(rate)}/s`);
  }
  line('frames', `${frames.sent} due = ${frames.completed} completed + ${frames.dropped} dropped`);
  const byPeer = Object.fromEntries(
    Object.entries(frames.droppedByReason)
      .map(([reason, count]) => [reason, count - (frames.droppedByGenerator[reason] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );
  if (frames.dropped > 0) {
    line(
      'dropped',
      `on the way: ${reasonsText(byPeer) || 'none'}; here: ${reasonsText(frames.droppedByGenerator) || 'none'}`,
    );
  }
  const parts = [
    `first picture ${ms(report.previewLatencyMs.p50)}`,
    `wait for a credit ${ms(report.creditMs.p50)}`,
    `at the receiver ${ms(report.receiverMs.p50)} (queue ${ms(report.receiverQueueMs.p50)}, decoding ${ms(report.decodeMs.p50)})`,
  ];
  if (frames.completed > 0) {
    line('p50 of', parts.join(' · '));
  }
  if (report.streams.length > 1 && frames.completed > 0) {
    line(
      'fairness',
      `Jain ${figure(fairness.jainIndex, 4)} · ${fairness.completedMin} … ${fairness.completedMax} completed · p95 ${ms(fairness.latencyMsP95Min)} … ${ms(fairness.latencyMsP95Max)} a stream`,
    );
  }
  line(
    'generator',
    `late by ${ms(generator.latenessMs.p99)} (p99) · ${(generator.rssBytesMax / 1024 ** 2).toFixed(0)} MiB at most`,
  );
  for (const verdict of report.slo) {
    terminal.result(`  ${verdict.met ? colours.green('✓ kept') : colours.red('✗ missed')}   ${verdictText(verdict)}`);
  }
  terminal.result('');
  if ((generator.latenessMs.p99 ?? 0) > LATE_MS) {
    caution(terminal, 'the generator itself was late: its latencies say more of this machine than of the receiver');
  }
  if (frames.completed === 0) {
    caution(terminal, 'not one frame was completed');
  }
}
