/** The journey of one frame, from a photograph to the one outcome that it has. */
import { ImageTooLargeError, InferenceError, UnknownRateError, type MetricPool } from '@semcast/bundle';
import { describeError, type RgbImage } from '@semcast/core';
import type { CompressedBlocks, TransportCoder } from '@semcast/digital';
import {
  FrameError,
  type ClientLink,
  type DropReason,
  type FrameHead,
  type ResultMessage,
  type WelcomeHead,
} from '@semcast/wire';
import { abortable } from './abortable.js';
import type { TransmitterConfig } from './config.js';
import type { DesignCsnr } from './design-csnr.js';
import { encodeFrame, type FrameEncoder } from './encode-frame.js';
import { FrameEndedError, PhotoTooLargeError, WriteError } from './errors.js';
import type { FrameJob } from './frame-request.js';
import type { Gate, Release } from './gate.js';
import { modulateFrame, type ModulatedFrame } from './modulate-frame.js';
import { openPreview, type Preview } from './open-preview.js';
import type { CompletedFrame, PreviewedFrame, SentFrame } from './outcome.js';
import type { OutputFolder } from './output-folder.js';
import type { QualityReport } from '@semcast/quality';
import type { QualityPool } from './quality-pool.js';
import { openPhoto, type PhotoInput, type ReadPhotoOptions } from './read-photo.js';
import { recordResult } from './record-result.js';
import type { PendingResults } from './pending-results.js';
import { sendFrame } from './send-frame.js';
import { Stopwatch } from './stopwatch.js';

/** What every frame of a transmitter shares. */
export interface FrameTools {
  readonly config: TransmitterConfig;
  readonly encoder: FrameEncoder;
  readonly coder: TransportCoder;
  readonly blocks: CompressedBlocks;
  readonly design: DesignCsnr;
  readonly link: ClientLink;
  readonly pending: PendingResults;
  readonly quality: QualityPool;
  readonly metricPool: MetricPool | undefined;
  readonly output: OutputFolder | undefined;
  readonly previewOutput: OutputFolder | undefined;
  /** For what goes wrong without ending a frame. */
  readonly onWarning: (message: string) => void;
  /** Whether somebody watches the figures of previews. */
  readonly isWatched: () => boolean;
  readonly onMeasured: (frame: number, report: QualityReport) => void;
  /** As many at a time as the encoder has threads: a photograph isn't read long before it can be encoded. */
  readonly encoding: Gate;
  /** Fires when a closing transmitter waits no longer for results that are being recorded. */
  readonly recording: AbortSignal;
  /** Bounds the pixels of all photographs under way. */
  readonly pixels: Gate;
  /** Bounds the memory that decoding their files takes. */
  readonly decoding: Gate;
}

/** Callbacks for the progress of a frame. */
export interface FrameWatcher {
  /** A stage is over; `preview` and `air` are spans of their own: from reading to the first picture, and the way. */
  onStage(stage: FrameStage | 'preview' | 'air', milliseconds: number): void;
  /** The pixels belong to the frame until it ends: copy those that are to be kept. */
  onSent(sent: SentFrame, original: RgbImage): void;
  onPreview(preview: PreviewedFrame): void;
}

/** The stages of a frame at the transmitter, in order. */
export type FrameStage = 'read' | 'encode' | 'modulate' | 'send' | 'record';

/**
 * Read, encode, modulate and send a photograph, wait for its picture, and measure that.
 *
 * @throws FrameEndedError when it ends without a picture, WriteError
 */
