import { access, constants, mkdir, mkdtemp, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { redactUrls } from '@semcast/core';
import { prepareFolder, writeWhole } from '@semcast/service';
import { OutputError } from './errors.js';
import type { CliIo } from './io.js';

/** The name of standard output for `--json`. */
export const STANDARD_OUTPUT = '-';

/**
 * Make sure, before hours of measuring, that a report can be written where it is wanted.
 *
 * @throws OutputError
 */
export async function checkWritable(target: string): Promise<void> {
  if (target === STANDARD_OUTPUT) {
    return;
  }
  const file = resolve(target);
  try {
    if (await isSpecial(file)) {
      await access(file, constants.W_OK);
    } else {
      await checkFolder(dirname(file));
    }
  } catch (error) {
    throw error instanceof OutputError ? error : cannotWrite(target, error);
  }
}

/**
 * Make a folder that pictures will be written to, and see that they can be.
 *
 * @throws OutputError
 */
export async function checkFolder(folder: string): Promise<void> {
  await prepareFolder(folder).catch((error: unknown) => {
    throw cannotWrite(folder, error);
  });
}

/**
 * A new folder for what is needed while a command runs.
 *
 * @throws OutputError
 */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), prefix));
  } catch (cause) {
    throw new OutputError(`no temporary folder can be made in ${tmpdir()}: ${(cause as Error).message}`, {
      remedy: 'name a folder that exists and where you may write: TMPDIR=/var/tmp',
      cause,
    });
  }
}

/** Whether there is a device or a pipe in place of a file: it is written to, and nothing takes its place. */
async function isSpecial(file: string): Promise<boolean> {
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  });
  if (info?.isDirectory() === true) {
    throw new OutputError(`${file} can't be written: it is a folder`, { remedy: 'name a file' });
  }
  return info !== undefined && !info.isFile();
}

/** The error for a file or a stream that can't be written. */
export function cannotWrite(target: string, cause: unknown): OutputError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new OutputError(`${target} can't be written: ${code ?? message}`, {
    remedy: 'choose a place where you may write, with room left on the disk',
    cause,
  });
}

/**
 * Write a report: to standard output (`-`), or to a file, whole or not at all.
 *
 * @throws OutputError
 */
export async function writeJson(target: string, report: unknown, io: Pick<CliIo, 'stdout'>): Promise<void> {
  // It has the command line and the addresses in it, and is passed on to others.
  const text = redactUrls(`${JSON.stringify(report, null, 2)}\n`);
  if (target === STANDARD_OUTPUT) {
    io.stdout.write(text);
    return;
  }
  await writeFileWhole(target, text);
}

/** Write a file whole, or not at all: nobody ever reads half of one. @throws OutputError */
export async function writeFileWhole(target: string, content: string | Uint8Array): Promise<void> {
  const file = resolve(target);
  try {
    if (await isSpecial(file)) {
      await writeFile(file, content);
      return;
    }
    await mkdir(dirname(file), { recursive: true });
    await writeWhole(file, content);
  } catch (error) {
    throw error instanceof OutputError ? error : cannotWrite(target, error);
  }
}
