import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeError } from '@semcast/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findDefaultBundle, graphsAt, loadBundle } from './bundle.js';
import { createSessionPool } from './index.js';
import { readParityCases, replayParity } from './parity.js';

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));
const toy = join(fixtures, 'toy-bundle');
let dir: string;

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'semcast-bundle-')), 'copy');
  cpSync(toy, dir, { recursive: true });
});

afterEach(() => {
  rmSync(join(dir, '..'), { recursive: true });
});

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Write bundle.json anew after `change`, with correct hashes of whatever the graph files are now. */
function rewriteManifest(change: (manifest: Record<string, unknown>) => void = () => undefined): void {
  const path = join(dir, 'bundle.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  change(manifest);
  const graphs = manifest['graphs'] as Record<string, { file: string; sha256: string }>;
  for (const entry of Object.values(graphs)) {
    entry.sha256 = sha256(join(dir, entry.file));
  }
  writeFileSync(path, JSON.stringify(manifest));
}

/** The error of a promise that must be rejected, as a user reads it. */
async function complaint(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => describeError(error),
  );
}

/** Load the bundle, which must succeed, then its graphs, which must not. */
async function poolComplaint(): Promise<string> {
  const { graphs } = await loadBundle(dir);
  return complaint(createSessionPool({ graphs, workers: 2 }));
}