export async function transmitFrame(
  job: FrameJob,
  tools: FrameTools,
  watcher: FrameWatcher,
  signal: AbortSignal,
): Promise<CompletedFrame> {
  const { config, encoder, coder, blocks, design, link, pending, encoding } = tools;
  let stage: FrameStage = 'read';
  let leaveEncoder: Release | undefined;
  let freePixels: Release | undefined;
  try {
    const welcome = link.welcome ?? (await abortable(link.ready, signal));
    leaveEncoder = await encoding.enter(1, signal);

    const watch = new Stopwatch();
    const photo = await readPhoto(job.photo, photoOptions(config, welcome), tools, signal);
    freePixels = photo.freePixels;
    const { original } = photo;
    const readMs = watch.lap();
    watcher.onStage('read', readMs);

    stage = 'encode';
    const terms = { ...job, designCsnrDb: design.next(job.designCsnrDb) };
    const { symbols, designCsnrDb } = await encodeFrame(original, terms, { encoder, coder, blocks, signal });
    leaveEncoder();
    const encodeMs = watch.lap();
    watcher.onStage('encode', encodeMs);

    stage = 'modulate';
    const modulated = modulateFrame(symbols, { ...config, ...job });
    const modulateMs = watch.lap();
    watcher.onStage('modulate', modulateMs);

    stage = 'send';
    const head = frameHead(
      job,
      { ...modulated.head, width: original.width, height: original.height, designCsnrDb },
      tools,
    );
    let creditMs = 0;
    let previewLatencyMs: number | null = null;
    let preview: Preview | undefined;
    const result = await sendFrame(head, modulated.payload, {
      link,
      pending,
      signal,
      onSent: () => {
        creditMs = watch.lap();
        watcher.onStage('send', creditMs);
        watcher.onSent(sentFrame(job, head), original);
      },
      onPreview: (message) => {
        const elapsedMs = watch.total();
        if (previewLatencyMs === null) {
          previewLatencyMs = elapsedMs;
          watcher.onStage('preview', elapsedMs);
        }
        if (message.head.stage === 'preview') {
          // After a lost link it may be decoded again and come a second time, unchanged.
          preview ??= openPreview(message, original, {
            timeoutMs: config.imageTimeoutMs,
            onWarning: tools.onWarning,
            ...(tools.isWatched() ? { measure: (pixels) => void measurePreview(job, pixels, original, tools) } : {}),
          });
        }
        watcher.onPreview(previewedFrame(job, message, elapsedMs));
      },
    });
    const endToEndMs = watch.total();
    const airMs = watch.lap();
    watcher.onStage('air', airMs);
    const { effective, estimated } = result.head.csnrDb;
    design.observe(effective ?? estimated);

    stage = 'record';
    // A result that has come is recorded even if the frame is given up meanwhile, but not for ever.
    const recorded = await abortable(
      recordResult(result, { name: job.name, original, preview }, tools),
      tools.recording,
    );
    watcher.onStage('record', watch.lap());

    return {
      kind: 'completed',
      ...sentFrame(job, head),
      ...recorded,
      endToEndMs,
      previewLatencyMs,
      timingsMs: { read: readMs, encode: encodeMs, modulate: modulateMs, credit: creditMs, air: airMs },
    };
  } catch (error) {
    if (error instanceof WriteError) {
      throw error;
    }
    const ended = stage === 'record' ? tools.recording : signal;
    const end = endOf(stage, ended.aborted ? ended.reason : error, link);
    if (stage === 'send' && end.isFinal && !end.byPeer) {
      link.giveUp(job.frame);
    }
    throw end;
  } finally {
    leaveEncoder?.();
    freePixels?.();
  }
}

/** Read a photograph's pixels when there is room for them. The file's bytes are forgotten on return. */
async function readPhoto(
  photo: PhotoInput,
  options: ReadPhotoOptions,
  { pixels, decoding }: Pick<FrameTools, 'pixels' | 'decoding'>,
  signal: AbortSignal,
): Promise<{ readonly original: RgbImage; readonly freePixels: Release }> {
  const opened = await abortable(openPhoto(photo, options), signal);
  const freePixels = await pixels.enter(opened.width * opened.height, signal);
  try {
    const freeMemory = await decoding.enter(opened.decodeBytes, signal);
    // After giving up, it still occupies memory until libvips is done with it, or its time is over.
    const reading = opened.read().finally(freeMemory);
    return { original: await abortable(reading, signal), freePixels };
  } catch (error) {
    freePixels();
    throw error;
  }
}

const copyOf = (image: RgbImage): RgbImage => ({ ...image, data: image.data.slice() });

/** Never rejects: it is for who watches. The originals and the preview are copied, as they are still needed. */
async function measurePreview(
  { frame }: FrameJob,
  preview: RgbImage,
  original: RgbImage,
  { quality, onMeasured, onWarning }: FrameTools,
): Promise<void> {
  try {
    onMeasured(frame, (await quality.measure(copyOf(original), copyOf(preview))).report);
  } catch (error) {
    onWarning(`the preview of frame ${frame} can't be measured: ${describeError(error)}`);
  }
}

