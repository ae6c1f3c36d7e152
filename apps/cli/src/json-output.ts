import { access, constants, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { redactUrls } from '@semcast/core';
import { OutputError } from './errors.js';
import type { CliIo } from './io.js';

/** What `--json` calls standard output. */
export const STANDARD_OUTPUT = '-';

/**
 * Make sure, before hours of measuring, that the report can be written where it is wanted.
 *
 * @throws OutputError
 */
export async function checkWritable(target: string): Promise<void> {
  if (target === STANDARD_OUTPUT) {
    return;
  }
  const dir = dirname(resolve(target));
  try {
    await mkdir(dir, { recursive: true });
    await access(dir, constants.W_OK);
  } catch (error) {
    throw cannotWrite(target, error);
  }
}

function cannotWrite(target: string, cause: unknown): OutputError {
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

/** Write under another name first, then rename: nobody ever reads half a file. @throws OutputError */
export async function writeFileWhole(target: string, content: string | Uint8Array): Promise<void> {
  const file = resolve(target);
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(temporary, content);
    await rename(temporary, file);
  } catch (error) {
    throw cannotWrite(target, error);
  }
}
