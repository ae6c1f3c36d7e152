import { availableParallelism } from 'node:os';
import { basename, extname, join } from 'node:path';
import { createMetricPool, type Bundle, type Device, type Precision } from '@semcast/bundle';
import type { ChannelConfig, FadingProcess } from '@semcast/channel-models';
import { describeError } from '@semcast/core';
import { DIGITAL_DECODER } from '@semcast/digital';
import type { ChannelName } from '../arguments/common-flags.js';
import {
  createTransmitter,
  openEncoder,
  type CompletedFrame,
  type DroppedFrame,
  type FrameEncoder,
  type TransmitterService,
} from '@semcast/transmitter';
import type { Logger } from '@semcast/service';
import { waveformOf, type WaveformChoice } from '../arguments/waveform-options.js';
import { writeFileWhole } from '../json-output.js';
import { planSweep, type SweepCase, type SweepGrid, type SweepGroup } from './plan.js';
import { IDEAL_DECODER, sendIdeally } from './ideal.js';
import type { Realism } from './realism.js';
import { channelErrorOf } from './channel-error.js';
import { toRow } from './report.js';
import type { SweepLog } from './sweep-log.js';
import { bundleOf, variantName, type SweepVariant } from './variants.js';

export interface SweepSettings extends SweepGrid, WaveformChoice {
  readonly bundle: Bundle;
  readonly device: Device;
  readonly precision: Precision;
  readonly channel: ChannelName;
  /** Its options, loss and noise reference, for the report. */
  readonly channelOptions: Readonly<Record<string, unknown>>;
  /** What the channel draws its fading by, so that the true channel is known beside estimates. */
  readonly fading: FadingProcess;
  readonly seed: number;
  /** The channel; its seed and SNRs are the sweep's. */
  readonly channelConfig: ChannelConfig;
  readonly size: number;
  /** The SNR that every transmitter prepares for; undefined for that of the channel. */
  readonly designSnrDb: number | undefined;
  /** Folders with a `metric.onnx`. */
  readonly metricBundles: readonly string[];
  /** Folder for received pictures. */
  readonly pictures: string | undefined;
  /** Whether rows name their picture: not so when it is kept for the contact sheet or the control only. */
  readonly namesPictures: boolean;
  /** Photographs under way at a time; undefined for what suits the decoder. */
  readonly inFlight: number | undefined;
}

export interface SweepTools {
  /** Where the channel listens. */
  readonly channelUrl: string;
  readonly realism: Pick<Realism, 'add' | 'conclude'> | undefined;
  readonly logger: Logger;
  /** Takes the measurements; those that it has already are not repeated. */
  readonly log: SweepLog;
  /** Ends the sweep early. */
  readonly signal: AbortSignal;
  readonly onFrame: (sweepCase: SweepCase) => void;
  readonly onDropped: (sweepCase: SweepCase, dropped: DroppedFrame) => void;
}

/** Decoders of one pass: enough for every core of the receiver and for the way there. */
const ONE_PASS_IN_FLIGHT = 6;
/** On a GPU steps of so many photographs share a batch; a receiver gives a stream no more credits. */
const CUDA_IN_FLIGHT = 8;
/** Threads that measure pictures; more would wait, since no more photographs are under way. */
export const measuringThreads = (device: Device): number =>
  device === 'cuda' ? 1 : Math.min(availableParallelism(), CUDA_IN_FLIGHT);
/** Noise is drawn by stream and frame: the same name in every sweep makes runs with one seed repeat each other. */
const STREAM = 'sweep';

/** Sampling takes so long that the way there and back counts for nothing: one photograph a core, so that each is quick. */
function inFlightOf({ steps }: SweepVariant, { inFlight, device }: SweepSettings): number {
  const suited = steps === 0 ? ONE_PASS_IN_FLIGHT : device === 'cuda' ? CUDA_IN_FLIGHT : availableParallelism();
  return inFlight ?? Math.min(suited, CUDA_IN_FLIGHT);
}

