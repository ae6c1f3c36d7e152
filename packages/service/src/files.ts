import { mkdir, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Write a file so that, whatever happens, it is there whole or not at all: beside it first, under a hidden name that
 * nobody takes for it, then renamed.
 *
 * @param content a text, bytes, or several of them one after the other
 * @param options.sync whether it is on the disk when this resolves, so that it outlasts a loss of power
 * @throws the error of the file system
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array | readonly (string | Uint8Array)[],
  { sync = false }: { readonly sync?: boolean } = {},
): Promise<void> {
  const unfinished = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const file = await open(unfinished, 'w');
    try {
      await writeFile(file, content);
      if (sync) {
        await file.sync();
      }
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  if (sync) {
    await syncFolder(dirname(path));
  }
}

/** A rename is on the disk only when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } catch {
    // Some file systems and platforms don't sync folders; the rename itself has happened.
  } finally {
    await handle?.close();
  }
}

/**
 * Make a folder, and see that files can be written there, before anything depends on it.
 *
 * @throws the error of the file system
 */
export async function prepareFolder(folder: string): Promise<void> {
  const probe = join(folder, `.semcast-${process.pid}.tmp`);
  await mkdir(folder, { recursive: true });
  await writeFile(probe, 'x');
  await rm(probe);
}
