import type { BundleManifest, Feed, SessionPool } from '@semcast/bundle';
import { sizeOf, tensor, type Tensor } from '@semcast/core';
import {
  EvaluationError,
  type DenoiserEvaluation,
  type EncoderVjpEvaluation,
  type Observation,
  type PosteriorStepEvaluation,
} from '@semcast/posterior';
import type { EncodeRow, NetworkGraph, NetworkResult, NetworkRow, OneShotRow } from './network-rows.js';

/** Told how many seconds a run waited until its graph was loaded. */
type OnLoad = (seconds: number) => void;

/** Runs rows of one graph and one picture size as one batch. */
export interface BatchNetworks {
  /**
   * @param rows at least one
   * @param bucket the batch's size, at least as many as there are rows; rows beyond them repeat the last
   * @param onLoad called, before it resolves, only where the run was the first of a graph that is loaded late
   * @returns a result for each row, in their order
   * @throws EvaluationError when the graph gives other shapes than it must; the errors of a pool's run
   */
  run(rows: readonly NetworkRow[], bucket: number, onLoad?: OnLoad): Promise<readonly NetworkResult[]>;
}

type Outputs = Readonly<Record<string, Tensor>>;

/** Item `i` where there is one, else the last: a batch is padded with copies of what it ends with. */
function paddedTo<Item>(bucket: number, items: readonly Item[]): Item[] {
  return Array.from({ length: bucket }, (_, i) => items[Math.min(i, items.length - 1)]!);
}

/** Tensors of one shape one after the other, [B, …]; always a copy, so that it may be handed to a worker. */
function stack(tensors: readonly Tensor[], dims: readonly number[] = tensors[0]!.dims): Tensor {
  const size = sizeOf(dims);
  const data = new Float32Array(tensors.length * size);
  for (const [i, each] of tensors.entries()) {
    if (each.data.length !== size) {
      throw new EvaluationError(`rows of [${dims.join(', ')}] and of [${each.dims.join(', ')}] can't share a batch`);
    }
    data.set(each.data, i * size);
  }
  return tensor(data, [tensors.length, ...dims]);
}

function scalars(values: readonly number[]): Tensor {
  return tensor(Float32Array.from(values), [values.length]);
}

/** [B, C, 1, 1], 1 for channels that were sent. */
function masks(activeChannels: readonly number[], channels: number): Tensor {
  const data = new Float32Array(activeChannels.length * channels);
  for (const [i, active] of activeChannels.entries()) {
    data.fill(1, i * channels, i * channels + active);
  }
  return tensor(data, [activeChannels.length, channels, 1, 1]);
}

/** h as the graphs take it; 1 where there is no fading. */
function gainPlanes(observations: readonly Observation[], part: 'real' | 'imaginary'): Tensor {
  const [channels = 0, height = 0, width = 0] = observations[0]!.y.dims;
  const dims = [channels / 2, height, width];
  const one = { data: new Float32Array(sizeOf(dims)).fill(part === 'real' ? 1 : 0), dims };
  return stack(
    observations.map(({ gain }) => gain?.[part] ?? one),
    dims,
  );
}

type DenoiserRow = DenoiserEvaluation | DenoiserEvaluation<'distilled'>;

/** D(x; σ) and what it is conditioned on. */
function denoiserFeeds(rows: readonly (DenoiserRow | PosteriorStepEvaluation)[]): Record<string, Tensor> {
  return {
    x: stack(rows.map(({ x }) => x)),
    sigma: scalars(rows.map(({ sigma }) => sigma)),
    x_j: stack(rows.map(({ observation }) => observation.xJ)),
    flag: scalars(rows.map(({ conditioned }) => (conditioned ? 1 : 0))),
    csnr_db: scalars(rows.map(({ observation }) => observation.csnrDb)),
    rate: scalars(rows.map(({ observation }) => observation.rate)),
  };
}

/** y and what the transmitter's encoder and the channel did. */
function receivedFeeds(rows: readonly (EncoderVjpEvaluation | PosteriorStepEvaluation)[]): Record<string, Tensor> {
  const observations = rows.map(({ observation }) => observation);
  const y = stack(observations.map((each) => each.y));
  return {
    design_csnr_db: scalars(observations.map(({ designCsnrDb }) => designCsnrDb)),
    mask: masks(
      observations.map(({ activeChannels }) => activeChannels),
      y.dims[1]!,
    ),
    y,
    gain_real: gainPlanes(observations, 'real'),
    gain_imaginary: gainPlanes(observations, 'imaginary'),
  };
}

/** Row `i` of an output that must be [bucket, …dims]; a copy where the batch has others, so that it keeps none of them. */
function rowOf(graph: NetworkGraph, outputs: Outputs, name: string, i: number, rows: number): Tensor {
  const { data, dims } = outputs[name]!;
  const rowDims = dims.slice(1);
  const size = sizeOf(rowDims);
  if (dims[0] !== rows || data.length !== rows * size) {
    throw new EvaluationError(`${graph} gave ${name} of shape [${dims.join(', ')}] for a batch of ${rows}`);
  }
  return tensor(rows === 1 ? data : data.slice(i * size, (i + 1) * size), rowDims);
}

