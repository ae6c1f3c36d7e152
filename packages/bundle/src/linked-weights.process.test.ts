import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError } from '@semcast/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadBundle } from './bundle.js';
import { createSessionPool } from './index.js';
import { GRAPH_NAMES } from './manifest.js';
import { replayParity } from './parity.js';

const fixture = fileURLToPath(new URL('../fixtures/posterior-bundle', import.meta.url));
const files = readdirSync(fixture);
const weights = files.filter((name) => name.endsWith('.weights'));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'semcast-links-'));
  mkdirSync(join(dir, 'tmp'));
  vi.stubEnv('TMPDIR', join(dir, 'tmp'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true });
});

const at = (...names: string[]): string => join(dir, ...names);

/** How programs lay out files that they share. Each returns the bundle's folder. */
const layouts: Readonly<Record<string, () => string>> = {
  'a link a file': () => {
    cpSync(fixture, at('store'), { recursive: true });
    mkdirSync(at('bundle'));
    for (const name of files) {
      symlinkSync(join('..', 'store', name), at('bundle', name));
    }
    return at('bundle');
  },
  'a cache, whose files are named by their hash': () => {
    mkdirSync(at('blobs'));
    mkdirSync(at('bundle'));
    for (const [i, name] of files.entries()) {
      copyFileSync(join(fixture, name), at('blobs', `${i}`));
      symlinkSync(join('..', 'blobs', `${i}`), at('bundle', name));
    }
    return at('bundle');
  },
  'weights alone are links': () => {
    cpSync(fixture, at('bundle'), { recursive: true });
    for (const name of weights) {
      renameSync(at('bundle', name), at(name));
      symlinkSync(at(name), at('bundle', name));
    }
    return at('bundle');
  },
  'a package store, with hard links': () => {
    cpSync(fixture, at('bundle'), { recursive: true });
    for (const name of files) {
      linkSync(at('bundle', name), at(name));
    }
    return at('bundle');
  },
  'a volume of Kubernetes': () => {
    mkdirSync(at('bundle'));
    cpSync(fixture, at('bundle', '..2026_11_29'), { recursive: true });
    symlinkSync('..2026_11_29', at('bundle', '..data'));
    for (const name of files) {
      symlinkSync(join('..data', name), at('bundle', name));
    }
    return at('bundle');
  },
};

describe('a bundle of links', () => {
  it.each(Object.keys(layouts))('is loaded whole, and leaves no copies behind: %s', async (layout) => {
    const bundle = await loadBundle(layouts[layout]!());
    const graphs = { ...bundle.graphs, posteriorStep: { ...bundle.graphs.posteriorStep!, deferred: true } };
    const pool = await createSessionPool({ graphs, workers: 1 });
    try {
      const results = await replayParity(bundle, pool);
      expect(new Set(results.map(({ graph }) => graph))).toEqual(new Set(GRAPH_NAMES));
      expect(Math.max(...results.map(({ maxError }) => maxError))).toBeLessThanOrEqual(1e-4);
      // ONNX Runtime keeps files of its own there.
      expect(readdirSync(at('tmp')).filter((name) => name.startsWith('semcast'))).toEqual([]);
    } finally {
      await pool.close();
    }
  });

  it('that can’t be copied for loading is refused with what helps', async () => {
    const bundle = await loadBundle(layouts['weights alone are links']!());
    rmSync(at('tmp'), { recursive: true });
    const message = await createSessionPool({ graphs: bundle.graphs, workers: 1 }).then(
      async (pool) => {
        await pool.close();
        return 'no error';
      },
      (error: unknown) => describeError(error),
    );
    expect(message).toMatch(
      /weights are symbolic or hard links.*can't be copied into .*tmp: .*ENOENT.*\[E_BUNDLE_GRAPH\]/,
    );
    expect(message).toContain(`cp -rL ${bundle.dir} COPY`);
    expect(message).not.toContain('export the graph again');
  });
});
