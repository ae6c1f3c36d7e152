import type { BundleManifest, Feed, ImageFetch, RunResult, SessionPool } from '@semcast/bundle';
import { sizeOf, tensor, type Tensor } from '@semcast/core';
import {
  EvaluationError,
  type DenoiserEvaluation,
  type EncoderVjpEvaluation,
  type Observation,
  type PosteriorStepEvaluation,
} from '@semcast/posterior';
import type { NetworkGraph, NetworkResult, NetworkRow, OneShotResult, TransportRow } from './network-rows.js';

/** Called with the seconds that a run waited until its graph was loaded. */
type OnLoad = (seconds: number) => void;

/** Runs rows of one graph and one picture size as one batch. */
export interface BatchNetworks {
  /**
   * @param rows at least one
   * @param bucket the batch's size, at least as many as there are rows; rows beyond them repeat the last
   * @param onLoad called, before it resolves, only where the run was the first of a graph that is loaded late
   * @returns a result for each row, in their order
   * @throws EvaluationError when the graph gives wrong shapes; the errors of a pool's run
   */
  run(rows: readonly NetworkRow[], bucket: number, onLoad?: OnLoad): Promise<readonly NetworkResult[]>;
}

type Outputs = Readonly<Record<string, Tensor>>;
type Manifest = Pick<BundleManifest, 'stride' | 'latentChannels' | 'normalisation'>;

/** Item `i` where there is one, else the last: a batch is padded with copies of its last item. */
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

/** What a run of a graph takes for the rows of a batch, and what it gives for each of them. */
interface Call {
  readonly feeds: Readonly<Record<string, Feed>>;
  readonly fetch?: ImageFetch;
  /** The shape of each output, without the batch. */
  readonly expected: Readonly<Record<string, readonly number[]>>;
  /** The result of row `i`, from its row of each output and the pictures of all. */
  readonly resultOf: (of: (output: string) => Tensor, i: number, images: RunResult['images']) => NetworkResult;
}

/** By graph, the run for a batch: `count` rows, and behind them those that pad it. */
type Calls = {
  readonly [Graph in Exclude<NetworkGraph, 'transport'>]: (
    rows: readonly Extract<NetworkRow, { readonly graph: Graph }>[],
    count: number,
  ) => Call;
};

function denoise(rows: readonly DenoiserRow[]): Call {
  return { feeds: denoiserFeeds(rows), expected: { x0: rows[0]!.x.dims }, resultOf: (of) => ({ x0: of('x0') }) };
}

function callsOf({ stride, latentChannels, normalisation }: Manifest): Calls {
  return {
    denoiser: denoise,
    distilled: denoise,

    decoder: (rows, count) => ({
      feeds: {
        latent: stack(
          rows.map(({ latent }) => latent),
          rows[0]!.latent.dims.slice(1),
        ),
        csnr_db: scalars(rows.map(({ csnrDb }) => csnrDb)),
        rate: scalars(rows.map(({ rate }) => rate)),
      },
      fetch: {
        output: 'image',
        normalisation,
        // One pixel for each padding row: the call needs a picture, and its result is discarded.
        sizes: rows.map(({ width, height }, i) => (i < count ? { width, height } : { width: 1, height: 1 })),
        keepTensor: rows.some(({ keepTensor }) => keepTensor),
      },
      expected: {},
      resultOf: (of, i, images): OneShotResult => ({
        image: images[i]!,
        xJ: rows[i]!.keepTensor ? of('image') : null,
      }),
    }),

    encoder: (rows) => {
      const { width, height } = rows[0]!.image;
      return {
        feeds: {
          image: { images: rows.map(({ image }) => image), multiple: stride, normalisation },
          csnr_db: scalars(rows.map(({ csnrDb }) => csnrDb)),
          rate: scalars(rows.map(({ activeChannels }) => activeChannels / latentChannels)),
          mask: masks(
            rows.map(({ activeChannels }) => activeChannels),
            latentChannels,
          ),
        },
        expected: { latent: [latentChannels, Math.ceil(height / stride), Math.ceil(width / stride)] },
        resultOf: (of) => ({ latent: of('latent') }),
      };
    },

    encoderVjp: (rows) => ({
      feeds: {
        x: stack(rows.map(({ x }) => x)),
        rate: scalars(rows.map(({ observation }) => observation.rate)),
        ...receivedFeeds(rows),
      },
      expected: { z: rows[0]!.observation.y.dims, gradient: rows[0]!.x.dims, measurement_norm: [] },
      resultOf: (of) => ({
        z: of('z'),
        gradient: of('gradient'),
        measurementNorm: of('measurement_norm').data[0]!,
      }),
    }),

    posteriorStep: (rows) => {
      const { x, observation } = rows[0]!;
      return {
        feeds: {
          ...denoiserFeeds(rows),
          ...receivedFeeds(rows),
          zeta: scalars(rows.map(({ zeta }) => zeta)),
          gamma: scalars(rows.map(({ gamma }) => gamma)),
        },
        expected: {
          x0: x.dims,
          gradient: x.dims,
          z: observation.y.dims,
          measurement_norm: [],
          confirming_norm: [],
        },
        resultOf: (of) => ({
          x0: of('x0'),
          gradient: of('gradient'),
          z: of('z'),
          measurementNorm: of('measurement_norm').data[0]!,
          confirmingNorm: of('confirming_norm').data[0]!,
        }),
      };
    },
  };
}

/** The picture of a digital frame. @throws the errors of its coder; whatever the sender did is a lost picture */
export type DecodeTransport = (row: TransportRow) => Promise<Omit<OneShotResult, 'xJ'>>;

/** The network functions of a bundle's graphs, on the workers of a pool, and beside them the digital link. */
export function createBatchNetworks(
  manifest: Manifest,
  pool: Pick<SessionPool, 'run'>,
  decodeTransport: DecodeTransport,
): BatchNetworks {
  const calls = callsOf(manifest);
  return {
    run: async (rows, bucket, onLoad = () => undefined) => {
      const { graph } = rows[0]!;
      if (graph === 'transport') {
        const decoded = await Promise.all((rows as readonly TransportRow[]).map(decodeTransport));
        return decoded.map((result): OneShotResult => ({ ...result, xJ: null }));
      }
      // The graph tells which rows these are; the type of a table's entry doesn't follow from its key.
      const call = calls[graph] as (rows: readonly NetworkRow[], count: number) => Call;
      const { feeds, fetch, expected, resultOf } = call(paddedTo(bucket, rows), rows.length);
      const { tensors, images } = await pool.run(graph, feeds, { transfer: true, onLoad, ...(fetch && { fetch }) });
      for (const [name, dims] of Object.entries(expected)) {
        const given = tensors[name]?.dims ?? [];
        if (given.join() !== [bucket, ...dims].join()) {
          throw new EvaluationError(
            `${graph} gave ${name} of shape [${given.join(', ')}], not [${[bucket, ...dims].join(', ')}]`,
          );
        }
      }
      return rows.map((_, i) => resultOf((output) => rowOf(graph, tensors, output, i, bucket), i, images));
    },
  };
}
