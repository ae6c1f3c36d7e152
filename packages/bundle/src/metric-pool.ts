import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { ArgumentError, tensor, type RgbImage, type Tensor } from '@semcast/core';
import { BundleMissingError, FeedError } from './errors.js';
import { WorkerPool } from './pool.js';
import { METRIC_SIGNATURES } from './signatures.js';
import type { GraphSource, ImageFeed, Normalisation, RunOptions, SessionPoolOptions } from './types.js';

/** Metric graphs take pictures in [-1,1]. */
const METRIC_NORMALISATION: Normalisation = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
/** Patches a run: bounds the memory of the feature maps (VGG19's first maps are a megabyte a patch). */
const PATCHES_PER_RUN = 32;

/** Metric bundles, ready to measure. Names are those of the folders. */
export type MetricPool = Awaited<ReturnType<typeof createMetricPool>>;

function graphOf(name: string, kind: 'distance' | 'features', names: readonly string[]): string {
  if (!names.includes(name)) {
    throw new FeedError(`no metric bundle ${name} with ${kind} is loaded`, {
      remedy: `there are ${names.join(', ') || 'none'}`,
    });
  }
  return `${name}/${kind}`;
}

/** A metric graph's input. */
function pictureFeed(image: RgbImage): ImageFeed {
  return { images: [image], multiple: 1, normalisation: METRIC_NORMALISATION };
}

/**
 * Load metric bundles: folders with a `metric.onnx` (inputs `a`, `b` [B,3,H,W] in [-1,1], output `distance` [B]), a
 * `features.onnx` (input `patches` [B,3,64,64] in [-1,1], output `features` [B,F]), or both.
 *
 * @throws BundleMissingError (E_BUNDLE_MISSING) when a folder has neither, BundleGraphError (E_BUNDLE_GRAPH),
 *   ArgumentError when two folders have the same name, and what a session pool throws.
 */
export async function createMetricPool(dirs: readonly string[], options: Omit<SessionPoolOptions, 'graphs'> = {}) {
  const distances: string[] = [];
  const featureSets: string[] = [];
  const graphs: Record<string, GraphSource> = {};
  for (const dir of dirs.map((path) => resolve(path))) {
    const name = basename(dir);
    if (distances.includes(name) || featureSets.includes(name)) {
      throw new ArgumentError(`two metric bundles are named ${name}`, { remedy: 'rename one of the folders' });
    }
    const metric = join(dir, 'metric.onnx');
    const features = join(dir, 'features.onnx');
    if (existsSync(metric)) {
      distances.push(name);
      graphs[`${name}/distance`] = { file: metric, expect: METRIC_SIGNATURES.distance };
    }
    if (existsSync(features)) {
      featureSets.push(name);
      graphs[`${name}/features`] = { file: features, expect: METRIC_SIGNATURES.features };
    }
    if (!existsSync(metric) && !existsSync(features)) {
      throw new BundleMissingError(`the metric bundle ${dir} has neither metric.onnx nor features.onnx`, {
        remedy: 'name a folder that has one of them',
      });
    }
  }
  const pool = await WorkerPool.start({ ...options, graphs });

  return {
    /** Names that have a distance (`metric.onnx`). */
    distances: distances as readonly string[],
    /** Names that have features (`features.onnx`). */
    featureSets: featureSets as readonly string[],
    close: async () => pool.close(),

    /** Distance of two pictures of the same size. */
    async distance(name: string, a: RgbImage, b: RgbImage, runOptions?: RunOptions): Promise<number> {
      const graph = graphOf(name, 'distance', distances);
      if (a.width !== b.width || a.height !== b.height) {
        throw new FeedError(
          `a distance needs pictures of one size, not ${a.width}×${a.height} and ${b.width}×${b.height}`,
          { remedy: 'crop or resize one of them first' },
        );
      }
      const { tensors } = await pool.run(graph, { a: pictureFeed(a), b: pictureFeed(b) }, runOptions);
      return tensors['distance']!.data[0]!;
    },

    /** Features [N,F] of patches [N,3,64,64] in [-1,1], for the patch Fréchet distance. */
    async features(name: string, patches: Tensor, runOptions?: RunOptions): Promise<Tensor> {
      const graph = graphOf(name, 'features', featureSets);
      const [count = 0, ...patchDims] = patches.dims;
      const patchSize = count === 0 ? 0 : patches.data.length / count;
      const rows: Float32Array[] = [];
      for (let start = 0; start < count; start += PATCHES_PER_RUN) {
        const part = Math.min(PATCHES_PER_RUN, count - start);
        const data = patches.data.subarray(start * patchSize, (start + part) * patchSize);
        const { tensors } = await pool.run(graph, { patches: { data, dims: [part, ...patchDims] } }, runOptions);
        rows.push(tensors['features']!.data);
      }
      const data = new Float32Array(rows.reduce((size, row) => size + row.length, 0));
      let offset = 0;
      for (const row of rows) {
        data.set(row, offset);
        offset += row.length;
      }
      return tensor(data, [count, count === 0 ? 0 : data.length / count]);
    },
  };
}
