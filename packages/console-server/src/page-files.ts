import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly gzipped: Buffer;
  /** Its name changes with its content: it may be kept for ever. */
  readonly immutable: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Where the page is built to; from packages/console-server/dist (or src). */
const PAGE_DIR = fileURLToPath(new URL('../../../apps/console/dist', import.meta.url));

/**
 * The built page by path, read once: a few small files. Undefined when it hasn't been built; only files of the types
 * that a page consists of are taken.
 */
export async function readPage(dir: string = PAGE_DIR): Promise<ReadonlyMap<string, PageFile> | undefined> {
  if (!existsSync(join(dir, 'index.html'))) {
    return undefined;
  }
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = new Map<string, PageFile>();
  for (const entry of entries) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) {
      continue;
    }
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(dir, file).split(sep).join('/')}`;
    const bytes = await readFile(file);
    const gzipped = await promisify(gzip)(bytes, { level: 9 });
    files.set(path === '/index.html' ? '/' : path, { type, bytes, gzipped, immutable: path.startsWith('/assets/') });
  }
  return files;
}
