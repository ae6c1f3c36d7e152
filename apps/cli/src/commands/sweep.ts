import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { findDefaultBundle, loadBundle, type Bundle } from '@semcast/bundle';
import { createChannelModel } from '@semcast/channel-models';
import { createLogger } from '@semcast/service';
import type { DroppedFrame } from '@semcast/transmitter';
import {
  channelFlag,
  channelNameFlag,
  csiFlag,
  decoderOptionFlags,
  DEFAULT_RATE_TEXT,
  deviceFlag,
  precisionFlag,
  jsonFlag,
  seedFlag,
  steps,
  typedDecoderOptions,
} from '../arguments/common-flags.js';
import { commandLine } from '../arguments/command-line.js';
import { many, toggle, value, type FlagValues } from '../arguments/spec.js';
import { cbr, integer, list, oneOf, snrDb, text, type ValueParser } from '../arguments/values.js';
import { typedWaveform, waveformFlags } from '../arguments/waveform-options.js';
import { createCommand } from '../command.js';
import { decoderNames, requireDecoder } from '../decoders/registry.js';
import { InterruptedError, UsageError } from '../errors.js';
import { EXIT_CODES, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import {
  checkFolder,
  checkWritable,
  makeTemporaryFolder,
  STANDARD_OUTPUT,
  writeFileWhole,
  writeJson,
} from '../json-output.js';
import { startPatience, timeoutFlag } from '../patience.js';
import { findPhotographs, photographsText } from '../photographs.js';
import { hasFont } from '../pictures/contact-sheet.js';
import { createLineSplitter } from '../processes/log-lines.js';
import { rateOf } from '../rates.js';
import {
  channelConfigOf,
  channelFlags,
  channelOptionsOf,
  channelText,
  typedChannelFlags,
} from '../sweep/channel-options.js';
import { startCheckpoints } from '../sweep/checkpoints.js';
import { BASELINE, type ColumnNames } from '../sweep/compare.js';
import { checkSheetSize, writeContactSheets, type ContactSheetOptions } from '../sweep/contact-sheets.js';
import { checkControl, measureControl } from '../sweep/control.js';
import { IDEAL_DECODER } from '../sweep/ideal.js';
import { renderMarkdown } from '../sweep/markdown.js';
import { reportHead } from '../sweep/report-head.js';
import { planSweep, type SweepCase } from '../sweep/plan.js';
import { comparedDecoders, protocolNames, PROTOCOLS } from '../sweep/protocols.js';
import { provenanceOf } from '../sweep/provenance.js';
import { openRealism, type Realism } from '../sweep/realism.js';
import type { SweepReport } from '../sweep/report.js';
import { readReproduction, reproductionFaults } from '../sweep/reproduce.js';
import { checkSameConditions, partialOf, readEarlierReport } from '../sweep/resume.js';
import { pictureName, runSweep, type SweepSettings } from '../sweep/run-sweep.js';
import { startSweepServices } from '../sweep/services.js';
import { SweepLog, type ReportHead } from '../sweep/sweep-log.js';
import { summaryTable } from '../sweep/table.js';
import { bundleOf, nameBundles, planVariants, variantName, type NamedBundles } from '../sweep/variants.js';
import { counted, startProgress } from '../terminal/progress.js';
import { renderTable } from '../terminal/columns.js';
import type { Terminal } from '../terminal/terminal.js';
import { printable, wrap } from '../terminal/width.js';
import { createWarningFilter } from '../up/warnings.js';

/** The longest sweep that is begun: a slip in a list should not cost a month. */
const MAX_CASES = 1_000_000;
/** A sweep may be of the slowest decoder at the largest size. */
const DEFAULT_TIMEOUT_MS = 3_600_000;

/** Rates, or every one that a bundle has. */
const rates: ValueParser<readonly string[] | 'all'> = (typed) => (typed.trim() === 'all' ? 'all' : list(cbr)(typed));

/** The receiver's decoders, and the one that is computed here. */
const comparedNames = [...decoderNames, IDEAL_DECODER.name] as const;

const flags = {
  protocol: value(
    'NAME',
    oneOf(protocolNames),
    `settings by name, for what is not given: ${Object.entries(PROTOCOLS)
      .map(([name, { summary }]) => `${name} (${summary})`)
      .join('; ')}`,
  ),
  images: value('DIR', text, 'folder of photographs, or one photograph; in order of name'),
  limit: value('N', integer({ min: 1 }), 'only the first N of them'),
  size: value('N', integer({ min: 1, max: 16_384 }), 'short side resized to N, centre-cropped to N×N (own size)'),
  decoders: value('A,B', list(oneOf(comparedNames)), `decoders to compare: ${comparedNames.join(', ')}`, 'jscc'),
  channel: channelFlag,
  csi: csiFlag,
  ...waveformFlags,
  snr: value('DB,DB', list(snrDb), 'SNRs in dB', 10),
  'design-snr': value(
    'DB',
    snrDb,
    'SNR that every transmitter prepares for, whatever the channel has (that of the row)',
  ),
  cbr: value(
    'RATIO,RATIO',
    rates,
    `channel bandwidth ratios, rates of the bundle; all: every one (${DEFAULT_RATE_TEXT})`,
  ),
  steps: value('N,N', list(steps), 'steps of the decoders that sample, each of them at each (their own)'),
  ...decoderOptionFlags,
  seed: seedFlag('noise and fading'),
  draws: value('N', integer({ min: 1, max: 100 }), 'draws of noise and fading of each photograph', 1),
  control: value(
    'sharpened',
    oneOf(['sharpened']),
    "hold every decoder against the best of three sharpening filters on jscc's pictures at its mean PSNR, with intervals",
  ),
  'metric-bundle': many(
    'DIR',
    text,
    'more measures: a folder with metric.onnx (a distance) or features.onnx (realism)',
  ),
  bundle: many('DIR', text, 'model bundle; several are compared, on the same noise (the one that comes with semcast)'),
  device: deviceFlag(),
  precision: precisionFlag,
  'in-flight': value(
    'N',
    integer({ min: 1, max: 64 }),
    'photographs under way at a time: more may be quicker in all, each takes longer (6; sampling: one a core)',
  ),
  out: value('DIR', text, 'write every received picture there as PNG'),
  'contact-sheet': value(
    'FILE',
    text,
    'draw a PNG with a row a photograph: original, then each decoder; one for each SNR and rate',
  ),
  'contact-crop': value('N', integer({ min: 32, max: 4096 }), 'sides of the crops on the sheet, at 1:1', 256),
  timeout: timeoutFlag('give up when no picture has come for so long', DEFAULT_TIMEOUT_MS),
  json: jsonFlag('the report'),
  markdown: value('FILE', text, 'write the summary as Markdown, a table for each SNR and rate'),
  reproduce: value(
    'FILE',
    text,
    'run the sweep of a report once more, as its provenance says, and compare every figure but the times',
  ),
  resume: toggle('go on from what --json FILE or FILE.partial has, under the same conditions; decoders may be added'),
  // Typed by their schema, which reads them: here they are names with texts.
  ...(channelFlags as object),
};

export const sweep = createCommand({
  details:
    'Starts a receiver and a channel of its own on free ports and sends every combination over the sockets. SNR is ' +
    'E|hz|²/N0 per complex symbol with unit-power symbols; CBR is complex channel uses per image value (3·H·W). All ' +
    'decoders are given the same received samples. The same seed gives the same figures, times apart. What is worse ' +
    'than jscc under the same conditions is marked.',
  flags,
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
    {
      line: 'semcast sweep --images kodak --decoders distilled --decoder-option realism=0 realism=0.5 realism=1',
      does: 'an option at several values: here the curve of distortion against perception',
    },
    {
      line: 'semcast sweep --images kodak --size 256 --snr 5 --cbr 1/48 --json kodak.json --markdown kodak.md --resume',
      does: 'a table for a document; after Ctrl-C the same line goes on where it ended',
    },
  ],
  run: async (invocation) => {
    const { io, terminal } = invocation;
    const { reproduce } = invocation.flags;
    const again = reproduce === undefined ? undefined : await readReproduction(reproduce, invocation, flags);
    const { flags: typed, given, argv } = again ?? invocation;
    const chosen = withProtocol(typed, given);
    if (chosen.images === undefined) {
      throw new UsageError('--images is missing', { remedy: 'name a folder of photographs: --images DIR' });
    }
    const { json } = chosen;
    const hasFile = json !== undefined && json !== STANDARD_OUTPUT;
    if (chosen.resume && !hasFile) {
      throw new UsageError('--resume needs the file of the report', { remedy: 'name it: --json FILE' });
    }
    const withControl = chosen.control !== undefined;
    if (withControl && !hasFile && again === undefined) {
      throw new UsageError('--control needs the file of a report, beside which pictures are kept for it', {
        remedy: 'name it: --json FILE',
      });
    }
    const folders = chosen.bundle.length === 0 ? [findDefaultBundle()] : chosen.bundle;
    const bundles = nameBundles(await Promise.all(folders.map(async (folder) => await loadBundle(folder))));
    const [bundle] = bundles.values() as unknown as [Bundle];
    const metricBundles = checkMetricBundles(chosen['metric-bundle']);
    const variants = [...bundles].flatMap(([label, each]) => {
      const names = chosen.decoders ?? comparedDecoders(each);
      const decoders = names.map((name) => (name === IDEAL_DECODER.name ? IDEAL_DECODER : requireDecoder(name, each)));
      const planned = planVariants(decoders, { steps: chosen.steps, options: typedDecoderOptions(chosen) });
      return planned.map((variant) => Object.assign(variant, bundleOf({ bundle: label })));
    });
    const sheet: ContactSheetOptions | undefined =
      chosen['contact-sheet'] === undefined
        ? undefined
        : { target: resolve(chosen['contact-sheet']), crop: chosen['contact-crop'] };
    const out = chosen.out === undefined ? undefined : resolve(chosen.out);
    const { channel, device, precision, draws, markdown } = chosen;
    const typedChannel = typedChannelFlags(chosen, given);
    const channelConfig = channelConfigOf(channel, typedChannel);
    const settings: SweepSettings = {
      bundle,
      device,
      precision,
      files: (await findPhotographs([chosen.images])).slice(0, chosen.limit),
      variants,
      channel,
      channelOptions: channelOptionsOf(channel, typedChannel),
      fading: createChannelModel(channelConfig.model, channelConfig.sampleRateHz),
      seed: chosen.seed,
      channelConfig,
      ...typedWaveform(chosen, chosen.csi),
      snrsDb: chosen.snr,
      designSnrDb: chosen['design-snr'],
      cbrs: ratesOf(bundles, chosen.cbr),
      size: chosen.size ?? 0,
      draws,
      metricBundles: metricBundles.filter((dir) => existsSync(join(dir, 'metric.onnx'))),
      // Sheet and control are made in the end, maybe of another run than began them: what they need is on the disk.
      pictures:
        out ??
        (sheet !== undefined ? `${sheet.target}.pictures` : withControl ? await folderForControl(json) : undefined),
      namesPictures: out !== undefined,
      inFlight: chosen['in-flight'],
    };
    const total = planSweep(settings).reduce((sum, { cases }) => sum + cases.length, 0);
    if (total > MAX_CASES) {
      throw new UsageError(`that are ${total} photographs to send; at most ${MAX_CASES} are`, {
        remedy: 'shorten a list',
      });
    }
    if (sheet !== undefined) {
      checkSheetSize(settings, sheet.crop, withControl);
    }
    if (withControl) {
      checkControl(settings);
    }
    for (const target of [json, markdown, sheet?.target]) {
      if (target !== undefined) {
        await checkWritable(target);
      }
    }
    if (settings.pictures !== undefined) {
      await checkFolder(settings.pictures);
    }
    const command = commandLine(
      'sweep',
      argv.filter((word) => word !== '--resume'),
    );
    const head = {
      ...(await reportHead(settings, { command, seed: chosen.seed, metricBundles, bundles })),
      provenance: await provenanceOf(argv, {
        images: resolve(chosen.images),
        bundles: [...bundles.values()].map(({ dir }) => dir),
        metricBundles,
      }),
    };
    if (again !== undefined) {
      checkSameConditions(reproduce!, again.report, head, '--reproduce');
    }
    return await runAndReport({
      bundles,
      reproduced: again?.report,
      terminal,
      io,
      flags: chosen,
      settings,
      head,
      total,
      metricBundles,
      typedChannel,
      sheet,
    });
  },
});