describe('graphsAt', () => {
  it('takes the int8 form where a graph has one, on a CPU only', async () => {
    cpSync(join(dir, 'encoder.onnx'), join(dir, 'encoder.int8.onnx'));
    const none = await loadBundle(dir);
    expect(graphsAt(none, 'float32', 'cpu')).toBe(none.graphs);
    expect(() => graphsAt(none, 'int8', 'cpu')).toThrow('the bundle toy has no graph in int8');
    rewriteManifest((manifest) => {
      const { encoder } = manifest['graphs'] as Record<string, Record<string, unknown>>;
      encoder!['int8'] = { file: 'encoder.int8.onnx', sha256: sha256(join(dir, 'encoder.int8.onnx')) };
    });
    const bundle = await loadBundle(dir);
    const { encoder, decoder } = graphsAt(bundle, 'int8', 'cpu');
    expect(encoder).toMatchObject({ file: join(dir, 'encoder.onnx'), cpuFile: join(dir, 'encoder.int8.onnx') });
    expect(decoder).toEqual(bundle.graphs.decoder);
    expect(graphsAt(bundle, 'float32', 'cuda').encoder.file).toBe(join(dir, 'encoder.onnx'));
    expect(() => graphsAt(bundle, 'int8', 'cuda')).toThrow('int8 is for CPUs');
    truncateSync(join(dir, 'encoder.int8.onnx'), 100);
    expect(await complaint(loadBundle(dir))).toMatch(/encoder\.int8\.onnx isn't the file.*\[E_BUNDLE_HASH\]/);
  });
});

describe('loadBundle', () => {
  it('loads a sound bundle', async () => {
    const bundle = await loadBundle(dir);
    expect(bundle.manifest.name).toBe('toy');
    expect(bundle.digest).toBe(sha256(join(dir, 'bundle.json')));
    expect(bundle.graphs.encoder.file).toBe(join(dir, 'encoder.onnx'));
    expect(Object.keys(bundle.graphs)).toEqual(['encoder', 'decoder']);
  });

  it("finds a graph's form for the CPU, and checks it too", async () => {
    const file = 'encoder.cpu.onnx';
    cpSync(join(dir, 'encoder.onnx'), join(dir, file));
    rewriteManifest((manifest) => {
      const { encoder } = manifest['graphs'] as Record<string, Record<string, unknown>>;
      encoder!['cpu'] = { file, sha256: sha256(join(dir, file)) };
    });
    const { graphs } = await loadBundle(dir);
    expect(graphs.encoder.cpuFile).toBe(join(dir, file));
    expect(graphs.decoder.cpuFile).toBeUndefined();
    truncateSync(join(dir, file), 100);
    expect(await complaint(loadBundle(dir))).toMatch(/encoder\.cpu\.onnx isn't the file.*\[E_BUNDLE_HASH\]/);
    rmSync(join(dir, file));
    expect(await complaint(loadBundle(dir))).toMatch(/encoder\.cpu\.onnx.*\[E_BUNDLE_MISSING\]/);
  });

  it('names a folder that is not there', async () => {
    const text = await complaint(loadBundle(join(dir, 'nowhere')));
    expect(text).toMatch(/no bundle folder .*nowhere — name a folder.*\[E_BUNDLE_MISSING\]/);
  });

  it.each(['bundle.json', 'encoder.onnx', 'parity.json'])('names a missing %s and how to get it back', async (file) => {
    rmSync(join(dir, file));
    const text = await complaint(loadBundle(dir));
    expect(text).toContain(join(dir, file));
    expect(text).toMatch(/git checkout -- .*\[E_BUNDLE_MISSING\]/);
  });

  it('refuses a manifest that is no JSON, is invalid, or has no end', async () => {
    const path = join(dir, 'bundle.json');
    const good = readFileSync(path, 'utf8');
    writeFileSync(path, good.slice(0, -20));
    expect(await complaint(loadBundle(dir))).toMatch(/bundle\.json is no JSON.*\[E_BUNDLE_MANIFEST\]/);
    writeFileSync(path, good.replace('"stride": 4', '"stride": "4"'));
    expect(await complaint(loadBundle(dir))).toMatch(/bundle\.json isn't valid: stride: .*\[E_BUNDLE_MANIFEST\]/);
    writeFileSync(path, ' '.repeat(4 * 2 ** 20 + 1));
    expect(await complaint(loadBundle(dir))).toMatch(/more than the 4194304 that are read.*\[E_BUNDLE_MANIFEST\]/);
  });

  it('notices one changed byte', async () => {
    const path = join(dir, 'decoder.onnx');
    const bytes = readFileSync(path);
    bytes[100]! ^= 1;
    writeFileSync(path, bytes);
    const text = await complaint(loadBundle(dir));
    expect(text).toContain(path);
    expect(text).toContain(sha256(path));
    expect(text).toMatch(/git checkout -- .*\[E_BUNDLE_HASH\]/);
  });

  it('notices changed external weights', async () => {
    writeFileSync(join(dir, 'shared.data'), 'weights');
    rewriteManifest((manifest) => {
      manifest['weights'] = [{ file: 'shared.data', sha256: sha256(join(dir, 'shared.data')) }];
    });
    await loadBundle(dir);
    writeFileSync(join(dir, 'shared.data'), 'weightz');
    expect(await complaint(loadBundle(dir))).toMatch(/shared\.data isn't the file .*\[E_BUNDLE_HASH\]/);
  });
});

describe('graphs of a bundle', () => {
  it('that are corrupted are named with what ONNX Runtime says', async () => {
    truncateSync(join(dir, 'encoder.onnx'), 200);
    rewriteManifest();
    const text = await poolComplaint();
    expect(text).toContain(join(dir, 'encoder.onnx'));
    expect(text).toMatch(/graph "encoder".*Protobuf parsing failed.*restore the bundle.*\[E_BUNDLE_GRAPH\]/);
  });

  it.each(['', 'not a graph at all'])('that are "%s" are named', async (content) => {
    writeFileSync(join(dir, 'decoder.onnx'), content);
    rewriteManifest();
    expect(await poolComplaint()).toMatch(/load the graph "decoder" from .*decoder\.onnx.*\[E_BUNDLE_GRAPH\]/);
  });

  it('that have other inputs are named with what they have and what they should', async () => {
    cpSync(join(fixtures, 'sum.onnx'), join(dir, 'decoder.onnx'));
    rewriteManifest();
    const text = await poolComplaint();
    expect(text).toMatch(/wrong inputs for the graph "decoder": a \[batch, 3\], b \[batch, 3\]/);
    expect(text).toMatch(/expected latent \(rank 4\), csnr_db \(rank 1\), rate \(rank 1\).*\[E_BUNDLE_GRAPH\]/);
  });

  it('that have other outputs are named', async () => {
    const sum = join(fixtures, 'sum.onnx');
    const expected = { inputs: { a: 2, b: 2 }, outputs: { product: 2 } };
    const text = await complaint(createSessionPool({ graphs: { sum: { file: sum, expect: expected } }, workers: 1 }));
    expect(text).toMatch(/wrong outputs.*sum \[batch, 3\].*expected product \(rank 2\).*\[E_BUNDLE_GRAPH\]/);
  });

  it('with an input that is not float32 are refused', async () => {
    const text = await complaint(createSessionPool({ graphs: { n: join(fixtures, 'integer.onnx') }, workers: 1 }));
    expect(text).toMatch(/"n" is int64; semcast passes float32 tensors only.*\[E_BUNDLE_GRAPH\]/);
  });

  it('that are gone between check and load are named', async () => {
    const text = await complaint(createSessionPool({ graphs: { x: join(dir, 'gone.onnx') }, workers: 1 }));
    expect(text).toMatch(/gone\.onnx.*File doesn't exist.*\[E_BUNDLE_GRAPH\]/);
  });
});

describe('parity', () => {
  it('replays what was recorded', async () => {
    const bundle = await loadBundle(dir);
    const pool = await createSessionPool({ graphs: { encoder: bundle.graphs.encoder }, workers: 1 });
    const results = await replayParity(bundle, pool);
    await pool.close();
    // The pool has no decoder, so its two cases are left out.
    expect(results.map(({ graph }) => graph)).toEqual(['encoder', 'encoder']);
    expect(Math.max(...results.map(({ maxError }) => maxError))).toBeLessThanOrEqual(1e-6);
  });

  it('reports a graph that computes something else', async () => {
    const bundle = await loadBundle(dir);
    const [first] = await readParityCases(bundle);
    const { latent } = first!.outputs;
    const fake = (data: Float32Array, dims = latent!.dims) => ({
      signatures: { encoder: { inputs: [], outputs: [] } },
      run: async () => ({ tensors: { latent: { data, dims } }, images: [] }),
    });
    const worst = async (pool: object): Promise<number> =>
      (await replayParity(bundle, pool as Parameters<typeof replayParity>[1]))[0]!.maxError;
    expect(await worst(fake(latent!.data.map((value) => value + 0.25)))).toBeCloseTo(0.25, 6);
    expect(await worst(fake(latent!.data.map((value, i) => (i === 3 ? NaN : value))))).toBe(Infinity);
    expect(await worst(fake(latent!.data, [1, 2, 3]))).toBe(Infinity);
  });

  it('refuses a blob that was changed or is too short', async () => {
    writeFileSync(join(dir, 'parity.bin'), new Uint8Array(16));
    const bundle = await loadBundle(dir);
    expect(await complaint(readParityCases(bundle))).toMatch(/parity\.bin isn't the file .*\[E_BUNDLE_HASH\]/);
    const path = join(dir, 'parity.json');
    const parity = JSON.parse(readFileSync(path, 'utf8')) as { blob: { sha256: string } };
    parity.blob.sha256 = sha256(join(dir, 'parity.bin'));
    writeFileSync(path, JSON.stringify(parity));
    expect(await complaint(readParityCases(bundle))).toMatch(/parity\.bin has 4 values.*\[E_BUNDLE_MANIFEST\]/);
  });
});

describe('findDefaultBundle', () => {
  it('takes the folder of the environment variable, if there is a bundle in it', () => {
    expect(findDefaultBundle({ SEMCAST_BUNDLE: dir })).toBe(dir);
    const empty = join(dir, 'empty');
    mkdirSync(empty);
    expect(() => findDefaultBundle({ SEMCAST_BUNDLE: empty })).toThrow(/SEMCAST_BUNDLE names .* no bundle\.json/);
  });

  it('takes the one of this repository otherwise', () => {
    const expected = fileURLToPath(new URL('../../../models/natural', import.meta.url));
    expect(findDefaultBundle({})).toBe(expected);
    expect(findDefaultBundle({ SEMCAST_BUNDLE: '' })).toBe(expected);
  });
});
