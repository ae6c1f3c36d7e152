import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceFile, WorkspacePackage } from './import-rules.js';

/** The top of the checkout that this package belongs to. */
export const REPOSITORY_ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const SOURCE = /\.[cm]?[jt]sx?$/;
const SKIPPED = new Set(['node_modules', 'dist']);

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

async function readSources(dir: string, root: string): Promise<SourceFile[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const nested = await Promise.all(
    entries.map(async (entry): Promise<SourceFile[]> => {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) {
        return SKIPPED.has(entry.name) ? [] : await readSources(path, root);
      }
      return SOURCE.test(entry.name)
        ? [{ path: relative(root, path).split(sep).join('/'), text: await readFile(path, 'utf8') }]
        : [];
    }),
  );
  return nested.flat();
}

async function readPackage(root: string, folder: string): Promise<WorkspacePackage> {
  const dir = join(root, folder);
  const manifest = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as Manifest;
  return {
    folder,
    name: manifest.name,
    dependencies: Object.keys({
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.optionalDependencies,
    }),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
    sources: await readSources(dir, dir),
  };
}

/**
 * The packages under `packages/` and `apps/`, and `deploy`, with every source file of theirs (built and installed ones
 * left out).
 */
export async function readWorkspace(root: string = REPOSITORY_ROOT): Promise<WorkspacePackage[]> {
  const folders = ['deploy'];
  for (const top of ['packages', 'apps']) {
    const entries = await readdir(join(root, top), { withFileTypes: true });
    // What another branch built may be left in a folder that isn't a package any more.
    folders.push(
      ...entries.map(({ name }) => `${top}/${name}`).filter((folder) => existsSync(join(root, folder, 'package.json'))),
    );
  }
  const packages = await Promise.all(folders.map(async (folder) => await readPackage(root, folder)));
  return packages.sort((a, b) => (a.folder < b.folder ? -1 : 1));
}