type SweepFlags = FlagValues<typeof flags>;

/** Flags, and where a protocol is named, its settings for those that were not given; its decoders are the bundle's. */
function withProtocol(
  typed: SweepFlags,
  given: ReadonlyMap<string, unknown>,
): Omit<SweepFlags, 'decoders'> & { readonly decoders: readonly string[] | undefined } {
  if (typed.protocol === undefined) {
    return typed;
  }
  const { snr, cbr: protocolRates, size, seed, draws } = PROTOCOLS[typed.protocol];
  const settings = { snr, cbr: protocolRates, size, seed, draws, decoders: undefined };
  const missing = Object.entries(settings).filter(([name]) => !given.has(name));
  return { ...typed, ...(Object.fromEntries(missing) as Partial<typeof settings>) };
}

/** Beside the report, where an interrupted sweep finds its pictures again; elsewhere where there is no such file. */
async function folderForControl(json: string | undefined): Promise<string> {
  return json === undefined || json === STANDARD_OUTPUT
    ? await makeTemporaryFolder('semcast-control-')
    : `${resolve(json)}.pictures`;
}

/** Rates as the first bundle writes them. @throws UsageError when a bundle lacks one that is asked for */
function ratesOf(bundles: NamedBundles, wanted: readonly string[] | 'all' | undefined): string[] {
  const manifests = [...bundles.values()].map(({ manifest }) => manifest);
  const asked = wanted === 'all' ? manifests[0]!.rates.map((rate) => rate.cbr) : (wanted ?? [undefined]);
  return [...new Set(asked.map((rate) => manifests.map((manifest) => rateOf(manifest, rate))[0]!))];
}

