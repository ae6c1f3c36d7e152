import type { MetricPool } from '@semcast/bundle';
import { describeError, type RgbImage } from '@semcast/core';
import type { ResultMessage } from '@semcast/wire';
import sharp from 'sharp';
import type { TransmitterConfig } from './config.js';
import { decodeResult } from './decode-result.js';
import type { Preview } from './open-preview.js';
import type { CompletedFrame, SentFrame } from './outcome.js';
import type { QualityPool } from './quality-pool.js';
import { outputName, type OutputFolder } from './output-folder.js';

export interface RecordResultOptions {
  readonly config: Pick<TransmitterConfig, 'imageTimeoutMs'>;
  readonly quality: QualityPool;
  /** Distances to measure beside packages/quality's figures. */
  readonly metricPool: MetricPool | undefined;
  /** Where received pictures are written, if anywhere. */
  readonly output: OutputFolder | undefined;
  /** Where their previews are written, if anywhere. */
  readonly previewOutput: OutputFolder | undefined;
  readonly onWarning: (message: string) => void;
}

/** What is known of a frame when its result comes. */
export interface SentPicture {
  readonly name: string;
  readonly original: RgbImage;
  readonly preview: Preview | undefined;
}

/** What a result adds to what is known of a frame. */
export type RecordedResult = Omit<
  CompletedFrame,
  'kind' | Exclude<keyof SentFrame, 'decoder'> | 'endToEndMs' | 'previewLatencyMs' | 'timingsMs'
>;

/**
 * Decode a final result, measure it against the original, and write it to the output folder.
 *
 * The original's pixels are handed over; the same pixels are in what is returned.
 *
 * @throws ResultUnreadableError, QualityWorkerError, InferenceError (a metric bundle), WriteError
 */
export async function recordResult(
  { head, payload }: ResultMessage,
  sent: SentPicture,
  options: RecordResultOptions,
): Promise<RecordedResult> {
  const { config, quality, metricPool, output } = options;
  const [received, previewed] = await Promise.all([
    decodeResult(head, payload, sent.original, config.imageTimeoutMs),
    // Begun when the preview came; usually done long ago, because sampling takes longer than decoding a picture.
    sent.preview?.pixels,
  ]);
  const { report, previewPsnrDb, original, decoded } = await quality.measure(sent.original, received, previewed);
  const metrics: Record<string, number> = {};
  for (const name of metricPool?.distances ?? []) {
    metrics[name] = await metricPool!.distance(name, original, decoded);
  }
  const name = outputName(head.stream, head.frame, sent.name, head.image.format);
  const outputPath = await output?.write(name, head.image.format === 'raw' ? await toPng(decoded) : payload);
  const previewPath = sent.preview === undefined ? undefined : await writePreview(sent.name, sent.preview, options);
  return {
    decoder: head.decoder,
    steps: head.steps,
    evaluations: head.evaluations ?? null,
    reducedSteps: head.reducedSteps ?? false,
    ...(head.lost === undefined ? {} : { lost: head.lost }),
    ...report,
    previewPsnrDb,
    metrics,
    residual: head.residual,
    ...(head.estimate === undefined ? {} : { estimate: head.estimate }),
    csnrDb: head.csnrDb,
    previewMs: head.timingsMs.preview,
    decodeMs: head.timingsMs.decode,
    samplingMs: head.timingsMs.sampling ?? null,
    imageBytes: payload.length,
    imageFormat: head.image.format,
    ...(outputPath === undefined ? {} : { outputPath }),
    ...(previewPath === undefined ? {} : { previewPath }),
    original,
    decoded,
    received: payload,
  };
}

/** Never rejects: a final picture isn't lost because its preview is missing. */
async function writePreview(
  name: string,
  { message: { head, payload } }: Preview,
  { previewOutput, onWarning }: RecordResultOptions,
): Promise<string | undefined> {
  const { width, height, format } = head.image;
  try {
    const file = outputName(head.stream, head.frame, name, format, 'preview');
    return await previewOutput?.write(file, format === 'raw' ? await toPng({ width, height, data: payload }) : payload);
  } catch (error) {
    onWarning(`the preview of frame ${head.frame} can't be written: ${describeError(error)}`);
    return undefined;
  }
}

function toPng({ width, height, data }: RgbImage): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
