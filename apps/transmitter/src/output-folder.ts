import { unlink } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { ResultFormat } from '@semcast/wire';
import { writeFileAtomic } from './write-file.js';

/** The folder for received pictures; a stream that runs for days needn't fill the disk. */
export class OutputFolder {
  readonly #folder: string;
  readonly #keep: number;
  readonly #written: string[] = [];

  /** @param keep how many pictures stay, the newest that this process wrote; 0 for all */
  constructor(folder: string, keep: number) {
    this.#folder = folder;
    this.#keep = keep;
  }

  /**
   * Write a picture, whole or not at all, and resolve to its path.
   *
   * @throws WriteError (E_WRITE)
   */
  async write(name: string, bytes: Uint8Array): Promise<string> {
    const path = join(this.#folder, name);
    await writeFileAtomic(path, bytes);
    if (this.#keep > 0) {
      this.#written.push(path);
      for (const old of this.#written.splice(0, this.#written.length - this.#keep)) {
        // Somebody may have moved it away.
        await unlink(old).catch(() => undefined);
      }
    }
    return path;
  }
}

/**
 * `tx-1a2b-000007-creek.png`: sorts by frame, unique by stream and frame, safe on any file system. With a suffix:
 * `tx-1a2b-000007-creek-preview.png`.
 */
export function outputName(
  stream: string,
  frame: number,
  name: string,
  format: ResultFormat,
  suffix?: 'preview',
): string {
  const stem = basename(name, extname(name))
    .replaceAll(/[^A-Za-z0-9._-]+/g, '_')
    .slice(0, 100);
  const ending = `${suffix === undefined ? '' : `-${suffix}`}.${format === 'raw' ? 'png' : format}`;
  return `${stream}-${String(frame).padStart(6, '0')}-${stem}${ending}`;
}