interface SweepRun {
  readonly bundles: NamedBundles;
  /** The report that this one has to equal. */
  readonly reproduced: SweepReport | undefined;
  readonly terminal: Terminal;
  readonly io: CliIo;
  readonly flags: Omit<SweepFlags, 'decoders'>;
  readonly settings: SweepSettings;
  readonly head: ReportHead;
  /** Photographs to send in all. */
  readonly total: number;
  readonly metricBundles: readonly string[];
  /** Flags for the channel, as they were typed. */
  readonly typedChannel: Readonly<Record<string, string>>;
  readonly sheet: ContactSheetOptions | undefined;
}

/** Drops that are told one by one; a sweep that fails as a whole would fill the screen otherwise. */
const MAX_DROPS_TOLD = 10;
/** Differences that are told one by one. */
const MAX_FAULTS_TOLD = 20;

async function runAndReport(run: SweepRun): Promise<ExitCode> {
  const { terminal, io, settings, total } = run;
  const { json, seed, timeout: timeoutMs, control } = run.flags;
  const { caution } = terminal;
  // Before anything is begun that would have to be ended: an earlier report may be of other conditions.
  const featureBundles = run.metricBundles.filter((dir) => existsSync(join(dir, 'features.onnx')));
  const measured = await openSweepLog(run, featureBundles);
  if (run.sheet !== undefined && !(await hasFont())) {
    caution(
      'this machine has no font: the contact sheet will have no labels; install one, fonts-dejavu-core for example',
    );
  }
  const warn = createWarningFilter(caution);
  const interruption = io.interruption();
  // A service that can't be kept running ends the sweep as Ctrl-C does, but for the reason given.
  const gaveUp = new AbortController();
  let starting = true;
  const patience = startPatience({
    terminal,
    timeoutMs,
    waitingFor: () => (starting ? 'receiver and channel to start' : 'the next picture'),
  });
  const signal = AbortSignal.any([interruption, gaveUp.signal, patience.signal]);
  let ending = false;
  const log = (service: string, line: string): void => {
    if (!ending && !signal.aborted) {
      warn(service, line);
    }
  };
  let dropped = 0;
  let lost = 0;
  const onDropped = ({ file, snrDb: at, cbr: rate }: SweepCase, { reason, detail }: DroppedFrame): void => {
    if (reason === 'channel-loss') {
      // That is what the channel was asked for.
      lost++;
      return;
    }
    dropped++;
    if (dropped <= MAX_DROPS_TOLD) {
      caution(`${basename(file)} at ${at} dB, ${rate}: dropped (${reason}): ${detail}`);
    }
  };

  terminal.setLive({ render: () => `  ${terminal.colours.dim('starting receiver and channel …')}` });
  let realism: Realism | undefined;
  let compared: Pick<SweepReport, 'controls' | 'comparisons'> = {};
  try {
    realism =
      featureBundles.length === 0
        ? undefined
        : await openRealism(featureBundles, {
            device: settings.device,
            keep: control !== undefined,
          });
    const progress = startProgress({ terminal, total: total - measured.size, label: 'sweep' });
    const checkpoints = startCheckpoints(measured, {
      file: json === undefined || json === STANDARD_OUTPUT ? undefined : partialOf(json),
      onFailure: caution,
    });
    try {
      for (const [label, bundle] of run.bundles) {
        const part = { ...settings, bundle, variants: settings.variants.filter((variant) => variant.bundle === label) };
        if (planSweep(part).every((group) => measured.missing(group).length === 0)) {
          continue;
        }
        starting = true;
        ending = false;
        const services = await startSweepServices({
          bundle: bundle.dir,
          device: settings.device,
          precision: settings.precision,
          channelFlags: { ...channelNameFlag(settings.channel), ...run.typedChannel },
          seed,
          groups: planSweep(part),
          signal: interruption,
          onLine: log,
          onCaution: caution,
        });
        services.lost.catch((error: unknown) => gaveUp.abort(error));
        starting = false;
        patience.progress();
        try {
          const write = createLineSplitter((line) => log('transmitter', line));
          await runSweep(part, {
            channelUrl: services.channelUrl,
            realism,
            logger: createLogger({ service: 'transmitter', level: 'warn', destination: { write } }),
            log: measured,
            signal,
            onFrame: ({ variant, snrDb: at, cbr: rate, file }) => {
              patience.progress();
              const { bundle: of, decoder, steps: count } = variant;
              const name = [of ?? [], decoder, count === 0 ? [] : `${count} steps`].flat().join(' ');
              progress.advance(`${name} · ${at} dB · ${rate} · ${printable(basename(file))}`);
            },
            onDropped: (sweepCase, drop) => {
              patience.progress();
              onDropped(sweepCase, drop);
              progress.advance();
            },
          });
        } finally {
          ending = true;
          await services.stop();
        }
        if (signal.aborted) {
          break;
        }
      }
    } finally {
      progress.stop();
      await checkpoints.stop();
    }
    // What follows is computed here, and waits for nobody.
    patience.stop();
    if (control !== undefined && !signal.aborted) {
      compared = await measureWithProgress(run, measured.report(), realism, signal);
    }
  } catch (error) {
    throw interruption.aborted ? new InterruptedError('interrupted before anything was measured') : error;
  } finally {
    patience.stop();
    terminal.close();
    await realism?.close();
  }

  const report = { ...measured.report(), ...compared };
  const names = {
    metrics: settings.metricBundles.map((dir) => basename(dir)),
    realism: realism?.names ?? [],
  };
  printReport(terminal, report, settings, names);
  if (lost > 0) {
    caution(
      `${lost} of ${total} photographs were lost by the channel, as --channel.loss has it; they count in no mean`,
    );
  }
  if (dropped > MAX_DROPS_TOLD) {
    caution(`${dropped} photographs were dropped in all`);
  }
  if (signal.aborted) {
    if (json !== undefined && existsSync(partialOf(json))) {
      caution(`what was measured until then is in ${partialOf(json)}; the same command with --resume goes on`);
    }
    throw interruption.aborted
      ? new InterruptedError(`interrupted after ${report.rows.length} of ${total} photographs`)
      : signal.reason;
  }
  await writeOutputs(run, report, names);
  const faults = run.reproduced === undefined ? 0 : tellFaults(run.reproduced, report, terminal);
  return dropped + faults === 0 ? EXIT_CODES.done : EXIT_CODES.failed;
}

