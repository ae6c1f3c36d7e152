import { createMetricPool, type Device, type MetricPool } from '@semcast/bundle';
import { tensor, type RgbImage, type Tensor } from '@semcast/core';
import { createPatchFrechet, patches, patchCount, QualityError, type PatchFrechet } from '@semcast/quality';
import { measuringThreads } from './run-sweep.js';
import { keyOfGroup, type SweepCase, type SweepGroup } from './plan.js';

/** Patches that are in memory at a time: 48 KiB each. */
const PATCHES_AT_A_TIME = 64;

/** The features of whole sets of pictures, of which the patch Fréchet distance compares two. */
export interface Realism {
  /** Folders of the feature graphs. */
  readonly names: readonly string[];
  /** Features of the original, found once, and of the decoded picture, for the group being measured. */
  add(sweepCase: SweepCase, original: RgbImage, decoded: RgbImage): Promise<void>;
  /** Distances of the decoded pictures added since the last call; null where the set is too small for one. */
  conclude(group: SweepGroup): Record<string, number | null>;
  /** Features of a picture [patches, F]. */
  features(name: string, picture: RgbImage): Promise<Tensor>;
  /** Those of an original, found once. */
  originalFeatures(name: string, index: number, open: () => Promise<RgbImage>): Promise<Tensor>;
  /** Those of a group's decoded pictures, if it was measured in this run: by name, then by place in the group. */
  kept(group: SweepGroup): ReadonlyMap<string, ReadonlyMap<number, Tensor>> | undefined;
  close(): Promise<void>;
}

interface FeatureSet {
  readonly name: string;
  readonly originals: Map<number, Tensor>;
  /** By the case's place in the group. */
  decoded: Map<number, { readonly index: number; readonly features: Tensor }>;
  /** Made when the first group is complete: from then on all originals are known. */
  frechet: { readonly of: string; readonly compare: PatchFrechet | null } | undefined;
}

/**
 * Load the feature graphs of metric bundles. Errors are those of packages/bundle.
 *
 * @param keep whether the features of every group are kept, 100 kB for each picture of 256×256
 */
export async function openRealism(
  dirs: readonly string[],
  { device, keep }: { readonly device: Device; readonly keep: boolean },
): Promise<Realism> {
  const pool = await createMetricPool(dirs, { device, workers: measuringThreads(device), maxQueue: 64 });
  const sets = pool.featureSets.map((name): FeatureSet => ({
    name,
    originals: new Map(),
    decoded: new Map(),
    frechet: undefined,
  }));
  const kept = new Map<string, Map<string, Map<number, Tensor>>>();
  const originalFeatures: Realism['originalFeatures'] = async (name, index, open) => {
    const { originals } = sets.find((set) => set.name === name)!;
    const known = originals.get(index) ?? (await featuresOf(pool, name, await open()));
    originals.set(index, known);
    return known;
  };
  return {
    names: pool.featureSets,
    add: async ({ index, place }, original, decoded) => {
      for (const set of sets) {
        await originalFeatures(set.name, index, async () => original);
        set.decoded.set(place, { index, features: await featuresOf(pool, set.name, decoded) });
      }
    },
    conclude: (group) => {
      if (keep) {
        const features = sets.map(
          ({ name, decoded }) =>
            [name, new Map([...decoded].map(([place, entry]) => [place, entry.features] as const))] as const,
        );
        kept.set(keyOfGroup(group), new Map(features));
      }
      return Object.fromEntries(
        sets.map((set) => {
          const distance = distanceOf(set);
          set.decoded = new Map();
          return [set.name, distance];
        }),
      );
    },
    features: async (name, picture) => await featuresOf(pool, name, picture),
    originalFeatures,
    kept: (group) => kept.get(keyOfGroup(group)),
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
export function concatenate(parts: readonly Tensor[]): Tensor {
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
  const decoded = [...set.decoded].sort(([a], [b]) => a - b).map(([, entry]) => entry);
  const key = decoded.map(({ index }) => index).join();
  if (set.frechet?.of !== key) {
    // A photograph that was lost on the way is left out on both sides: only equal sets compare.
    const compare = tryPatchFrechet(concatenate(decoded.map(({ index }) => set.originals.get(index)!)));
    set.frechet = { of: key, compare };
  }
  return set.frechet.compare?.distanceTo(concatenate(decoded.map(({ features }) => features))) ?? null;
}

/** Null where the originals have too few patches for a distance. */
export function tryPatchFrechet(originals: Tensor): PatchFrechet | null {
  try {
    return createPatchFrechet(originals);
  } catch (error) {
    if (error instanceof QualityError && error.code === 'E_TOO_FEW_PATCHES') {
      return null;
    }
    throw error;
  }
}
