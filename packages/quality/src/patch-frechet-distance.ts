import { ArgumentError, type Tensor } from '@semcast/core';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { QualityError } from './errors.js';
import { gaussianFrechetDistance, type GaussianMoments } from './gaussian-frechet.js';

/** How many principal directions of the originals' features the comparison looks at. */
const FRECHET_DIRECTIONS = 32;

/**
 * Compares decoded sets with one set of originals, whose principal directions are found once: how far the statistics of
 * decoded patches are from those of the originals. It measures realism, not fidelity: it compares sets, not pictures,
 * and only figures from the same pictures and number of patches compare.
 */
export type PatchFrechet = ReturnType<typeof createPatchFrechet>;

/** Sums over patches in the coordinates of the originals' principal directions. Sums of sets are sums of their parts. */
export interface PatchSums {
  readonly patches: number;
  /** [directions] */
  readonly first: Float64Array;
  /** Of products, [directions, directions] */
  readonly second: Float64Array;
}

/**
 * The patch Fréchet distance of two sets by the sums of their pictures, any of which may stand there several times: for
 * bootstrap samples, whose features needn't be gone through again.
 */
export function distanceOfSums(originals: readonly PatchSums[], decoded: readonly PatchSums[]): number {
  return gaussianFrechetDistance(momentsOf(originals), momentsOf(decoded));
}

interface Features {
  readonly data: Float32Array;
  readonly patches: number;
  readonly size: number;
}

function checkFeatures(features: Tensor, whose: string, directions: number, wantedSize?: number): Features {
  const [patches, size] = features.dims;
  if (features.dims.length !== 2 || patches === undefined || size === undefined || size < 1) {
    throw new QualityError(
      'E_FEATURES',
      `the features of ${whose} have shape [${features.dims.join(', ')}], not [patches, F]`,
      'flatten what the feature network gives to one row a patch',
    );
  }
  if (wantedSize !== undefined && size !== wantedSize) {
    throw new QualityError(
      'E_FEATURES',
      `the originals have ${wantedSize} features a patch, the decoded set has ${size}`,
      'compute both sets with the same feature network',
    );
  }
  if (patches <= directions || size < directions) {
    throw new QualityError(
      'E_TOO_FEW_PATCHES',
      `${patches} patches with ${size} features of ${whose} can't fill ${directions} principal directions`,
      `use more or larger pictures, so that each set has more than ${directions} patches, better some thousands`,
    );
  }
  // One NaN would keep the eigenvalue iteration from ever converging.
  if (!features.data.every(Number.isFinite)) {
    throw new QualityError(
      'E_FEATURES',
      `the features of ${whose} hold NaN or infinity`,
      'look for broken pixels or an overflow in the feature network',
    );
  }
  return { data: features.data, patches, size };
}

function meanOf({ data, patches, size }: Features): Float64Array {
  const mean = new Float64Array(size);
  for (let row = 0; row < patches; row++) {
    for (let i = 0; i < size; i++) {
      mean[i] = mean[i]! + data[row * size + i]!;
    }
  }
  return mean.map((sum) => sum / patches);
}

/**
 * XᵀX of the centred features X, [F, F] row-major, upper triangle mirrored.
 *
 * Four rows at a time: each entry of the result is loaded and stored once for four products. This loop is nearly all
 * of the time that a large set takes.
 */
function scatterOf({ data, patches, size }: Features, mean: Float64Array): Float64Array {
  const scatter = new Float64Array(size * size);
  const rows = new Float64Array(4 * size);
  for (let first = 0; first < patches; first += 4) {
    rows.fill(0);
    for (let k = 0; k < Math.min(4, patches - first); k++) {
      for (let i = 0; i < size; i++) {
        rows[k * size + i] = data[(first + k) * size + i]! - mean[i]!;
      }
    }
    for (let i = 0; i < size; i++) {
      const [a, b, c, d] = [rows[i]!, rows[size + i]!, rows[2 * size + i]!, rows[3 * size + i]!];
      for (let j = i; j < size; j++) {
        const products = a * rows[j]! + b * rows[size + j]! + c * rows[2 * size + j]! + d * rows[3 * size + j]!;
        scatter[i * size + j] = scatter[i * size + j]! + products;
      }
    }
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      scatter[i * size + j] = scatter[j * size + i]!;
    }
  }
  return scatter;
}

