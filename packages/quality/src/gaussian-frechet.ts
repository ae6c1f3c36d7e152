import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { QualityError } from './errors.js';

/** First and second moments of a set of vectors. */
export interface GaussianMoments {
  /** [D] */
  readonly mean: ArrayLike<number>;
  /** [D, D] row-major, symmetric, positive semidefinite */
  readonly covariance: ArrayLike<number>;
}

function symmetric(values: ArrayLike<number>, size: number): Matrix {
  const matrix = Matrix.zeros(size, size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      // The mean of both triangles: rounding must not make it look unsymmetric.
      matrix.set(i, j, 0.5 * (values[i * size + j]! + values[j * size + i]!));
    }
  }
  return matrix;
}

/** Eigenvalues of a positive semidefinite matrix, below-zero rounding errors set to 0. */
const spectrum = (decomposition: EigenvalueDecomposition): number[] =>
  decomposition.realEigenvalues.map((value) => Math.max(0, value));

function checkMoments({ mean, covariance }: GaussianMoments, size: number): void {
  let finite = true;
  for (let i = 0; i < mean.length; i++) {
    finite &&= Number.isFinite(mean[i]);
  }
  for (let i = 0; i < covariance.length; i++) {
    finite &&= Number.isFinite(covariance[i]);
  }
  if (size < 1 || mean.length !== size || covariance.length !== size * size || !finite) {
    throw new QualityError(
      'E_MOMENTS',
      `moments of dimension ${size} need ${size} means and ${size * size} covariances, all finite; ` +
        `these have ${mean.length} and ${covariance.length}`,
      'pass both Gaussians in the same dimension, and look for NaN in the features',
    );
  }
}

/**
 * The squared Fréchet (2-Wasserstein) distance of two Gaussians,
 *
 *   |μ1 - μ2|² + tr(Σ1 + Σ2 - 2·(Σ1^½ Σ2 Σ1^½)^½)
 *
 * (Dowson, Landau 1982; it is the square that the field reports as "Fréchet distance"). The symmetric form of the
 * root needs only eigenvalues of symmetric matrices, so it stays real for singular covariances.
 *
 * @throws QualityError E_MOMENTS
 */
export function gaussianFrechetDistance(first: GaussianMoments, second: GaussianMoments): number {
  const size = first.mean.length;
  checkMoments(first, size);
  checkMoments(second, size);
  const sigma1 = symmetric(first.covariance, size);
  const sigma2 = symmetric(second.covariance, size);
  const decomposition = new EigenvalueDecomposition(sigma1, { assumeSymmetric: true });
  const vectors = decomposition.eigenvectorMatrix;
  const roots = Matrix.diag(spectrum(decomposition).map(Math.sqrt));
  const root = vectors.mmul(roots).mmul(vectors.transpose());
  const product = root.mmul(sigma2).mmul(root);
  const inner = new EigenvalueDecomposition(symmetric(product.to1DArray(), size), { assumeSymmetric: true });
  const traceOfRoot = spectrum(inner).reduce((sum, value) => sum + Math.sqrt(value), 0);
  let distance = sigma1.trace() + sigma2.trace() - 2 * traceOfRoot;
  for (let i = 0; i < size; i++) {
    distance += (first.mean[i]! - second.mean[i]!) ** 2;
  }
  return Math.max(0, distance);
}
