import { randomFor, tensor, type Tensor } from '@semcast/core';
import { clip } from '../src/images.js';
import type { DenoiserEvaluation, Observation } from '../src/index.js';
import type { Networks } from './run-sampler.js';
import {
  add,
  apply,
  cholesky,
  identity,
  inverse,
  multiply,
  product,
  scale,
  sum,
  times,
  transpose,
  type Matrix,
  type Vector,
} from './matrix.js';

/** An affine map of the three colours of one position: matrix·x + offset. */
export interface Affine {
  readonly matrix: Matrix;
  readonly offset: Vector;
}

export interface ToyOptions {
  readonly height?: number;
  readonly width?: number;
  /** Prior covariance of the colours of a position. */
  readonly covariance?: Matrix;
  readonly noiseVariance?: number;
  /** Whether each position has a truth and noise of its own, drawn from their laws; else all have the same. */
  readonly drawn?: boolean;
}

/** To which the fused step clips x̂0. */
const PIXELS = [-1, 1] as const;
const MEAN: Vector = [0.05, -0.05, 0.1];
/** B: the three colours of a position to one complex symbol, of about unit power; one direction isn't seen at all. */
const ENCODER: Matrix = [
  [3.2, 1.1, -0.7],
  [0.4, 2.1, 2.6],
];
/** h = 0.9·exp(0.7j) */
export const GAIN = { real: 0.9 * Math.cos(0.7), imaginary: 0.9 * Math.sin(0.7) };

/** Correlated colours, standard deviations of about 0.1 to 0.2. */
export const CORRELATED: Matrix = [
  [0.04, 0.015, -0.006],
  [0.015, 0.025, 0.004],
  [-0.006, 0.004, 0.012],
];
export const isotropic = (deviation: number): Matrix => scale(deviation ** 2, identity(3));

/**
 * A problem whose posterior is known: Gaussian pixels, a linear encoder, everything position by position.
 *
 * The colours of a position are x ~ N(m, Σ); the encoder makes of them the complex symbol Bx (two real latent channels),
 * the channel multiplies it by h and adds noise of variance N0. With G = hB as a real matrix,
 * p(x | y) = N(μ, S), S⁻¹ = Σ⁻¹ + (2/N0)·GᵀG, μ = S(Σ⁻¹m + (2/N0)·Gᵀy).
 *
 * Every position receives the same y, so the positions of one sampled picture are as many draws from one law, and
 * its mean and covariance over positions can be compared with μ and S. With `drawn` each has another y, and another μ.
 */
