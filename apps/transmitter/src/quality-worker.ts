/** The thread that compares pictures: structural similarity takes 100 ms or more of plain arithmetic a photograph. */
import type { RgbImage } from '@semcast/core';
import { measureQuality, psnr, type QualityReport } from '@semcast/quality';
import { move, transferableSymbol, valueSymbol } from 'piscina';

/** A request to the thread. The pictures are handed over, and come back with the answer. */
export interface QualityJob {
  readonly original: RgbImage;
  readonly decoded: RgbImage;
  /** Its PSNR is wanted, too, and no more. */
  readonly preview: RgbImage | undefined;
}

/** Its answer. */
export type QualityAnswer =
  | {
      readonly report: QualityReport;
      /** Null without a preview. */
      readonly previewPsnrDb: number | null;
      readonly original: RgbImage;
      readonly decoded: RgbImage;
    }
  | { readonly error: string };

export default function compare({ original, decoded, preview }: QualityJob): unknown {
  try {
    const answer: QualityAnswer = {
      report: measureQuality(original, decoded),
      previewPsnrDb: preview === undefined ? null : psnr(original, preview),
      original,
      decoded,
    };
    const buffers = [...new Set([original.data.buffer, decoded.data.buffer])];
    return move({ [transferableSymbol]: buffers, [valueSymbol]: answer });
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) } satisfies QualityAnswer;
  }
}
