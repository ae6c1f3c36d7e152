import { basename } from 'node:path';
import { findDefaultBundle, loadBundle } from '@semcast/bundle';
import { DEMO_PHOTOS } from '@semcast/transmitter';
import { MAX_WEIGHT, RESULT_FORMATS, streamIdSchema, type ResultMessage } from '@semcast/wire';
import {
  bundleFlag,
  cbrFlag,
  decoderOptionFlags,
  deviceFlag,
  jsonFlag,
  seedFlag,
  sizeFlag,
  stepsFlag,
  typedDecoderOptions,
} from '../arguments/common-flags.js';
import { duration } from '../arguments/durations.js';
import { inGroup, many, toggle, value, type FlagValues } from '../arguments/spec.js';
import { integer, list, number, oneOf, snrDb, text, webSocketUrl, type ValueParser } from '../arguments/values.js';
import { typedWaveform, waveformFlags, waveformText } from '../arguments/waveform-options.js';
import { createCommand } from '../command.js';
import { optionsOfNamed } from '../decoders/options.js';
import { InterruptedError, UsageError } from '../errors.js';
import { EXIT_CODES, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { checkWritable, STANDARD_OUTPUT, writeJson } from '../json-output.js';
import { ARRIVAL_KINDS } from '../load/arrivals.js';
import { cleanFrames, encodeCorpus, MAX_PHOTOGRAPHS, noisyFrames, type FrameMaker } from '../load/corpus.js';
import { rateProfile, type RateProfile } from '../load/rate-profile.js';
import {
  figuresOf,
  keepsObjectives,
  reportOf,
  type Leading,
  type LoadFigures,
  type LoadReport,
} from '../load/report.js';
import { runLoad, type LoadConditions, type LoadLinks, type LoadProgress, type LoadRun } from '../load/run-load.js';
import { searchSaturation } from '../load/saturation.js';
import { commandText } from '../load/settings.js';
import { parseSlo } from '../load/slo.js';
import { LOAD_COLUMNS, LoadView, rateText, reasonsText, verdictText } from '../load/view.js';
import { startPatience } from '../patience.js';
import { findPhotographs, photographsText } from '../photographs.js';
import { rateOf } from '../rates.js';
import { originOf } from '../sweep/provenance.js';
import { createRowPrinter } from '../terminal/columns.js';
import { counted, formatLatency as ms, formatSeconds } from '../terminal/progress.js';
import type { Terminal } from '../terminal/terminal.js';
import { printable } from '../terminal/width.js';
import { readToken } from '../token.js';
import { figure } from '../up/frame-columns.js';

const DEFAULT_DESIGN_SNR_DB = 10;
const MAX_STREAMS = 5000;
const MAX_SOCKETS = 1000;
const MIN_RATE = 0.01;
const MAX_RATE = 10_000;
const REFRESH_MS = 120;
/** What --curve runs beside the rate that was found, as shares of it. */
const CURVE = [0.1, 0.25, 0.5, 0.75, 1.25, 1.5, 2, 3] as const;
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

/** `3,1,1`: unlike other lists with the same number several times. */
const weights: ValueParser<readonly number[]> = (typed) => {
  const parts = typed.split(',');
  if (parts.length > MAX_SOCKETS) {
    throw new UsageError(`${parts.length} weights are too many`, { remedy: `give at most ${MAX_SOCKETS}` });
  }
  return parts.map(integer({ min: 1, max: MAX_WEIGHT }));
};

const flags = {
  to: value(
    'URL,URL',
    list(webSocketUrl),
    'channel, or with --snr a receiver; links go to several in turn',
    'ws://127.0.0.1:7401',
  ),
  streams: value('N', integer({ min: 1, max: MAX_STREAMS }), 'virtual transmitters', 1),
  sockets: value('N', integer({ min: 1, max: MAX_SOCKETS }), 'links that they share (one for each)'),
  rate: value(
    'R,R',
    list(number({ min: MIN_RATE, max: MAX_RATE })),
    'frames per second of all streams together; several are run one after the other',
    1,
  ),
  duration: value('S', duration({ minMs: 100 }), 'how long frames that count are offered', 30),
  warmup: value('S', duration(), 'how long frames are offered before that', 5),
  drain: value('S', duration(), 'wait so long for frames under way at the end', 10),
  weights: value('W,W', weights, 'parts of the links at a busy receiver, in turn', 1),
  profile: value(
    'S:R,S:R',
    rateProfile({ maxRate: MAX_RATE }),
    'a rate that changes, in place of --rate and --duration: straight lines between points; two at one time are a step',
  ),
  'find-saturation': toggle('search for the highest rate that is sustained, beginning at --rate'),
  'find-capacity': toggle('search for the highest rate that keeps every --slo, beginning at --rate'),
  curve: toggle('after a search, run from a tenth to three times the rate that was found'),
  arrivals: value('poisson|constant', oneOf(ARRIVAL_KINDS), 'random gaps between frames, or equal ones', 'poisson'),
  backlog: value(
    'N',
    integer({ max: 10_000 }),
    'frames of a stream that may wait for a credit; one more is dropped',
    32,
  ),
  slo: many('TERM', parseSlo, 'objective: p99=2s, max=10s, preview-p95=300ms, drops=1%; exit code 1 if missed'),
  json: jsonFlag('the report'),

  ...inGroup('Frames', {
    decoder: value('NAME', text, 'decoder of the receiver', 'jscc'),
    steps: stepsFlag,
    ...decoderOptionFlags,
    ...waveformFlags,
    deadline: value('S', duration({ minMs: 1 }), 'the receiver gives each frame so long (no deadline)'),
    images: value('PATH', text, `photographs, the first ${MAX_PHOTOGRAPHS} (the nine that come along)`),
    size: sizeFlag(256),
    cbr: cbrFlag,
    snr: value('DB', snrDb, '--to is a receiver: add white noise at this SNR here'),
    'design-snr': value(
      'DB',
      snrDb,
      `SNR that the encoder prepares for (that of --snr, else ${DEFAULT_DESIGN_SNR_DB})`,
    ),
    'result-format': value(RESULT_FORMATS.join('|'), oneOf(RESULT_FORMATS), 'how pictures come back', 'png'),
    seed: seedFlag('arrivals and of noise that is added here'),
    bundle: bundleFlag('model bundle; the receiver must have the same'),
    device: deviceFlag('where photographs are encoded'),
  }),

  ...inGroup('Links', {
    token: value('TEXT', text, 'shared secret, if there is one; or in SEMCAST_TRANSMITTER_TOKEN'),
    prefix: value('NAME', prefix, 'streams are NAME-1, NAME-2, …; two at a time need two names', 'load'),
    wait: value('S', duration(), 'wait so long for the links', 10),
  }),
};

export const load = createCommand({
  details:
    'Open-loop: virtual transmitters, each with a link of its own, offer frames at times that do not depend on the ' +
    'answers. Photographs are encoded once, before the load begins. Latency counts from the time at which a frame was ' +
    'to be sent, so that waiting for a credit is part of it. Every frame ends completed or dropped with a reason; ' +
    'client-backlog and gave-up are reasons of this command itself. docs/load-testing.md tells how to read the figures.',
  flags,
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
      line: 'semcast load --streams 8 --find-capacity --slo p99=2s --curve --json load.json',
      does: 'at which rate is it soon enough, and what happens beyond? semcast report load.json draws it',
    },
    {
      line: 'semcast load --streams 2000 --sockets 32 --profile 0:2,30:2,30:8,40:8,40:2,60:2',
      does: 'a spike, of many streams over some links',
    },
    {
      line: 'semcast load --to ws://127.0.0.1:7402 --snr 10 --rate 1,2,4,8 --json - | jq .saturationRate',
      does: 'a receiver without a channel, some rates',
    },
  ],
  run: async ({ flags: chosen, given, io, terminal }) => {
    const { streams, decoder, deadline, snr, seed, json, backlog, arrivals, size, profile = null } = chosen;
    checkCombination(chosen, given);
    const to = chosen.to.join(',');
    const decoderOptions = optionsOfNamed(decoder, typedDecoderOptions(chosen), chosen.steps) ?? {};
    const waveform = typedWaveform(chosen);
    const interruption = io.interruption();
    const bundle = await loadBundle(chosen.bundle ?? findDefaultBundle());
    const cbr = rateOf(bundle.manifest, chosen.cbr);
    const files = (await findPhotographs([chosen.images ?? DEMO_PHOTOS])).slice(0, MAX_PHOTOGRAPHS);
    if (json !== undefined) {
      await checkWritable(json);
    }
    const { name, version } = bundle.manifest;
    const conditions: LoadConditions = {
      to,
      streams,
      sockets: Math.min(streams, chosen.sockets ?? Math.min(streams, MAX_SOCKETS)),
      weights: chosen.weights,
      profile,
      arrivals,
      decoder,
      decoderOptions,
      ...waveform,
      deadlineMs: deadline ?? null,
      cbr,
      size,
      images: files.map((file) => basename(file)),
      bundle: { name, version, digest: bundle.digest },
      designCsnrDb: chosen['design-snr'] ?? snr ?? DEFAULT_DESIGN_SNR_DB,
      resultFormat: chosen['result-format'],
      backlog,
      warmupS: chosen.warmup / 1000,
      durationS: profile?.at(-1)?.atS ?? chosen.duration / 1000,
      drainS: chosen.drain / 1000,
      seed,
    };
    const terms = {
      decoder,
      csi: waveform.csi,
      ...(Object.keys(decoderOptions).length === 0 ? {} : { decoderOptions }),
      ...(deadline === undefined ? {} : { deadlineMs: deadline }),
    };
    const { designCsnrDb } = conditions;
    return await runAndReport({
      terminal,
      io,
      interruption,
      flags: chosen,
      conditions,
      links: { token: readToken(chosen.token, io.env), prefix: chosen.prefix, waitMs: chosen.wait },
      files,
      bundle: bundle.dir,
      makeFrame: snr === undefined ? cleanFrames(terms) : noisyFrames(terms, { snrDb: snr, seed }),
      command: commandText('load', flags, given, {
        token: undefined,
        json: undefined,
        cbr,
        'design-snr': designCsnrDb,
      }),
    });
  },
});

