import { mkdir, open, rename, unlink, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { WriteError } from './errors.js';

/**
 * Write a file so that, whatever happens, it is there whole or not at all: beside it first, on the disk, then renamed.
 *
 * @throws WriteError (E_WRITE)
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array | string): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(unfinished, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await unlink(unfinished).catch(() => undefined);
    throw cannotWrite(path, cause);
  }
}

/**
 * Make a folder, and see that files can be written there before anything depends on it.
 *
 * @throws WriteError (E_WRITE)
 */
export async function prepareFolder(folder: string): Promise<void> {
  const probe = join(folder, `.semcast-${process.pid}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, 'x');
    await unlink(probe);
  } catch (cause) {
    throw cannotWrite(folder, cause);
  }
}

/** A rename is on the disk only when its folder is. */
export async function syncFolder(folder: string): Promise<void> {
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

export function cannotWrite(path: string, cause: unknown): WriteError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new WriteError(`${path} can't be written: ${message}`, {
    remedy: 'check that the folder exists, may be written by this user, and has room',
    cause,
  });
}