export function createToy(options: ToyOptions = {}) {
  const { height = 64, width = 64, covariance = CORRELATED, noiseVariance = 0.3, drawn = false } = options;
  const rotation: Matrix = [
    [GAIN.real, -GAIN.imaginary],
    [GAIN.imaginary, GAIN.real],
  ];
  const G = multiply(rotation, ENCODER);
  const precision = sum(inverse(covariance), scale(2 / noiseVariance, multiply(transpose(G), G)));
  // A truth one deviation off the mean, and noise of exactly its nominal power.
  const truth = add(MEAN, [0.18, -0.1, 0.07]);
  const y = add(apply(G, truth), times(Math.sqrt(noiseVariance), [Math.cos(2), Math.sin(2)]));
  const posterior = { covariance: inverse(precision), mean: [] as Vector };
  posterior.mean = apply(
    posterior.covariance,
    add(apply(inverse(covariance), MEAN), times(2 / noiseVariance, apply(transpose(G), y))),
  );

  /** The codec's decoder, linear and least in mean square error: D_J(h⁻¹y) = μ. */
  const toImage = product(scale(2 / noiseVariance, posterior.covariance), transpose(G), rotation);
  const decoder: Affine = {
    matrix: toImage,
    offset: add(MEAN, times(-1, apply(multiply(toImage, ENCODER), MEAN))),
  };

  /** E[x0 | x0 + σn = x] of a Gaussian: m + Σ(Σ + σ²)⁻¹(x - m). */
  const tweedie = (mean: Vector, spread: Matrix, sigma: number): Affine => {
    const matrix = multiply(spread, inverse(sum(spread, scale(sigma ** 2, identity(3)))));
    return { matrix, offset: add(mean, times(-1, apply(matrix, mean))) };
  };
  /** The exact denoiser: of the prior, or of the posterior given y. */
  const computeDenoiser = (sigma: number, conditioned: boolean): Affine =>
    conditioned ? tweedie(posterior.mean, posterior.covariance, sigma) : tweedie(MEAN, covariance, sigma);
  const computed = new Map<string, Affine>();
  const denoiser = (sigma: number, conditioned: boolean): Affine => {
    const key = `${sigma} ${conditioned}`;
    const known = computed.get(key) ?? computeDenoiser(sigma, conditioned);
    computed.set(key, known);
    return known;
  };

  const positions = height * width;
  const everywhere = (values: Vector): Tensor => {
    const data = new Float32Array(values.length * positions);
    for (const [channel, value] of values.entries()) {
      data.fill(value, channel * positions, (channel + 1) * positions);
    }
    return tensor(data, [values.length, height, width]);
  };
  const drawReceived = (): Tensor => {
    const draw = (size: number, purpose: string, deviation: number): Tensor => {
      const data = new Float32Array(size * positions);
      randomFor({ seed: 1, stream: 'toy', frame: 0, purpose }).fillNormal(data, deviation);
      return tensor(data, [size, height, width]);
    };
    const truths = mapPositions(
      { matrix: multiply(G, cholesky(covariance)), offset: apply(G, MEAN) },
      draw(3, 'truth', 1),
    );
    return plus(truths, draw(2, 'noise', Math.sqrt(noiseVariance / 2)));
  };
  const received = drawn ? drawReceived() : everywhere(y);
  // μ = (2/N0)·S·Gᵀy + what doesn't depend on y.
  const fromReceived = scale(2 / noiseVariance, multiply(posterior.covariance, transpose(G)));
  const offset = add(posterior.mean, times(-1, apply(fromReceived, y)));
  const observation: Observation = {
    y: received,
    gain: { real: everywhere([GAIN.real]), imaginary: everywhere([GAIN.imaginary]) },
    activeChannels: 2,
    noiseVariance,
    csnrDb: -10 * Math.log10(noiseVariance),
    designCsnrDb: -10 * Math.log10(noiseVariance),
    rate: 1,
    xJ: drawn ? mapPositions({ matrix: fromReceived, offset }, received) : everywhere(posterior.mean),
    taps: { fftSize: 1, carriers: new Uint16Array(positions), powers: [1] },
  };

  return {
    observation,
    positions,
    prior: { mean: MEAN, covariance },
    posterior,
    encoder: ENCODER,
    /** G = hB */
    measurement: G,
    y,
    decoder,
    denoiser,
    everywhere,
    networks: toyNetworks({ decoder, denoiser }),
    /** RMSE of x_J against the truth's law. */
    decoderRmse: Math.sqrt(posterior.covariance.reduce((total, row, i) => total + row[i]! / 3, 0)),
  };
}

export type Toy = ReturnType<typeof createToy>;