/** @throws UsageError where flags contradict each other */
function checkCombination(
  { rate, profile, curve, slo, ...chosen }: FlagValues<typeof flags>,
  given: ReadonlyMap<string, readonly string[]>,
): void {
  const searches = (['find-saturation', 'find-capacity'] as const).filter((name) => chosen[name]);
  if (searches.length > 1) {
    throw new UsageError('--find-saturation and --find-capacity are two searches', { remedy: 'give one of them' });
  }
  if (searches.length > 0 && rate.length > 1) {
    throw new UsageError(`--${searches[0]} begins at one rate`, { remedy: 'give one --rate, or leave it out' });
  }
  if (chosen['find-capacity'] && slo.length === 0) {
    throw new UsageError('--find-capacity has no objective', { remedy: 'add --slo p99=2s' });
  }
  if (curve && searches.length === 0) {
    throw new UsageError('--curve follows a search', {
      remedy: 'add --find-capacity or --find-saturation, or list rates with --rate',
    });
  }
  const instead = ['rate', 'duration', ...searches].find((name) => given.has(name));
  if (profile !== undefined && instead !== undefined) {
    throw new UsageError(`--profile says rates and times, and so does --${instead}`, {
      remedy: `leave --${instead} out`,
    });
  }
}

interface LoadTest {
  readonly terminal: Terminal;
  readonly io: CliIo;
  readonly interruption: AbortSignal;
  readonly flags: FlagValues<typeof flags>;
  readonly conditions: LoadConditions;
  readonly links: LoadLinks;
  readonly files: readonly string[];
  /** The bundle's folder. */
  readonly bundle: string;
  readonly makeFrame: FrameMaker;
  readonly command: string;
}

