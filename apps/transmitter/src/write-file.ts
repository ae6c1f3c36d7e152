import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeWhole } from '@semcast/service';
import { WriteError } from './errors.js';

/**
 * Write a file, and the folder where there is none, so that it is on the disk whole or not at all.
 *
 * @throws WriteError (E_WRITE)
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array | string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, bytes, { sync: true });
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

export function cannotWrite(path: string, cause: unknown): WriteError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new WriteError(`${path} can't be written: ${message}`, {
    remedy: 'check that the folder exists, may be written by this user, and has room',
    cause,
  });
}