/**
 * Send every combination over the sockets and measure what comes back, until everything is measured or `signal` fires.
 *
 * Decoders come one after the other, each as a new run of the same stream over the same frame numbers, so that all of
 * them are given the very same received samples.
 *
 * @throws the channel's refusal
 */
export async function runSweep(settings: SweepSettings, tools: SweepTools): Promise<void> {
  const encoder = await openEncoder({
    dir: settings.bundle.dir,
    device: settings.device,
    workers: 1,
    maxQueue: ONE_PASS_IN_FLIGHT + CUDA_IN_FLIGHT,
    maxImagePixels: Number.MAX_SAFE_INTEGER,
    onRun: () => {},
    onWarning: (message) => tools.logger.warn(message),
  });
  try {
    const groups = planSweep(settings);
    for (const variant of settings.variants) {
      const measure = variant.asked === IDEAL_DECODER.name ? measureIdeal : measureVariant;
      await measure(
        variant,
        groups.filter((group) => group.variant === variant),
        settings,
        tools,
        encoder,
      );
    }
  } finally {
    await encoder.close();
  }
}

/** All groups of one variant, as few runs of the stream as it takes. */
async function measureVariant(
  variant: SweepVariant,
  groups: readonly SweepGroup[],
  settings: SweepSettings,
  tools: SweepTools,
  encoder: FrameEncoder,
): Promise<void> {
  const { log, signal, realism } = tools;
  let inFlight = inFlightOf(variant, settings);
  let transmitter: TransmitterService | undefined;
  try {
    for (const group of groups) {
      let missing = log.missing(group);
      if (missing.length === 0) {
        continue;
      }
      while (missing.length > 0 && !signal.aborted) {
        transmitter ??= await startTransmitter(settings, tools, { variant, inFlight }, encoder);
        missing = await measureCases(missing, settings, tools, { transmitter, inFlight });
        if (missing.length > 0) {
          // The receiver reckons that so much work at a time takes too long. A number that was dropped is used up:
          // the rest is another run of the stream, which meets the same noise.
          inFlight = Math.max(1, Math.floor(inFlight / 2));
          await transmitter.close();
          transmitter = undefined;
        }
      }
      if (!signal.aborted) {
        log.conclude(group, realism?.conclude(group));
      }
    }
  } finally {
    await transmitter?.close();
  }
}

/** All groups of {@link IDEAL_DECODER}, one photograph after the other. */
async function measureIdeal(
  _variant: SweepVariant,
  groups: readonly SweepGroup[],
  settings: SweepSettings,
  tools: SweepTools,
  encoder: FrameEncoder,
): Promise<void> {
  const { log, signal, realism, onDropped } = tools;
  const { metricBundles, device } = settings;
  const metricPool =
    metricBundles.length === 0 ? undefined : await createMetricPool(metricBundles, { device, workers: 1, maxQueue: 1 });
  try {
    for (const group of groups) {
      for (const sweepCase of log.missing(group)) {
        if (signal.aborted) {
          return;
        }
        const { file, frame } = sweepCase;
        const dropped = { kind: 'dropped', stream: STREAM, frame, name: basename(file) } as const;
        try {
          const outcome = await sendIdeally(sweepCase, settings, { encoder, metricPool, stream: STREAM, signal });
          if (outcome === null) {
            onDropped(sweepCase, { ...dropped, reason: 'channel-loss', detail: '' });
          } else {
            await recordCase(sweepCase, outcome, settings, tools);
          }
        } catch (error) {
          if (!signal.aborted) {
            onDropped(sweepCase, { ...dropped, reason: 'unreadable-image', detail: describeError(error) });
          }
        }
      }
      if (!signal.aborted) {
        log.conclude(group, realism?.conclude(group));
      }
    }
  } finally {
    await metricPool?.close();
  }
}

