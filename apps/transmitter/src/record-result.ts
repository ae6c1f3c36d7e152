import type { MetricPool } from '@semcast/bundle';
import type { RgbImage } from '@semcast/core';
import type { ResultMessage } from '@semcast/wire';
import sharp from 'sharp';
import { decodeResult } from './decode-result.js';
import { QualityWorkerError } from './errors.js';
import type { CompletedFrame } from './outcome.js';
import type { QualityPool } from './quality-pool.js';
import { outputName, type OutputFolder } from './output-folder.js';

export interface RecordResultOptions {
  readonly quality: QualityPool;
  /** Distances to measure beside packages/quality's figures. */
  readonly metricPool: MetricPool | undefined;
  /** Where received pictures are written, if anywhere. */
  readonly output: OutputFolder | undefined;
}

/** What a result adds to what is known of a frame. */
export type RecordedResult = Pick<
  CompletedFrame,
  | 'decoder'
  | 'steps'
  | 'reducedSteps'
  | 'psnrDb'
  | 'ssim'
  | 'msSsim'
  | 'metrics'
  | 'residual'
  | 'csnrDb'
  | 'previewMs'
  | 'decodeMs'
  | 'imageBytes'
  | 'imageFormat'
  | 'outputPath'
  | 'original'
  | 'decoded'
  | 'received'
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
  sent: { readonly name: string; readonly original: RgbImage },
  { quality, metricPool, output }: RecordResultOptions,
): Promise<RecordedResult> {
  const received = await decodeResult(head, payload, sent.original);
  const { report, original, decoded } = await quality.measure(sent.original, received);
  if (report.psnrDb === null) {
    throw new QualityWorkerError('the pictures have no PSNR', {
      remedy: 'look at the picture that came back; a fault of semcast is worth a report',
    });
  }
  const metrics: Record<string, number> = {};
  for (const name of metricPool?.distances ?? []) {
    metrics[name] = await metricPool!.distance(name, original, decoded);
  }
  const name = outputName(head.stream, head.frame, sent.name, head.image.format);
  const outputPath = await output?.write(name, head.image.format === 'raw' ? await toPng(decoded) : payload);
  return {
    decoder: head.decoder,
    steps: head.steps,
    reducedSteps: head.reducedSteps ?? false,
    psnrDb: report.psnrDb,
    ssim: report.ssim,
    msSsim: report.msSsim,
    metrics,
    residual: head.residual,
    csnrDb: head.csnrDb,
    previewMs: head.timingsMs.preview,
    decodeMs: head.timingsMs.decode,
    imageBytes: payload.length,
    imageFormat: head.image.format,
    ...(outputPath === undefined ? {} : { outputPath }),
    original,
    decoded,
    received: payload,
  };
}

function toPng({ width, height, data }: RgbImage): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