/** Says which figures differ from those of the report that is reproduced, and returns how many. */
function tellFaults(reproduced: SweepReport, report: SweepReport, terminal: Terminal): number {
  const faults = reproductionFaults(reproduced, report);
  for (const fault of faults.slice(0, MAX_FAULTS_TOLD)) {
    terminal.caution(fault);
  }
  terminal.result(
    faults.length === 0
      ? `  reproduced: ${whatIsReproduced(reproduced)} are the same bit for bit, times apart`
      : `  not reproduced: ${faults.length} figures of ${whatIsReproduced(reproduced)} differ`,
  );
  return faults.length;
}

const whatIsReproduced = ({ rows, comparisons }: SweepReport): string =>
  comparisons === undefined
    ? counted(rows.length, 'row')
    : `${counted(rows.length, 'row')} and ${counted(comparisons.length, 'comparison')} of the control`;

async function measureWithProgress(
  { terminal, settings }: SweepRun,
  report: SweepReport,
  realism: Realism | undefined,
  signal: AbortSignal,
): Promise<Pick<SweepReport, 'controls' | 'comparisons'>> {
  const decoders = settings.variants.filter(({ decoder }) => decoder !== BASELINE).length;
  const total = decoders * settings.snrsDb.length * settings.cbrs.length;
  const progress = startProgress({ terminal, total, label: 'control' });
  try {
    return await measureControl(settings, report, {
      pictures: settings.pictures!,
      device: settings.device,
      realism,
      signal,
      onGroup: ({ variant, snrDb: at, cbr: rate }) => progress.advance(`${variantName(variant)} · ${at} dB · ${rate}`),
    });
  } catch (error) {
    // Ctrl-C is told as it is while photographs are sent.
    if (signal.aborted) {
      return {};
    }
    throw error;
  } finally {
    progress.stop();
  }
}