async function startTransmitter(
  settings: SweepSettings,
  { channelUrl, logger }: SweepTools,
  { variant, inFlight }: { readonly variant: SweepVariant; readonly inFlight: number },
  encoder: FrameEncoder,
): Promise<TransmitterService> {
  const { size, metricBundles, pictures, device } = settings;
  return await createTransmitter(
    {
      to: channelUrl,
      stream: STREAM,
      source: [],
      port: 0,
      size,
      ...waveformOf(settings),
      decoder: variant.asked,
      ...(variant.options === undefined ? {} : { decoderOptions: { ...variant.options } }),
      device,
      metricBundles: [...metricBundles],
      // Networks of metrics run on the processor, whatever the device of the sweep.
      qualityWorkers: measuringThreads('cpu'),
      // Compressing pictures is useless when the files are not kept.
      resultFormat: pictures === undefined ? 'raw' : 'png',
      maxInFlight: inFlight,
      maxImagePixels: Number.MAX_SAFE_INTEGER,
      keepPictures: 0,
      drainMs: 0,
    },
    // The encoder serves the transmitters of all decoders and is closed after the last.
    { logger, encoder: { ...encoder, close: async () => {} } },
  );
}

/**
 * Measure cases, so many at a time, in order: a thousand photographs must not be in memory together.
 *
 * @returns those that the receiver refused for the work that was ahead of them; empty when they were sent one by one
 */
async function measureCases(
  cases: readonly SweepCase[],
  settings: SweepSettings,
  tools: SweepTools,
  { transmitter, inFlight }: { readonly transmitter: TransmitterService; readonly inFlight: number },
): Promise<SweepCase[]> {
  const failed = new AbortController();
  void transmitter.failed.then((error) => failed.abort(error));
  const signal = AbortSignal.any([tools.signal, failed.signal]);
  const refused: SweepCase[] = [];
  const remaining = cases.values();
  const work = async (): Promise<void> => {
    for (const sweepCase of remaining) {
      if (signal.aborted) {
        return;
      }
      const outcome = await transmitter.submit({
        photo: sweepCase.file,
        frame: sweepCase.frame,
        cbr: sweepCase.cbr,
        designCsnrDb: settings.designSnrDb ?? sweepCase.snrDb,
        signal,
      });
      if (outcome.kind === 'completed') {
        await recordCase(sweepCase, outcome, settings, tools);
      } else if (outcome.reason === 'queue-full' && inFlight > 1) {
        refused.push(sweepCase);
      } else if (!signal.aborted) {
        tools.onDropped(sweepCase, outcome);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  failed.signal.throwIfAborted();
  return refused.sort((a, b) => a.place - b.place);
}

async function recordCase(
  sweepCase: SweepCase,
  outcome: CompletedFrame,
  settings: SweepSettings,
  { realism, log, onFrame }: SweepTools,
): Promise<void> {
  const { pictures, namesPictures, channel } = settings;
  await realism?.add(sweepCase, outcome.original, outcome.decoded);
  const path = pictures === undefined ? null : join(pictures, pictureName(sweepCase, channel));
  if (path !== null) {
    await writeFileWhole(path, outcome.received);
  }
  const { file, snrDb, variant } = sweepCase;
  const isSent = variant.asked !== IDEAL_DECODER.name;
  const mayLose = variant.asked === DIGITAL_DECODER || !isSent;
  const output = namesPictures ? path : null;
  const names = { ...bundleOf(variant), decoder: variant.decoder, image: basename(file) };
  const measured = {
    ...outcome,
    ...(mayLose ? { lost: outcome.lost ?? null } : {}),
    ...(isSent ? { encodeMs: outcome.timingsMs.encode } : {}),
  };
  log.add(sweepCase, toRow(measured, { ...names, channel, snrDb, output, ...channelErrorOf(outcome, settings) }));
  onFrame(sweepCase);
}

/** `kodim01-jscc-awgn-10dB-cbr1_24.png`, `kodim01-conditional-8steps-awgn-10dB-cbr1_24.png` */
export function pictureName({ file, variant, snrDb, cbr, draw }: SweepCase, channel: string): string {
  const image = `${basename(file, extname(file))}${draw === 0 ? '' : `-draw${draw}`}`;
  return `${image}-${variantName(variant)}-${channel}-${snrDb}dB-cbr${cbr.replace('/', '_')}.png`;
}
