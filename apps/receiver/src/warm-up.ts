import type { BundleManifest, GraphName } from '@semcast/bundle';
import { tensor, type Tensor } from '@semcast/core';
import type { Observation } from '@semcast/posterior';
import type { ImageSize } from '@semcast/scheduler';
import type { BatchNetworks } from './networks/batch-networks.js';
import type { NetworkRow } from './networks/network-rows.js';

/** Side of the pictures that networks are warmed up on, up to the bundle's stride. */
const SIDE = 256;

export interface WarmUpOptions {
  readonly graphs: Iterable<GraphName>;
  /** Sizes of batches to run. */
  readonly buckets: readonly number[];
  /** Runs of each; the last one's time counts. The first on a GPU is spent on choosing kernels. */
  readonly passes: number;
  /** No run is begun after this; the scheduler learns the other costs from frames. */
  readonly budgetMs: number;
  /** Told what each run took. */
  readonly observe: (graph: GraphName, size: ImageSize, bucket: number, elapsedMs: number) => void;
}

/**
 * Run each graph once for each batch size before the first frame comes: on a GPU that compiles kernels and takes its
 * memory, and everywhere the scheduler learns what runs cost, so that it can judge the deadline of the first frame.
 */
export async function warmUp(
  networks: BatchNetworks,
  manifest: BundleManifest,
  { graphs, buckets, passes, budgetMs, observe }: WarmUpOptions,
): Promise<void> {
  const side = Math.ceil(SIDE / manifest.stride) * manifest.stride;
  const size = { key: `${side}x${side}`, pixels: side * side };
  const startMs = performance.now();
  for (const graph of graphs) {
    const row = greyRow(graph, side, manifest);
    for (const bucket of buckets) {
      let elapsedMs = 0;
      for (let pass = 0; pass < passes; pass++) {
        const beganMs = performance.now();
        if (beganMs - startMs > budgetMs) {
          return;
        }
        await networks.run([row], bucket);
        elapsedMs = performance.now() - beganMs;
      }
      observe(graph, size, bucket, elapsedMs);
    }
  }
}

/** A row as a frame would have it, of a grey picture. */
function greyRow(graph: GraphName, side: number, { stride, latentChannels, csnrDb }: BundleManifest): NetworkRow {
  const positions = side / stride;
  const dims = [latentChannels, positions, positions];
  const latent = tensor(new Float32Array(latentChannels * positions ** 2).fill(0.5), dims);
  const x: Tensor = tensor(new Float32Array(3 * side * side), [3, side, side]);
  const observation: Observation = {
    y: latent,
    gain: null,
    activeChannels: latentChannels,
    noiseVariance: 1,
    csnrDb: csnrDb.max,
    designCsnrDb: csnrDb.max,
    rate: 1,
    xJ: x,
  };
  const image = { width: side, height: side, data: new Uint8Array(3 * side * side).fill(128) };
  const denoising = { x, sigma: 1, conditioned: true, observation };
  const oneShot = { latent: tensor(latent.data, [1, ...dims]), csnrDb: csnrDb.max, rate: 1, width: side, height: side };
  const rows: { readonly [Graph in GraphName]: NetworkRow } = {
    decoder: { graph: 'decoder', ...oneShot, keepTensor: true },
    encoder: { graph: 'encoder', image, csnrDb: csnrDb.max, activeChannels: latentChannels },
    denoiser: { graph: 'denoiser', ...denoising },
    distilled: { graph: 'distilled', ...denoising },
    encoderVjp: { graph: 'encoderVjp', x, observation },
    posteriorStep: { graph: 'posteriorStep', ...denoising, zeta: 1, gamma: 1 },
  };
  return rows[graph];
}