/** What was measured before, with `--resume`, or nothing. @throws UsageError when it was under other conditions */
async function openSweepLog(run: SweepRun, featureBundles: readonly string[]): Promise<SweepLog> {
  const { settings, sheet, head, terminal, total } = run;
  const { json, resume } = run.flags;
  const { channel, pictures, namesPictures } = settings;
  // The control itself sharpens what jscc decoded; other pictures are for the realism of the set or for somebody to see.
  const isForControl = !namesPictures && sheet === undefined && featureBundles.length === 0;
  const log = new SweepLog({ head, channel, groups: planSweep(settings) });
  const earlier = resume && json !== undefined ? await readEarlierReport(json) : undefined;
  if (earlier !== undefined) {
    checkSameConditions(earlier.file, earlier.report, head);
    log.takeOver(earlier.report, {
      realism: featureBundles.map((dir) => basename(dir)),
      hasPicture: (sweepCase) =>
        pictures === undefined ||
        existsSync(join(pictures, pictureName(sweepCase, channel))) ||
        (isForControl && sweepCase.variant.decoder !== BASELINE),
    });
    terminal.note(`  ${terminal.colours.dim(`${log.size} of ${total} photographs are in ${earlier.file}`)}`);
  } else if (json !== undefined && existsSync(partialOf(json))) {
    const words = `beginning anew: ${partialOf(json)} of an earlier sweep is replaced; --resume would go on from it`;
    terminal.caution(words);
  }
  return log;
}

