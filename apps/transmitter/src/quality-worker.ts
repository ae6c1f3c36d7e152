/** The thread that compares pictures: structural similarity takes 100 ms or more of plain arithmetic a photograph. */
/* oxlint-disable unicorn/require-post-message-target-origin -- a port to a thread, not a window */
import { parentPort } from 'node:worker_threads';
import type { RgbImage } from '@semcast/core';
import { measureQuality, psnr, type QualityReport } from '@semcast/quality';

/** A request to the thread. The pictures are handed over, and come back with the answer. */
export interface QualityJob {
  readonly original: RgbImage;
  readonly decoded: RgbImage;
  /** Its PSNR is wanted, too, and no more. */
  readonly preview?: RgbImage | undefined;
}

/** Its answer. */
export type QualityAnswer =
  | {
      readonly report: QualityReport;
      readonly previewPsnrDb: number | null;
      readonly original: RgbImage;
      readonly decoded: RgbImage;
    }
  | { readonly error: string };

parentPort?.on('message', ({ original, decoded, preview }: QualityJob) => {
  try {
    const answer: QualityAnswer = {
      report: measureQuality(original, decoded),
      previewPsnrDb: preview === undefined ? null : psnr(original, preview),
      original,
      decoded,
    };
    parentPort?.postMessage(answer, [...new Set([buffer(original), buffer(decoded)])]);
  } catch (error) {
    const answer: QualityAnswer = { error: error instanceof Error ? error.message : String(error) };
    parentPort?.postMessage(answer);
  }
});

function buffer({ data }: RgbImage): ArrayBuffer {
  // Data that came through postMessage is never shared memory: the other side sends plain arrays.
  return data.buffer as ArrayBuffer;
}
