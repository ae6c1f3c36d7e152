import { basename, extname, join } from 'node:path';
import type { Bundle, Device } from '@semcast/bundle';
import type { ChannelModelName } from '@semcast/channel-models';
import {
  createTransmitter,
  openEncoder,
  type CompletedFrame,
  type DecoderOptions,
  type DroppedFrame,
  type FrameEncoder,
  type TransmitterService,
} from '@semcast/transmitter';
import type { Logger } from '@semcast/service';
import { writeFileWhole } from '../json-output.js';
import { planSweep, type SweepCase, type SweepGrid, type SweepGroup } from './plan.js';
import type { Realism } from './realism.js';
import { SWEEP_SCHEMA, summarise, toRow, type SweepReport, type SweepRow, type SweepSummary } from './report.js';

export interface SweepSettings extends SweepGrid {
  readonly bundle: Bundle;
  readonly device: Device;
  readonly channel: ChannelModelName;
  readonly size: number;
  /** Options of each decoder that takes any. */
  readonly decoderOptions: ReadonlyMap<string, DecoderOptions>;
  /** Folders with a `metric.onnx`. */
  readonly metricBundles: readonly string[];
  /** Folder for received pictures. */
  readonly out: string | undefined;
}

export interface SweepTools {
  /** Where the channel listens. */
  readonly channelUrl: string;
  readonly realism: Realism | undefined;
  readonly logger: Logger;
  /** Ends the sweep early. */
  readonly signal: AbortSignal;
  readonly onFrame: (sweepCase: SweepCase) => void;
  readonly onDropped: (sweepCase: SweepCase, dropped: DroppedFrame) => void;
}

/** Frames between reading and outcome: enough for every core of the receiver and for the way there. */
const FRAMES_IN_FLIGHT = 6;
/** Noise is drawn by stream and frame: the same name in every sweep makes runs with one seed repeat each other. */
const STREAM = 'sweep';

/**
 * Send every combination over the sockets and measure what comes back.
 *
 * Decoders come one after the other, each as a new run of the same stream over the same frame numbers, so that all of
 * them are given the very same received samples.
 *
 * @returns the report of what was measured: everything, or, once `signal` fired, what there was until then
 * @throws the channel's refusal
 */
export async function runSweep(settings: SweepSettings, tools: SweepTools): Promise<SweepReport> {
  const rows: SweepRow[] = [];
  const summary: SweepSummary[] = [];
  const encoder = await openEncoder({
    dir: settings.bundle.dir,
    device: settings.device,
    workers: 1,
    maxQueue: FRAMES_IN_FLIGHT,
    maxImagePixels: Number.MAX_SAFE_INTEGER,
    onRun: () => {},
    onWarning: (message) => tools.logger.warn(message),
  });
  try {
    const groups = planSweep(settings);
    for (const decoder of settings.decoders) {
      const transmitter = await startTransmitter(settings, tools, decoder, encoder);
      const failed = new AbortController();
      void transmitter.failed.then((error) => failed.abort(error));
      const signal = AbortSignal.any([tools.signal, failed.signal]);
      try {
        for (const group of groups.filter((other) => other.decoder === decoder)) {
          if (tools.signal.aborted) {
            break;
          }
          const measured = await measureGroup(group, settings, { ...tools, signal }, transmitter);
          failed.signal.throwIfAborted();
          rows.push(...measured.rows);
          summary.push(measured.summary);
        }
      } finally {
        await transmitter.close();
      }
    }
  } finally {
    await encoder.close();
  }
  const { name, version } = settings.bundle.manifest;
  return {
    schema: SWEEP_SCHEMA,
    bundle: { name, version, digest: settings.bundle.digest },
    device: settings.device,
    rows,
    summary,
  };
}

async function startTransmitter(
  { size, metricBundles, out, device }: SweepSettings,
  { channelUrl, logger }: SweepTools,
  decoder: string,
  encoder: FrameEncoder,
): Promise<TransmitterService> {
  return await createTransmitter(
    {
      to: channelUrl,
      stream: STREAM,
      source: [],
      port: 0,
      size,
      decoder,
      device,
      metricBundles: [...metricBundles],
      // Packing pictures and unpacking them again is work for nothing when nobody keeps the files.
      resultFormat: out === undefined ? 'raw' : 'png',
      maxInFlight: FRAMES_IN_FLIGHT,
      maxImagePixels: Number.MAX_SAFE_INTEGER,
      drainMs: 0,
    },
    // The encoder serves the transmitters of all decoders and is closed after the last.
    { logger, encoder: { ...encoder, close: async () => {} } },
  );
}

async function measureGroup(
  group: SweepGroup,
  settings: SweepSettings,
  tools: SweepTools,
  transmitter: TransmitterService,
): Promise<{ readonly rows: SweepRow[]; readonly summary: SweepSummary }> {
  const measured: (SweepRow | undefined)[] = [];
  const remaining = group.cases.entries();
  // So many at a time, in order: a thousand photographs must not be in memory together.
  const work = async (): Promise<void> => {
    for (const [index, sweepCase] of remaining) {
      measured[index] = await measureCase(sweepCase, index, settings, tools, transmitter);
    }
  };
  await Promise.all(Array.from({ length: FRAMES_IN_FLIGHT }, work));
  const rows = measured.filter((row) => row !== undefined);
  return { rows, summary: summarise({ ...group, channel: settings.channel }, rows, tools.realism?.conclude()) };
}

async function measureCase(
  sweepCase: SweepCase,
  index: number,
  settings: SweepSettings,
  tools: SweepTools,
  transmitter: TransmitterService,
): Promise<SweepRow | undefined> {
  if (tools.signal.aborted) {
    return undefined;
  }
  const decoderOptions = settings.decoderOptions.get(sweepCase.decoder);
  const outcome = await transmitter.submit({
    photo: sweepCase.file,
    frame: sweepCase.frame,
    cbr: sweepCase.cbr,
    designCsnrDb: sweepCase.snrDb,
    ...(decoderOptions === undefined ? {} : { decoderOptions }),
    signal: tools.signal,
  });
  if (outcome.kind === 'dropped') {
    if (!tools.signal.aborted) {
      tools.onDropped(sweepCase, outcome);
    }
    return undefined;
  }
  await tools.realism?.add(index, outcome.original, outcome.decoded);
  const output = settings.out === undefined ? null : await writePicture(settings.out, sweepCase, settings, outcome);
  tools.onFrame(sweepCase);
  return toRow(outcome, { image: basename(sweepCase.file), channel: settings.channel, snrDb: sweepCase.snrDb, output });
}

/** `kodim01-jscc-awgn-10dB-cbr1_24.png` */
export function pictureName({ file, decoder, snrDb, cbr }: SweepCase, channel: string): string {
  const image = basename(file, extname(file));
  return `${image}-${decoder}-${channel}-${snrDb}dB-cbr${cbr.replace('/', '_')}.png`;
}

async function writePicture(
  out: string,
  sweepCase: SweepCase,
  { channel }: SweepSettings,
  { received }: CompletedFrame,
): Promise<string> {
  const path = join(out, pictureName(sweepCase, channel));
  await writeFileWhole(path, received);
  return path;
}