/** Sums of the features in the coordinates of `axes`, [directions][F], about `origin`. */
function projectedSums(
  { data, patches, size }: Features,
  origin: Float64Array,
  axes: readonly Float64Array[],
): PatchSums {
  const count = axes.length;
  const first = new Float64Array(count);
  const second = new Float64Array(count * count);
  const projected = new Float64Array(count);
  const centred = new Float64Array(size);
  for (let row = 0; row < patches; row++) {
    for (let i = 0; i < size; i++) {
      centred[i] = data[row * size + i]! - origin[i]!;
    }
    for (const [k, axis] of axes.entries()) {
      let sum = 0;
      for (let i = 0; i < size; i++) {
        sum += axis[i]! * centred[i]!;
      }
      projected[k] = sum;
      first[k] = first[k]! + sum;
    }
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < count; j++) {
        second[i * count + j] = second[i * count + j]! + projected[i]! * projected[j]!;
      }
    }
  }
  return { patches, first, second };
}

/** Mean and covariance (dividing by patches - 1). The origin is the originals' mean, so little cancels. */
function momentsOf(parts: readonly PatchSums[]): GaussianMoments {
  const count = parts[0]?.first.length ?? 0;
  const patches = parts.reduce((sum, part) => sum + part.patches, 0);
  const mean = new Float64Array(count);
  const covariance = new Float64Array(count * count);
  for (const { first, second } of parts) {
    for (let i = 0; i < count; i++) {
      mean[i] = mean[i]! + first[i]! / patches;
    }
    for (let k = 0; k < covariance.length; k++) {
      covariance[k] = covariance[k]! + second[k]! / (patches - 1);
    }
  }
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      covariance[i * count + j] = covariance[i * count + j]! - (mean[i]! * mean[j]! * patches) / (patches - 1);
    }
  }
  return { mean, covariance };
}

/**
 * Prepare comparisons with a set of originals.
 *
 * Features are centred on the originals' mean, projected on the first right singular vectors of the originals'
 * centred features, and divided by (largest singular value / √patches), so that the originals have unit variance
 * along the first direction. The singular vectors are eigenvectors of XᵀX: for some thousands of patches that is many
 * times faster than a decomposition of X, and the directions kept are far from where squaring costs precision.
 *
 * @param originals features of the original patches, [patches, F]
 * @param directions principal directions kept; only figures with the same number compare
 * @throws QualityError E_FEATURES, E_TOO_FEW_PATCHES; ArgumentError when `directions` is no whole number from 1
 */
export function createPatchFrechet(originals: Tensor, directions = FRECHET_DIRECTIONS) {
  if (!Number.isSafeInteger(directions) || directions < 1) {
    throw new ArgumentError(`the number of principal directions is a whole number from 1, not ${directions}`);
  }
  const features = checkFeatures(originals, 'the originals', directions);
  const { patches, size } = features;
  const origin = meanOf(features);
  const scatter = Matrix.from1DArray(size, size, scatterOf(features, origin));
  const decomposition = new EigenvalueDecomposition(scatter, { assumeSymmetric: true });
  // Ascending in ml-matrix: the last is the square of the largest singular value.
  const scale = Math.sqrt(decomposition.realEigenvalues[size - 1]! / patches);
  if (!(scale > 0)) {
    throw new QualityError(
      'E_FEATURES',
      'every patch of the originals has the same features',
      'use pictures with something on them: there is no variation to measure by',
    );
  }
  const vectors = decomposition.eigenvectorMatrix;
  const axes = Array.from({ length: directions }, (_, k) =>
    Float64Array.from({ length: size }, (_unused, i) => vectors.get(i, size - 1 - k) / scale),
  );
  const reference = momentsOf([projectedSums(features, origin, axes)]);
  return {
    /**
     * The patch Fréchet distance of a decoded set, 0 for the originals themselves.
     *
     * @param decoded features of the decoded patches, [patches, F]
     * @throws QualityError E_FEATURES, E_TOO_FEW_PATCHES
     */
    distanceTo: (decoded: Tensor): number => {
      const checked = checkFeatures(decoded, 'the decoded set', directions, size);
      return gaussianFrechetDistance(reference, momentsOf([projectedSums(checked, origin, axes)]));
    },
    /** What the distance needs of the patches of one picture, [patches, F]; {@link distanceOfSums} takes it from there. */
    sums: (part: Tensor): PatchSums => projectedSums(checkFeatures(part, 'a picture', 0, size), origin, axes),
  };
}
