import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SourceError } from './errors.js';

/** The demonstration photographs that come with the transmitter. */
export const DEMO_PHOTOS = fileURLToPath(new URL('../photos', import.meta.url));

/** What is taken from a folder; a file that is named itself may be called anything. */
const IMAGE_EXTENSIONS = new Set(['.avif', '.gif', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp']);

/** The photographs that a stream sends, in order: frame n is photograph n modulo their number. */
export interface PhotoSource {
  /** Paths, in the order of sending. */
  readonly files: readonly string[];
  /** SHA-256 of the names in their order: another one means that frame numbers mean other photographs. */
  readonly fingerprint: string;
}

/**
 * List the photographs of files and folders: files as named, folders by their images in order of name.
 *
 * @throws SourceError (E_SOURCE) when a path doesn't exist or a folder holds no image
 */
export async function listPhotos(paths: readonly string[]): Promise<PhotoSource> {
  const files: string[] = [];
  for (const path of paths) {
    const info = await stat(path).catch((cause: unknown) => {
      throw new SourceError(`there is nothing at ${path} to stream from`, {
        remedy: 'check the path in `source`',
        cause,
      });
    });
    if (!info.isDirectory()) {
      files.push(path);
      continue;
    }
    const names = (await readdir(path)).filter((name) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase()));
    if (names.length === 0) {
      throw new SourceError(`the folder ${path} holds no photograph`, {
        remedy: `put image files there (${[...IMAGE_EXTENSIONS].join(', ')})`,
      });
    }
    // By code unit, not by locale: frame numbers must mean the same photographs on every machine.
    files.push(...names.sort().map((name) => join(path, name)));
  }
  const fingerprint = createHash('sha256')
    .update(files.map((file) => basename(file)).join('\0'))
    .digest('hex');
  return { files, fingerprint };
}
