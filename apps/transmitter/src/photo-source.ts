import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SourceError } from './errors.js';
import { isMisread, RENAME } from './misread-name.js';

/** The demonstration photographs that come with the transmitter. */
export const DEMO_PHOTOS = fileURLToPath(new URL('../photos', import.meta.url));

/** Names of files that are taken from a folder; a file that is named explicitly may have any name. */
const IMAGE_EXTENSIONS = new Set(['.avif', '.gif', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp']);

/** The photographs that a stream sends, in order: frame n is photograph n modulo their number. */
export interface PhotoSource {
  /** Paths, in the order of sending. */
  readonly files: readonly string[];
  /** SHA-256 of the names in their order: another one means that frame numbers mean other photographs. */
  readonly fingerprint: string;
}

/**
 * List the photographs of files and folders: files as named, folders by their images in order of name. Of a folder
 * only visible, regular files are taken, or links to such.
 *
 * @throws SourceError (E_SOURCE) when a path doesn't exist or may not be read, or a folder holds no image
 */
export async function listPhotos(paths: readonly string[]): Promise<PhotoSource> {
  const files: string[] = [];
  for (const path of paths) {
    try {
      const info = await stat(path);
      files.push(...(info.isDirectory() ? await listFolder(path) : [path]));
    } catch (cause) {
      throw cause instanceof SourceError ? cause : cannotList(path, cause as NodeJS.ErrnoException);
    }
  }
  const fingerprint = createHash('sha256')
    .update(files.map((file) => basename(file)).join('\0'))
    .digest('hex');
  return { files, fingerprint };
}

async function listFolder(folder: string): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(
    // Hidden files of an image's name are what other systems keep beside it: `._a.jpg`.
    ({ name }) => !name.startsWith('.') && IMAGE_EXTENSIONS.has(extname(name).toLowerCase()),
  );
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.isFile() || isMisread(entry.name) || (!entry.isDirectory() && (await isFile(join(folder, entry.name))))) {
      names.push(entry.name);
    }
  }
  if (names.length === 0) {
    throw new SourceError(`the folder ${folder} holds no photograph`, {
      remedy: `put image files there (${[...IMAGE_EXTENSIONS].join(', ')})`,
    });
  }
  // By code unit, not by locale: frame numbers must mean the same photographs on every machine.
  return names.sort().map((name) => join(folder, name));
}

/** Whether a link, or what a file system doesn't tell the kind of, is a regular file; a dangling link isn't. */
async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}

function cannotList(path: string, cause: NodeJS.ErrnoException): SourceError {
  if (cause.code === 'EACCES' || cause.code === 'EPERM') {
    return new SourceError(`${path} may not be read by this user`, { remedy: 'change its permissions', cause });
  }
  if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') {
    return new SourceError(`there is nothing at ${path} to stream from`, {
      remedy: isMisread(path) ? RENAME : 'check the path',
      cause,
    });
  }
  return new SourceError(`${path} can't be read: ${cause.message}`, { remedy: 'check the path and its disk', cause });
}
