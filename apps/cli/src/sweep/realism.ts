import { createMetricPool, type Device, type MetricPool } from '@semcast/bundle';
import { tensor, type RgbImage, type Tensor } from '@semcast/core';
import { createPatchFrechet, patches, patchCount, QualityError, type PatchFrechet } from '@semcast/quality';

/** Patches that are in memory at a time: 48 KiB each. */
const PATCHES_AT_A_TIME = 64;

/** The features of whole sets of pictures, of which the patch Fréchet distance compares two. */
export interface Realism {
  /** Folders of the feature graphs. */
  readonly names: readonly string[];
  /** Features of the original, found once, and of the decoded picture, for the group being measured. */
  add(index: number, original: RgbImage, decoded: RgbImage): Promise<void>;
  /** Distances of the decoded pictures added since the last call; null where the set is too small for one. */
  conclude(): Record<string, number | null>;
  close(): Promise<void>;
}

interface FeatureSet {
  readonly name: string;
  readonly originals: Map<number, Tensor>;
  decoded: Map<number, Tensor>;
  /** Made when the first group is complete: from then on all originals are known. */
  frechet: { readonly of: string; readonly compare: PatchFrechet } | undefined;
}

/** Load the feature graphs of metric bundles. Errors are those of packages/bundle. */
export async function openRealism(dirs: readonly string[], device: Device): Promise<Realism> {
  const pool = await createMetricPool(dirs, { device, workers: 1, maxQueue: 64 });
  const sets = pool.featureSets.map((name): FeatureSet => ({
    name,
    originals: new Map(),
    decoded: new Map(),
    frechet: undefined,
  }));
  return {
    names: pool.featureSets,
    add: async (index, original, decoded) => {
      for (const set of sets) {
        if (!set.originals.has(index)) {
          set.originals.set(index, await featuresOf(pool, set.name, original));
        }
        set.decoded.set(index, await featuresOf(pool, set.name, decoded));
      }
    },
    conclude: () =>
      Object.fromEntries(
        sets.map((set) => {
          const distance = distanceOf(set);
          set.decoded = new Map();
          return [set.name, distance];
        }),
      ),
    close: async () => await pool.close(),
  };
}

async function featuresOf(pool: MetricPool, name: string, image: RgbImage): Promise<Tensor> {
  const count = patchCount(image.width, image.height);
  const parts: Tensor[] = [];
  for (let from = 0; from < count; from += PATCHES_AT_A_TIME) {
    parts.push(await pool.features(name, patches(image, { from, count: PATCHES_AT_A_TIME })));
  }
  return concatenate(parts);
}

/** Rows of several [n, F] below each other. */
function concatenate(parts: readonly Tensor[]): Tensor {
  const rows = parts.reduce((sum, { dims }) => sum + dims[0]!, 0);
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let offset = 0;
  for (const part of parts) {
    data.set(part.data, offset);
    offset += part.data.length;
  }
  return tensor(data, [rows, rows === 0 ? 0 : data.length / rows]);
}

/** In the order of the photographs, whatever the order of arrival: sums of floats depend on it. */
function distanceOf(set: FeatureSet): number | null {
  const indices = [...set.decoded.keys()].sort((a, b) => a - b);
  const key = indices.join();
  try {
    if (set.frechet?.of !== key) {
      // A photograph that was lost on the way is left out on both sides: only equal sets compare.
      set.frechet = {
        of: key,
        compare: createPatchFrechet(concatenate(indices.map((index) => set.originals.get(index)!))),
      };
    }
    return set.frechet.compare.distanceTo(concatenate(indices.map((index) => set.decoded.get(index)!)));
  } catch (error) {
    if (error instanceof QualityError && error.code === 'E_TOO_FEW_PATCHES') {
      return null;
    }
    throw error;
  }
}