function toyNetworks({
  decoder,
  denoiser,
}: {
  decoder: Affine;
  denoiser: (sigma: number, conditioned: boolean) => Affine;
}): Required<Networks> {
  const encode: Affine = { matrix: ENCODER, offset: [0, 0] };
  const decodeBack = transpose(multiply(decoder.matrix, ENCODER));

  const back: Affine = { matrix: transpose(ENCODER), offset: [0, 0, 0] };

  /** ‖y - h⊙Bx‖ and its gradient. */
  const measure = (x: Tensor, { y, gain }: Observation) => {
    const misfit = minus(faded(mapPositions(encode, x), gain, 1), y);
    const norm = length(misfit);
    return { norm, gradient: scaled(1 / norm, mapPositions(back, faded(misfit, gain, -1))) };
  };

  /** x̂0; of the posteriors about x_J where it is conditioned. */
  const estimateOf = ({ x, sigma, conditioned, observation }: Omit<DenoiserEvaluation, 'graph'>): Tensor => {
    const D = denoiser(sigma, conditioned);
    const rest = { matrix: sum(identity(3), scale(-1, D.matrix)), offset: [0, 0, 0] };
    return conditioned
      ? plus(mapPositions({ matrix: D.matrix, offset: [0, 0, 0] }, x), mapPositions(rest, observation.xJ))
      : mapPositions(D, x);
  };
  const denoise = (evaluation: DenoiserEvaluation | DenoiserEvaluation<'distilled'>) => ({
    x0: estimateOf(evaluation),
  });
  return {
    denoiser: denoise,
    distilled: denoise,
    posteriorStep: (evaluation) => {
      const { sigma, conditioned, observation, zeta, gamma } = evaluation;
      const D = denoiser(sigma, conditioned);
      const estimate = estimateOf(evaluation);
      const x0 = clip(estimate, PIXELS);
      const z = mapPositions(encode, x0);
      const data = measure(x0, observation);
      const misfit = minus(mapPositions(decoder, z), observation.xJ);
      const confirmingNorm = length(misfit);
      const confirming = scaled(1 / confirmingNorm, mapPositions({ matrix: decodeBack, offset: [0, 0, 0] }, misfit));
      const gradient = scaled(zeta, data.gradient);
      for (let i = 0; i < gradient.data.length; i++) {
        gradient.data[i] = x0.data[i] === estimate.data[i] ? gradient.data[i]! + gamma * confirming.data[i]! : 0;
      }
      const through = { matrix: transpose(D.matrix), offset: [0, 0, 0] };
      return { x0, z, gradient: mapPositions(through, gradient), measurementNorm: data.norm, confirmingNorm };
    },
    encoderVjp: ({ x, observation }) => {
      const { norm, gradient } = measure(x, observation);
      return { z: mapPositions(encode, x), gradient, measurementNorm: norm };
    },
    decoder: ({ latent: { data, dims } }) => ({ xJ: mapPositions(decoder, tensor(data, dims.slice(1))) }),
  };
}

/** An affine map applied to every position: [n, h, w] to [m, h, w]. */
export function mapPositions({ matrix, offset }: Affine, x: Tensor): Tensor {
  const [, height = 0, width = 0] = x.dims;
  const positions = height * width;
  const out = new Float32Array(matrix.length * positions);
  for (const [i, row] of matrix.entries()) {
    const target = out.subarray(i * positions, (i + 1) * positions).fill(offset[i]!);
    for (const [j, factor] of row.entries()) {
      const source = x.data.subarray(j * positions, (j + 1) * positions);
      for (let p = 0; p < positions; p++) {
        target[p]! += factor * source[p]!;
      }
    }
  }
  return tensor(out, [matrix.length, height, width]);
}

// Indexed loops: these run thousands of times in a test.

/** h⊙z of symbols [2, h, w], or h*⊙z. */
function faded(z: Tensor, gain: Observation['gain'], sign: 1 | -1): Tensor {
  if (gain === null) {
    return z;
  }
  const data = z.data.slice();
  const half = data.length / 2;
  for (let p = 0; p < half; p++) {
    const [hI, hQ] = [gain.real.data[p]!, sign * gain.imaginary.data[p]!];
    data[p] = hI * z.data[p]! - hQ * z.data[half + p]!;
    data[half + p] = hI * z.data[half + p]! + hQ * z.data[p]!;
  }
  return { data, dims: z.dims };
}

function plus(x: Tensor, y: Tensor): Tensor {
  return minus(x, scaled(-1, y));
}

function minus(x: Tensor, y: Tensor): Tensor {
  const data = new Float32Array(x.data.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = x.data[i]! - y.data[i]!;
  }
  return { data, dims: x.dims };
}

function scaled(factor: number, x: Tensor): Tensor {
  const data = new Float32Array(x.data.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = factor * x.data[i]!;
  }
  return { data, dims: x.dims };
}

function length({ data }: Tensor): number {
  let total = 0;
  for (let i = 0; i < data.length; i++) {
    total += data[i]! * data[i]!;
  }
  return Math.sqrt(total);
}
