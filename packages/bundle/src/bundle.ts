import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ArgumentError } from '@semcast/core';
import type { z } from 'zod';
import { BundleHashError, BundleManifestError, BundleMissingError } from './errors.js';
import { otherFile, sha256OfFile } from './file-hash.js';
import { bundleManifestSchema, GRAPH_NAMES, type BundleManifest, type GraphName } from './manifest.js';
import { CODEC_SIGNATURES } from './signatures.js';
import type { Device, GraphSource } from './types.js';

/** A codec bundle whose files all exist and have the hashes of its manifest. */
export interface Bundle {
  /** Absolute. */
  readonly dir: string;
  readonly manifest: BundleManifest;
  /** SHA-256 of bundle.json, in hex: it contains every other file's hash, so it identifies the whole bundle. */
  readonly digest: string;
  /** The graphs that the bundle has, ready to be given to a session pool, all or some. */
  readonly graphs: Readonly<Partial<Record<GraphName, GraphSource>> & Record<'encoder' | 'decoder', GraphSource>>;
  /** SHA-256 of every graph and weight file, by absolute path: a session pool compares whenever it loads one. */
  readonly hashes: ReadonlyMap<string, string>;
}

const MANIFEST = 'bundle.json';
/** bundle.json and parity.json are read whole. */
const MAX_JSON_BYTES = 4 * 2 ** 20;

/** How one gets a bundle's file back. */
function restoreRemedy(path: string): string {
  return (
    `bring the file back: in a checkout by "git checkout -- ${path}", elsewhere by copying the bundle again; ` +
    'if it was changed on purpose, export the bundle again, which rewrites bundle.json'
  );
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR';
}

/** The first few complaints of zod, one a line of "path: message". */
function describeIssues(error: z.ZodError): string {
  const lines = error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`);
  const rest = error.issues.length - lines.length;
  return lines.join('; ') + (rest > 0 ? `; and ${rest} more` : '');
}

/**
 * Read a JSON file of a bundle and check it against a schema.
 *
 * @throws BundleMissingError, BundleManifestError
 */
export async function readBundleJson<T>(path: string, schema: z.ZodType<T>): Promise<{ value: T; bytes: Buffer }> {
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > MAX_JSON_BYTES) {
      throw new BundleManifestError(`${path} has ${size} bytes, more than the ${MAX_JSON_BYTES} that are read`, {
        remedy: restoreRemedy(path),
      });
    }
    bytes = await readFile(path);
  } catch (error) {
    if (!isMissing(error)) {
      throw error;
    }
    throw new BundleMissingError(`there is no ${path}`, { cause: error, remedy: restoreRemedy(path) });
  }
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new BundleManifestError(`${path} is no JSON: ${(error as Error).message}`, {
      cause: error,
      remedy: restoreRemedy(path),
    });
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    throw new BundleManifestError(`${path} isn't valid: ${describeIssues(result.error)}`, {
      cause: result.error,
      remedy: 'export the bundle again; docs/adr/0002-bundle-format.md has the format',
    });
  }
  return { value: result.data, bytes };
}

/** @throws BundleMissingError, BundleHashError */
export async function checkFile(dir: string, { file, sha256 }: { file: string; sha256: string }): Promise<void> {
  const path = join(dir, file);
  let actual: string;
  try {
    actual = await sha256OfFile(path);
  } catch (error) {
    if (!isMissing(error)) {
      throw error;
    }
    throw new BundleMissingError(`the bundle ${basename(dir)} lacks its file ${path}`, {
      cause: error,
      remedy: restoreRemedy(path),
    });
  }
  if (actual !== sha256) {
    throw new BundleHashError(otherFile(path, actual, sha256), { remedy: restoreRemedy(path) });
  }
}

/**
 * Load a codec bundle: read and validate bundle.json, and check that every file it names is there, unchanged.
 * The graphs themselves are loaded, and their inputs and outputs checked, by `createSessionPool`.
 *
 * @throws BundleMissingError (E_BUNDLE_MISSING), BundleManifestError (E_BUNDLE_MANIFEST), BundleHashError
 *   (E_BUNDLE_HASH); each names the file and says how to get it back.
 */
