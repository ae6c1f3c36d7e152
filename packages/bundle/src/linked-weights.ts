import { constants } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describeError } from '@semcast/core';

/** ONNX Runtime's ways to say that a graph's weight file is a link, or has another name elsewhere. */
const REFUSAL = /symbolic link|hard links|escapes model directory/i;

/** Whether a message says that weights can't be loaded because they are links. */
export function tellsOfLinks(message: string): boolean {
  return REFUSAL.test(message);
}

/**
 * Use a graph whose weight files are links, as in model caches, package stores and mounted configuration: it
 * and they are copied into a folder of their own, which is removed afterwards. Only files that lie beside the graph are
 * copied, so a graph can't reach others by it.
 *
 * @throws Error that {@link tellsOfLinks} recognises, when there is no room for copies
 */
export async function withoutLinks<T>(file: string, use: (copy: string) => Promise<T>): Promise<T> {
  const from = dirname(file);
  let to: string | undefined;
  try {
    try {
      to = await mkdtemp(join(tmpdir(), 'semcast-weights-'));
      const graph = await readFile(file);
      const named = (await readdir(from)).filter((name) => graph.includes(name));
      for (const name of new Set([basename(file), ...named])) {
        await copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE);
      }
    } catch (error) {
      throw new Error(
        `its weights are symbolic or hard links, which ONNX Runtime refuses, and they can't be copied into ` +
          `${tmpdir()}: ${describeError(error)}`,
        { cause: error },
      );
    }
    return await use(join(to, basename(file)));
  } finally {
    if (to !== undefined) {
      await rm(to, { recursive: true, force: true });
    }
  }
}
