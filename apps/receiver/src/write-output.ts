import path from 'node:path';
import { describeError } from '@semcast/core';
import { prepareFolder, writeWhole } from '@semcast/service';
import type { ResultFormat } from '@semcast/wire';
import type { EncodedImage } from './encode-result.js';
import { OutputDirError } from './errors.js';

const EXTENSIONS: Readonly<Record<ResultFormat, string>> = { png: 'png', webp: 'webp', raw: 'ppm' };

/** A folder that decoded pictures are written to. */
export interface OutputFolder {
  /**
   * Write a picture to `<stream>-<frame>.<extension>`: whole or not at all, over an earlier one of that name. One at a
   * time, so that a slow disk has one of the threads that also encode pictures; one that isn't wanted any more when its
   * turn comes isn't written.
   *
   * @throws the error of the file system; the signal's reason when it has fired before the turn came
   */
  write(stream: string, frame: number, image: EncodedImage, signal: AbortSignal): Promise<void>;
}

/** Pixels without a header are no file that anybody opens; with the header of a PPM they are. */
function headerOf({ format, width, height }: EncodedImage): string {
  return format === 'raw' ? `P6\n${width} ${height}\n255\n` : '';
}

/**
 * Prepare a folder for decoded pictures.
 *
 * @throws OutputDirError when it can't be made or written to
 */
export async function createOutputFolder(dir: string): Promise<OutputFolder> {
  const root = path.resolve(dir);
  await prepareFolder(root).catch((cause: unknown) => {
    throw new OutputDirError(`"${root}" can't be written to: ${describeError(cause)}`, { cause });
  });
  let earlier: Promise<void> = Promise.resolve();
  return {
    write: async (stream, frame, image, signal) => {
      const writeNow = async (): Promise<void> => {
        signal.throwIfAborted();
        const file = path.join(root, `${stream}-${frame}.${EXTENSIONS[image.format]}`);
        await writeWhole(file, [headerOf(image), image.bytes]);
      };
      const written = earlier.then(writeNow);
      earlier = written.catch(() => {});
      await written;
    },
  };
}