export async function loadBundle(dir: string): Promise<Bundle> {
  const root = resolve(dir);
  if (!existsSync(root)) {
    throw new BundleMissingError(`there is no bundle folder ${root}`, {
      remedy: `name a folder with a ${MANIFEST} in it, or leave it away for the one that comes with semcast`,
    });
  }
  const { value: manifest, bytes } = await readBundleJson(join(root, MANIFEST), bundleManifestSchema);
  const graphs: Partial<Record<GraphName, GraphSource>> = {};
  const hashes = new Map<string, string>();
  const check = async (entry: { file: string; sha256: string }): Promise<void> => {
    await checkFile(root, entry);
    hashes.set(join(root, entry.file), entry.sha256);
  };
  for (const name of GRAPH_NAMES) {
    const entry = manifest.graphs[name];
    if (entry === undefined) {
      continue;
    }
    for (const file of [entry, entry.cpu, entry.int8]) {
      if (file !== undefined) {
        await check(file);
      }
    }
    graphs[name] = {
      file: join(root, entry.file),
      ...(entry.cpu && { cpuFile: join(root, entry.cpu.file) }),
      ...(entry.int8 && { int8File: join(root, entry.int8.file) }),
      expect: CODEC_SIGNATURES[name],
    };
  }
  for (const weights of manifest.weights ?? []) {
    await check(weights);
  }
  await checkFile(root, manifest.parity);
  return {
    dir: root,
    manifest,
    digest: createHash('sha256').update(bytes).digest('hex'),
    // The schema has made sure of encoder and decoder.
    graphs: graphs as Bundle['graphs'],
    hashes,
  };
}

/** How the denoisers of a bundle compute: in 32 bits, or on a CPU with their convolutions in 8. */
export const PRECISIONS = ['float32', 'int8'] as const;
export type Precision = (typeof PRECISIONS)[number];

/**
 * A bundle's graphs at a precision: with int8, those that have such a form in it, and the others as they are.
 *
 * @throws ArgumentError (E_ARGUMENT) where int8 is asked of a bundle without such a form, or of a GPU.
 */
export function graphsAt({ graphs, manifest }: Bundle, precision: Precision, device: Device): Bundle['graphs'] {
  if (precision === 'float32') {
    return graphs;
  }
  if (device !== 'cpu') {
    throw new ArgumentError('int8 is for CPUs', { remedy: 'leave "precision" away, or choose the device cpu' });
  }
  if (Object.values(graphs).every(({ int8File }) => int8File === undefined)) {
    throw new ArgumentError(`the bundle ${manifest.name} has no graph in int8`, {
      remedy: 'leave "precision" away, or add the forms: cd models/training, python -m semcast_training.cpu.quantized',
    });
  }
  return Object.fromEntries(
    Object.entries(graphs).map(([name, graph]) => [
      name,
      graph.int8File === undefined ? graph : { ...graph, cpuFile: graph.int8File },
    ]),
  ) as Bundle['graphs'];
}

/**
 * The bundle used when none is named: the folder in the environment variable SEMCAST_BUNDLE, otherwise
 * `models/natural` of the checkout that this package belongs to.
 *
 * @throws BundleMissingError when that folder has no bundle.json.
 */
export function findDefaultBundle(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment['SEMCAST_BUNDLE'];
  if (chosen !== undefined && chosen !== '') {
    const dir = resolve(chosen);
    if (!existsSync(join(dir, MANIFEST))) {
      throw new BundleMissingError(`the environment variable SEMCAST_BUNDLE names ${dir}, which has no ${MANIFEST}`, {
        remedy: 'correct or unset it',
      });
    }
    return dir;
  }
  // From packages/bundle/dist (or src).
  const dir = fileURLToPath(new URL('../../../models/natural', import.meta.url));
  if (!existsSync(join(dir, MANIFEST))) {
    throw new BundleMissingError(`the bundle that comes with semcast isn't at ${dir}`, {
      remedy: `in a checkout: git checkout -- models/natural; or name another folder by "--bundle" or SEMCAST_BUNDLE`,
    });
  }
  return dir;
}