/** Everything that was asked for beside the table; what had been kept for the case of an interruption goes. */
async function writeOutputs(
  { settings, sheet, flags: { markdown, json }, io, terminal }: SweepRun,
  report: SweepReport,
  names: ColumnNames,
): Promise<void> {
  const written: string[] = [];
  if (sheet !== undefined && settings.pictures !== undefined) {
    written.push(...(await writeContactSheets(settings, settings.pictures, report, sheet)));
  }
  if (settings.pictures !== undefined && !settings.namesPictures) {
    await rm(settings.pictures, { recursive: true, force: true });
  }
  if (markdown !== undefined) {
    await writeFileWhole(markdown, renderMarkdown(report, names));
    written.push(resolve(markdown));
  }
  if (json !== undefined) {
    await writeJson(json, report, io);
    if (json !== STANDARD_OUTPUT) {
      await rm(partialOf(json), { force: true });
    }
  }
  for (const file of written) {
    terminal.note(`  ${terminal.colours.dim('written')}  ${terminal.colours.cyan(file)}`);
  }
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

function printReport(terminal: Terminal, report: SweepReport, settings: SweepSettings, names: ColumnNames): void {
  const { resultColours: colours, resultColumns: width } = terminal;
  const compared = Object.values(report.bundles ?? { only: report.bundle });
  const details = [
    `${compared.map(({ name, version }) => `${name} ${version}`).join(', ')} on ${settings.device}`,
    photographsText(settings.files.length, settings.size),
  ];
  const { columns, rows, legend } = summaryTable(report, names, colours);
  const channel = channelText(report.conditions);
  terminal.result(
    '',
    `  ${colours.bold(channel)} ${colours.dim(`· ${details.join(' · ')}`)}`,
    '',
    ...renderTable(columns, rows, { colours, width }),
    ...legend.flatMap((words) => wrap(words, width - 2)).map((line) => `  ${line}`),
    '',
  );
}