/** A frame ends without a picture: the reason, as a code and as a sentence. */
function endOf(stage: FrameStage, error: unknown, link: ClientLink): FrameEndedError {
  if (error instanceof FrameEndedError) {
    return error;
  }
  const cause = error;
  if (stage !== 'record' && link.state.name === 'closed') {
    // A link that ended for good takes every frame with it; the frame itself was not at fault.
    return new FrameEndedError('gave-up', describeError(error), { isFinal: false, cause });
  }
  const isFinal = !((stage === 'read' || stage === 'encode') && isPassing(error));
  return new FrameEndedError(dropReason(stage, error), describeError(error), { isFinal, cause });
}

/** Errors of a lack of resources on this machine: the photograph is not at fault. */
const PASSING_CODES: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'EIO', 'ESTALE']);

/** Whether the same photograph may be read and encoded the next time: then the journal gets no outcome for it. */
function isPassing(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (
      (cause instanceof InferenceError && cause.workerDied) ||
      PASSING_CODES.has((cause as { code?: unknown }).code)
    ) {
      return true;
    }
  }
  return false;
}

/** The drop reason of a failure in a stage where the error itself has none. */
const STAGE_REASONS = {
  read: 'unreadable-image',
  encode: 'encode-failed',
  modulate: 'encode-failed',
  send: 'invalid-frame',
  record: 'decode-failed',
} as const satisfies Record<FrameStage, DropReason>;

function dropReason(stage: FrameStage, error: unknown): DropReason {
  const tooLarge = error instanceof FrameError && error.code === 'E_FRAME_TOO_LARGE';
  if (tooLarge || error instanceof PhotoTooLargeError || error instanceof ImageTooLargeError) {
    return 'image-too-large';
  }
  if (error instanceof UnknownRateError) {
    return 'unknown-rate';
  }
  return STAGE_REASONS[stage];
}

/** The size of pictures, and the stricter of what this transmitter reads and what the receiver takes. */
function photoOptions(
  { size, maxImagePixels, maxDecodeBytes, maxFileBytes, imageTimeoutMs: timeoutMs }: TransmitterConfig,
  { limits }: WelcomeHead,
): ReadPhotoOptions {
  const most = Math.min(maxImagePixels, limits.maxImagePixels);
  return { size, maxImagePixels: most, maxDecodeBytes, maxFileBytes, timeoutMs };
}

type HeadOfStages = Pick<FrameHead, 'width' | 'height' | 'designCsnrDb'> & ModulatedFrame['head'];

function frameHead(job: FrameJob, stages: HeadOfStages, { config, encoder }: FrameTools): FrameHead {
  return {
    stream: job.stream,
    frame: job.frame,
    ...stages,
    cbr: job.cbr,
    decoder: job.decoder,
    ...(job.decoderOptions === undefined ? {} : { decoderOptions: { ...job.decoderOptions } }),
    ...(config.deadlineMs === undefined ? {} : { deadlineMs: config.deadlineMs }),
    ...(job.supersedes ? { supersedes: true } : {}),
    csi: job.csi,
    bundleDigest: encoder.bundle.digest,
  };
}

function sentFrame(job: FrameJob, head: FrameHead): SentFrame {
  const { stream, frame, width, height, channelUses, samples, cbr, decoder, waveform, designCsnrDb } = head;
  const { decoderOptions, waveformOptions, supersedes } = job;
  return {
    stream,
    frame,
    name: job.name,
    ...(typeof job.photo === 'string' ? { path: job.photo } : {}),
    width,
    height,
    channelUses,
    cbr,
    channelBandwidthRatio: channelUses / (3 * width * height),
    cbrWithOverhead: samples.count / (3 * width * height),
    decoder,
    ...(decoderOptions === undefined ? {} : { decoderOptions }),
    waveform,
    ...(waveformOptions === undefined ? {} : { waveformOptions }),
    supersedes,
    designCsnrDb,
  };
}

function previewedFrame(
  { stream, frame, name, supersedes }: FrameJob,
  { head, payload }: ResultMessage,
  endToEndMs: number,
): PreviewedFrame {
  const { stage, decoder, image, steps, csnrDb, residual } = head;
  return {
    stream,
    frame,
    name,
    stage,
    decoder,
    supersedes,
    ...image,
    bytes: payload,
    steps,
    csnrDb,
    residual,
    endToEndMs,
  };
}
