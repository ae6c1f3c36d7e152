import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

/** SHA-256 of a file, in hex. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  // Chunks small enough that hashing a hundred megabytes doesn't hold up the event loop.
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

/** What is said of a file whose hash is another. */
export function otherFile(path: string, actual: string, wanted: string): string {
  return `${path} isn't the file that the bundle was made with: its SHA-256 is ${actual}, bundle.json says ${wanted}`;
}

/**
 * Of a graph's file and the weights that it names, the first that isn't what it was when the bundle was checked.
 *
 * @param hashes SHA-256 by absolute path; a file without one isn't checked
 * @returns what is wrong with it; undefined where nothing is
 */
export async function findChanged(file: string, hashes: ReadonlyMap<string, string>): Promise<string | undefined> {
  if (!hashes.has(file)) {
    return undefined;
  }
  const graph = await readFile(file);
  for (const [path, wanted] of hashes) {
    if (path === file || graph.includes(basename(path))) {
      const actual = await sha256OfFile(path);
      if (actual !== wanted) {
        return otherFile(path, actual, wanted);
      }
    }
  }
  return undefined;
}
