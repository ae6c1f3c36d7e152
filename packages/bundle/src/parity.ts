import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeOf, type Tensor } from '@semcast/core';
import { z } from 'zod';
import { checkFile, readBundleJson, type Bundle } from './bundle.js';
import { BundleManifestError } from './errors.js';
import { fileEntry } from './manifest.js';
import type { SessionPool } from './pool.js';

const record = z.strictObject({
  name: z.string().min(1).max(64),
  dims: z.array(z.int().min(1)).max(8),
  /** Of the first value within the blob, in values (not bytes). */
  offset: z.int().min(0),
  /** In values. */
  length: z.int().min(1),
});

const paritySchema = z.strictObject({
  format: z.literal(1),
  dtype: z.literal('float32-le'),
  blob: fileEntry,
  cases: z
    .array(
      z.strictObject({ graph: z.string().min(1), inputs: z.array(record).min(1), outputs: z.array(record).min(1) }),
    )
    .min(1)
    .max(1000),
});

/** What a graph gave for an input where the bundle was made (in PyTorch). */
export interface ParityCase {
  readonly graph: string;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/** How far a replayed output is from the recorded one. */
export interface ParityResult {
  readonly graph: string;
  readonly output: string;
  readonly dims: readonly number[];
  /** Largest absolute difference; Infinity where shapes differ or a value isn't finite. */
  readonly maxError: number;
}

/**
 * The recorded inputs and outputs of a bundle's graphs.
 *
 * @throws BundleMissingError, BundleManifestError, BundleHashError
 */
export async function readParityCases(bundle: Bundle): Promise<ParityCase[]> {
  const path = join(bundle.dir, bundle.manifest.parity.file);
  const { value: parity } = await readBundleJson(path, paritySchema);
  await checkFile(bundle.dir, parity.blob);
  const bytes = await readFile(join(bundle.dir, parity.blob.file));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

  const readTensor = ({ name, dims, offset, length }: z.infer<typeof record>): [string, Tensor] => {
    if (length !== sizeOf(dims) || 4 * (offset + length) > view.byteLength) {
      throw new BundleManifestError(`${path}: "${name}" has ${length} values at ${offset}, which can't be`, {
        remedy: `its shape is [${dims.join(', ')}] and ${parity.blob.file} has ${view.byteLength / 4} values; export again`,
      });
    }
    const data = Float32Array.from({ length }, (_, i) => view.getFloat32(4 * (offset + i), true));
    return [name, { data, dims }];
  };

  return parity.cases.map(({ graph, inputs, outputs }) => ({
    graph,
    inputs: Object.fromEntries(inputs.map(readTensor)),
    outputs: Object.fromEntries(outputs.map(readTensor)),
  }));
}

function maxDifference(actual: Tensor | undefined, expected: Tensor): number {
  if (actual === undefined || actual.dims.join() !== expected.dims.join()) {
    return Infinity;
  }
  let worst = 0;
  for (const [i, value] of expected.data.entries()) {
    const difference = Math.abs(actual.data[i]! - value);
    worst = Number.isFinite(difference) ? Math.max(worst, difference) : Infinity;
  }
  return worst;
}

/**
 * Run every recorded case whose graph the pool has, and compare. The bundle is sound on this machine when each
 * `maxError` is within `bundle.manifest.parity.tolerance`.
 */
export async function replayParity(bundle: Bundle, pool: SessionPool): Promise<ParityResult[]> {
  const results: ParityResult[] = [];
  for (const { graph, inputs, outputs } of await readParityCases(bundle)) {
    if (!(graph in pool.signatures)) {
      continue;
    }
    const { tensors: actual } = await pool.run(graph, inputs);
    for (const [output, expected] of Object.entries(outputs)) {
      results.push({ graph, output, dims: expected.dims, maxError: maxDifference(actual[output], expected) });
    }
  }
  return results;
}
