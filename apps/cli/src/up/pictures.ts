import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join, parse } from 'node:path';
import { readPhoto, type CompletedSummary } from '@semcast/transmitter';
import { writeFileWhole } from '../json-output.js';
import { readPicture } from '../pictures/read-picture.js';
import { sideBySide } from '../pictures/side-by-side.js';

export interface PictureFolderOptions {
  readonly dir: string;
  /** The photographs that are sent, as the transmitter numbers them. */
  readonly files: readonly string[];
  readonly size: number;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Keeps the newest received picture of each photograph and its preview where there is one, and a comparison of each frame
 * with its original, the newest {@link KEPT_COMPARISONS} of them, however long the demo runs.
 */
export interface PictureFolder {
  /** `DIR/compare` */
  readonly compareDir: string;
  /** Take the received picture of a frame into the folder. */
  keep(outcome: CompletedSummary): void;
  /** Resolves when everything taken so far is written. */
  settled(): Promise<void>;
}

/** Comparisons kept; some 200 KiB each at 256×256. */
const KEPT_COMPARISONS = 500;
/** Comparisons that may wait to be drawn; under more load the oldest is skipped, newer ones follow anyway. */
const MAX_WAITING = 16;

export async function openPictureFolder({ dir, files, size, onFailure }: PictureFolderOptions): Promise<PictureFolder> {
  const receivedDir = join(dir, 'received');
  const previewDir = join(dir, 'preview');
  const compareDir = join(dir, 'compare');
  await mkdir(receivedDir, { recursive: true });
  await mkdir(compareDir, { recursive: true });
  const stems = files.map((file) => parse(file).name);
  const waiting: CompletedSummary[] = [];
  const comparisons: string[] = [];
  let drawing: Promise<void> | null = null;

  const keepOne = async (outcome: CompletedSummary): Promise<void> => {
    const index = files.findIndex((each) => basename(each) === outcome.name);
    const file = files[index];
    // One that was handed in is no file here.
    if (outcome.outputPath === undefined || file === undefined) {
      return;
    }
    const stem = stems[index]!;
    // Two photographs of one name (a.jpg and a.png) keep their endings.
    const name = stems.indexOf(stem) === stems.lastIndexOf(stem) ? stem : basename(file);
    const received = join(receivedDir, `${name}.png`);
    await rename(outcome.outputPath, received);
    const arrived = [received];
    if (outcome.previewPath !== undefined) {
      const preview = join(previewDir, `${name}.png`);
      await mkdir(previewDir, { recursive: true });
      await rename(outcome.previewPath, preview);
      arrived.unshift(preview);
    }
    const original = await readPhoto(file, { size, maxImagePixels: Number.MAX_SAFE_INTEGER });
    const pictures = [original, ...(await Promise.all(arrived.map(readPicture)))];
    const compared = join(compareDir, `${String(outcome.frame).padStart(6, '0')}-${name}.png`);
    await writeFileWhole(compared, await sideBySide(pictures));
    comparisons.push(compared);
    if (comparisons.length > KEPT_COMPARISONS) {
      await rm(comparisons.shift()!, { force: true });
    }
  };

  const draw = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await keepOne(next).catch(onFailure);
    }
    drawing = null;
  };

  return {
    compareDir,
    keep: (outcome) => {
      waiting.push(outcome);
      if (waiting.length > MAX_WAITING) {
        waiting.shift();
      }
      drawing ??= draw();
    },
    settled: async () => {
      await drawing;
    },
  };
}
