import { constants, mkdir, open, readdir, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

type Content = string | Uint8Array | readonly (string | Uint8Array)[];

/** A file that is written piece by piece, and has its name only when it is whole. */
export interface GrowingFile {
  /** Append a piece. Of one that can't be written whole nothing stays. @throws the error of the file system */
  append(content: Content): Promise<void>;
  /** Give the file its name. @throws the error of the file system; then nothing is left of it */
  finish(options?: { readonly sync?: boolean }): Promise<void>;
  /** Remove what was written. Never rejects. */
  discard(): Promise<void>;
}

const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND;

/**
 * Begin a file that, whatever happens, is there whole or not at all: beside it first, under a hidden name that nobody
 * takes for it, then renamed. What a killed process had begun stays under the hidden name ({@link unfinishedIn}).
 *
 * @throws the error of the file system
 */
export async function growWhole(path: string): Promise<GrowingFile> {
  const unfinished = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const file = await open(unfinished, APPEND);
  const discard = async (): Promise<void> => {
    await file.close().catch(() => undefined);
    await rm(unfinished, { force: true }).catch(() => undefined);
  };
  return {
    append: async (content) => {
      const { size } = await file.stat();
      try {
        await writeFile(file, content);
      } catch (error) {
        await file.truncate(size).catch(() => undefined);
        throw error;
      }
    },
    finish: async ({ sync = false } = {}) => {
      try {
        if (sync) {
          await file.sync();
        }
        await file.close();
        await rename(unfinished, path);
      } catch (error) {
        await discard();
        throw error;
      }
      if (sync) {
        await syncFolder(dirname(path));
      }
    },
    discard,
  };
}

/** A file that a process had begun, and didn't live to finish. */
export interface UnfinishedFile {
  /** Where it is. */
  readonly unfinished: string;
  /** Where it would have been. */
  readonly path: string;
}

/**
 * What processes of this machine that have ended had begun in a folder with {@link growWhole}. A number of a process that
 * is this one's was another's before: of a folder in which this process has begun nothing yet.
 *
 * @throws the error of the file system
 */
export async function unfinishedIn(folder: string): Promise<readonly UnfinishedFile[]> {
  return (await readdir(folder)).toSorted().flatMap((file) => {
    const [, name, pid] = /^\.(.+)\.(\d+)\.tmp$/.exec(file) ?? [];
    const ended = name !== undefined && (Number(pid) === process.pid || !isRunning(Number(pid)));
    return ended ? [{ unfinished: join(folder, file), path: join(folder, name) }] : [];
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Others' processes may not be signalled, but are there.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Write a file so that, whatever happens, it is there whole or not at all ({@link growWhole}).
 *
 * @param content a text, bytes, or several of them one after the other
 * @param options.sync whether it is on the disk when this resolves, so that it outlasts a loss of power
 * @throws the error of the file system
 */
export async function writeWhole(
  path: string,
  content: Content,
  options: { readonly sync?: boolean } = {},
): Promise<void> {
  const file = await growWhole(path);
  try {
    await file.append(content);
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.finish(options);
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