/** The network functions of a bundle's graphs, on the workers of a pool. */
export function createBatchNetworks(
  { stride, latentChannels, normalisation }: Pick<BundleManifest, 'stride' | 'latentChannels' | 'normalisation'>,
  pool: Pick<SessionPool, 'run' | 'runToImagesAndTensor' | 'runToImages'>,
): BatchNetworks {
  async function run<Row extends NetworkRow>(
    rows: readonly Row[],
    feeds: Readonly<Record<string, Feed>>,
    bucket: number,
    expected: Readonly<Record<string, readonly number[]>>,
    onLoad: OnLoad,
    resultOf: (tensorOf: (output: string) => Tensor, row: Row) => NetworkResult,
  ): Promise<NetworkResult[]> {
    const { graph } = rows[0]!;
    const outputs = await pool.run(graph, feeds, { transfer: true, onLoad });
    for (const [name, dims] of Object.entries(expected)) {
      const given = outputs[name]?.dims ?? [];
      if (given.join() !== [bucket, ...dims].join()) {
        throw new EvaluationError(
          `${graph} gave ${name} of shape [${given.join(', ')}], not [${[bucket, ...dims].join(', ')}]`,
        );
      }
    }
    return rows.map((row, i) => resultOf((output) => rowOf(graph, outputs, output, i, bucket), row));
  }

  async function decode(rows: readonly OneShotRow[], bucket: number, onLoad: OnLoad): Promise<NetworkResult[]> {
    const all = paddedTo(bucket, rows);
    const feeds = {
      latent: stack(
        all.map(({ latent }) => latent),
        rows[0]!.latent.dims.slice(1),
      ),
      csnr_db: scalars(all.map(({ csnrDb }) => csnrDb)),
      rate: scalars(all.map(({ rate }) => rate)),
    };
    // Of the padding rows, a pixel each: a picture must come, and nobody looks at it.
    const sizes = all.map(({ width, height }, i) => (i < rows.length ? { width, height } : { width: 1, height: 1 }));
    const fetch = { output: 'image', normalisation, sizes };
    if (!rows.some(({ keepTensor }) => keepTensor)) {
      const images = await pool.runToImages('decoder', feeds, fetch, { transfer: true, onLoad });
      return rows.map((_, i) => ({ image: images[i]!, xJ: null }));
    }
    const { images, tensor: image } = await pool.runToImagesAndTensor('decoder', feeds, fetch, {
      transfer: true,
      onLoad,
    });
    return rows.map(({ keepTensor }, i) => ({
      image: images[i]!,
      xJ: keepTensor ? rowOf('decoder', { image }, 'image', i, bucket) : null,
    }));
  }

  async function encode(rows: readonly EncodeRow[], bucket: number, onLoad: OnLoad): Promise<NetworkResult[]> {
    const all = paddedTo(bucket, rows);
    const feeds = {
      image: { images: all.map(({ image }) => image), multiple: stride, normalisation },
      csnr_db: scalars(all.map(({ csnrDb }) => csnrDb)),
      rate: scalars(all.map(({ activeChannels }) => activeChannels / latentChannels)),
      mask: masks(
        all.map(({ activeChannels }) => activeChannels),
        latentChannels,
      ),
    };
    const { width, height } = rows[0]!.image;
    const latent = [latentChannels, Math.ceil(height / stride), Math.ceil(width / stride)];
    return run(rows, feeds, bucket, { latent }, onLoad, (of) => ({ latent: of('latent') }));
  }

  async function denoise(rows: readonly DenoiserRow[], bucket: number, onLoad: OnLoad): Promise<NetworkResult[]> {
    const expected = { x0: rows[0]!.x.dims };
    return run(rows, denoiserFeeds(paddedTo(bucket, rows)), bucket, expected, onLoad, (of) => ({ x0: of('x0') }));
  }

  async function differentiate(
    rows: readonly EncoderVjpEvaluation[],
    bucket: number,
    onLoad: OnLoad,
  ): Promise<NetworkResult[]> {
    const all = paddedTo(bucket, rows);
    const feeds = {
      x: stack(all.map(({ x }) => x)),
      rate: scalars(all.map(({ observation }) => observation.rate)),
      ...receivedFeeds(all),
    };
    const { x, observation } = rows[0]!;
    const expected = { z: observation.y.dims, gradient: x.dims, measurement_norm: [] };
    return run(rows, feeds, bucket, expected, onLoad, (of) => ({
      z: of('z'),
      gradient: of('gradient'),
      measurementNorm: of('measurement_norm').data[0]!,
    }));
  }

  async function step(
    rows: readonly PosteriorStepEvaluation[],
    bucket: number,
    onLoad: OnLoad,
  ): Promise<NetworkResult[]> {
    const all = paddedTo(bucket, rows);
    const feeds = {
      ...denoiserFeeds(all),
      ...receivedFeeds(all),
      zeta: scalars(all.map(({ zeta }) => zeta)),
      gamma: scalars(all.map(({ gamma }) => gamma)),
    };
    const { x, observation } = rows[0]!;
    const expected = {
      x0: x.dims,
      gradient: x.dims,
      z: observation.y.dims,
      measurement_norm: [],
      confirming_norm: [],
    };
    return run(rows, feeds, bucket, expected, onLoad, (of) => ({
      x0: of('x0'),
      gradient: of('gradient'),
      z: of('z'),
      measurementNorm: of('measurement_norm').data[0]!,
      confirmingNorm: of('confirming_norm').data[0]!,
    }));
  }

  const byGraph: {
    readonly [Graph in NetworkGraph]: (
      rows: readonly Extract<NetworkRow, { readonly graph: Graph }>[],
      bucket: number,
      onLoad: OnLoad,
    ) => Promise<NetworkResult[]>;
  } = {
    decoder: decode,
    encoder: encode,
    denoiser: denoise,
    distilled: denoise,
    encoderVjp: differentiate,
    posteriorStep: step,
  };
  return {
    // The graph tells which rows these are; the type of a table's entry doesn't follow from its key.
    run: async (rows, bucket, onLoad = () => undefined) =>
      (byGraph[rows[0]!.graph] as BatchNetworks['run'])(rows, bucket, onLoad),
  };
}
