import { SemcastError } from '@semcast/core';
import { listPhotos } from '@semcast/transmitter';
import { UsageError } from './errors.js';
import { counted } from './terminal/progress.js';

/**
 * The photographs of files and folders, in the order in which they are sent.
 *
 * @throws UsageError when a path doesn't exist or a folder holds none: nothing has been run then
 */
export async function findPhotographs(paths: readonly string[]): Promise<readonly string[]> {
  try {
    return (await listPhotos(paths)).files;
  } catch (error) {
    if (error instanceof SemcastError) {
      throw new UsageError(error.message, { remedy: error.remedy, cause: error });
    }
    throw error;
  }
}

/** `9 photographs at 256×256`. */
export function photographsText(count: number, size = 0): string {
  return `${counted(count, 'photograph')}${size === 0 ? '' : ` at ${size}×${size}`}`;
}