async function runAndReport(test: LoadTest): Promise<ExitCode> {
  const { terminal, io, interruption, command, conditions } = test;
  const { json } = test.flags;
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
  const provenance = await originOf();
  const report = reportOf(runs, { command, settings: conditions, provenance, noise, interrupted }, leadingOf(test));
  printReport(terminal, report, test);
  if (interrupted) {
    if (json !== undefined && json !== STANDARD_OUTPUT) {
      await writeJson(`${json}.partial`, report, io);
      terminal.caution(`what was measured until then is in ${json}.partial`);
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
  const { terminal, interruption, conditions, files, bundle, makeFrame } = test;
  const { device, slo } = test.flags;
  const { colours, resultColours, resultColumns } = terminal;
  terminal.setLive({ render: () => `  ${colours.dim(`encoding ${files.length} photographs …`)}` });
  const photos = await encodeCorpus(files, { ...conditions, bundle, device, signal: interruption }).catch(
    (error: unknown) => {
      throw interruption.aborted ? new InterruptedError('interrupted before anything was measured') : error;
    },
  );

  const watch = watchPeer(test);
  const view = new LoadView(terminal);
  const printer = createRowPrinter(LOAD_COLUMNS, { colours: resultColours, width: resultColumns });
  const runs: LoadFigures[] = [];
  let failure: unknown;
  let underWay: LoadProgress | undefined;
  const runRate = (rate: number | RateProfile): Promise<LoadRun> =>
    runLoad(
      rate,
      { ...conditions, ...test.links },
      {
        photos,
        makeFrame,
        signal: interruption,
        onStart: (progress) => {
          view.watch(typeof rate === 'number' ? rate : null, progress);
          underWay = progress;
          patience.progress();
          terminal.setLive(view);
        },
        onPeerDrop: watch.onPeerDrop,
        onResult: (message) => {
          patience.progress();
          watch.onResult(message);
        },
      },
    );
  const ticking = setInterval(() => view.tick(), REFRESH_MS);
  // It has its end in --wait, --duration and --drain.
  const patience = startPatience({
    terminal,
    timeoutMs: Infinity,
    waitingFor: () =>
      `${underWay === undefined || underWay.phase === 'connecting' ? 'links to' : 'pictures from'} ${conditions.to}`,
  });
  printHead(terminal, test);
  try {
    const rates = ratesOf(test);
    for (let next = rates.next(); next.done !== true; next = rates.next(runs.at(-1))) {
      const run = await runRate(next.value);
      if (run.measuredS > 0) {
        if (runs.length === 0) {
          terminal.result(...printer.header);
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

/** What a test looks for. */
const leadingOf = ({ flags: chosen }: LoadTest): Leading => (chosen['find-capacity'] ? 'objectives' : 'sustained');

/** The rates to run: those that were asked for, or what the search wants to know. Told what was measured at the last. */
function* ratesOf(test: LoadTest): Generator<number | RateProfile, void, LoadFigures | undefined> {
  const { flags: chosen, conditions } = test;
  const { rate: rates, curve } = chosen;
  if (conditions.profile !== null) {
    yield conditions.profile;
    return;
  }
  if (!chosen['find-saturation'] && !chosen['find-capacity']) {
    yield* rates;
    return;
  }
  const [firstRate] = rates as readonly [number];
  // Lower, hardly a frame would come due.
  const minRate = Math.min(firstRate, Math.max(MIN_RATE, MIN_FRAMES_SEARCHED / conditions.durationS));
  const search = searchSaturation({ firstRate, minRate, maxRate: MAX_RATE });
  let found = 0;
  for (let next = search.next(); next.done !== true;) {
    const run = yield next.value;
    const isGood = run !== undefined && (leadingOf(test) === 'objectives' ? keepsObjectives(run) : run.sustained);
    found = isGood ? Math.max(found, next.value) : found;
    next = search.next(isGood);
  }
  if (curve && found > 0) {
    yield* CURVE.map((share) => Number((share * found).toPrecision(3))).filter((rate) => rate <= MAX_RATE);
  }
}

/** Looks at what comes back for what somebody who watches should know, each once. */
function watchPeer({ terminal, conditions, flags: { snr: ownSnrDb } }: LoadTest) {
  const told = new Set<string>();
  const once = (what: string, words: string): void => {
    if (!told.has(what)) {
      told.add(what);
      terminal.caution(words);
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
          `there is no channel at ${conditions.to}: frames arrive without noise; --snr DB adds some here`,
        );
      }
    },
  };
}

function printHead({ resultColours: colours, result }: Terminal, { conditions }: LoadTest): void {
  const { streams, sockets, arrivals, size, images, durationS, cbr, decoder } = conditions;
  const { waveform, waveformOptions = {}, to } = conditions;
  const details = [
    counted(streams, 'stream') + (sockets < streams ? ` over ${counted(sockets, 'link')}` : ''),
    arrivals,
    photographsText(images.length, size),
    `CBR ${cbr}`,
    waveformText(waveform, waveformOptions),
    `${formatSeconds(durationS)} each`,
    to,
  ];
  result('', `  ${colours.bold(printable(decoder))} ${colours.dim(`· ${details.join(' · ')}`)}`, '');
}

/** What there is to say below the rows, of the rate that the report is about. */
function printReport(terminal: Terminal, report: LoadReport, { flags: chosen }: LoadTest): void {
  const { resultColours: colours } = terminal;
  const { frames, fairness, generator, rate } = report;
  const line = (label: string, words: string): void =>
    terminal.result(`  ${colours.dim(label.padEnd(10))} ${printable(words)}`);
  terminal.result('');
  if (report.runs.length > 1) {
    line(
      'saturation',
      report.saturationRate === null ? 'no rate was sustained' : `${rateText(report.saturationRate)}/s sustained`,
    );
    if (chosen.slo.length > 0) {
      line(
        'capacity',
        report.capacityRate === null
          ? 'no rate kept the objectives'
          : `${rateText(report.capacityRate)}/s with every objective kept`,
      );
    }
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
  for (const target of report.targets.length > 1 ? report.targets : []) {
    line('', `${target.to}: ${target.sent} due = ${target.completed} completed + ${target.dropped} dropped`);
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
    terminal.caution('the generator itself was late: its latencies say more of this machine than of the receiver');
  }
  if (frames.completed === 0) {
    terminal.caution('not one frame was completed');
  }
}
