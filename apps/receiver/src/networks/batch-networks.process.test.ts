import { fileURLToPath } from 'node:url';
import { createSessionPool, loadBundle, type Bundle, type SessionPool } from '@semcast/bundle';
import { randomFor, sizeOf, tensor, type Tensor } from '@semcast/core';
import { EvaluationError, type Observation } from '@semcast/posterior';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBatchNetworks, type BatchNetworks } from './batch-networks.js';
import type { NetworkGraph, NetworkResult, NetworkRow } from './network-rows.js';

let bundle: Bundle;
let pool: SessionPool;
let networks: BatchNetworks;

const noTransport = async (): Promise<never> => {
  throw new Error('there is no digital frame here');
};

beforeAll(async () => {
  bundle = await loadBundle(
    fileURLToPath(new URL('../../../../packages/bundle/fixtures/posterior-bundle', import.meta.url)),
  );
  pool = await createSessionPool({ graphs: bundle.graphs, workers: 1 });
  networks = createBatchNetworks(bundle.manifest, pool, noTransport);
});
afterAll(() => pool.close());

const WIDTH = 12;
const HEIGHT = 8;

function noise(purpose: string, frame: number, dims: readonly number[]): Tensor {
  const data = new Float32Array(sizeOf(dims));
  randomFor({ seed: 3, stream: 'rows', frame, purpose }).fillNormal(data, 0.5);
  return tensor(data, dims);
}

/** Rows of one graph, as different as rows of one size can be. */
function rowsOf(graph: NetworkGraph, count: number): NetworkRow[] {
  return Array.from({ length: count }, (_, i): NetworkRow => {
    const activeChannels = [2, 4, 8][i % 3]!;
    const sent = noise('y', i, [8, 2, 3]);
    sent.data.fill(0, activeChannels * 6);
    const observation: Observation = {
      y: sent,
      gain: i % 2 === 0 ? null : { real: noise('real', i, [4, 2, 3]), imaginary: noise('imaginary', i, [4, 2, 3]) },
      activeChannels,
      noiseVariance: 0.1,
      csnrDb: 3 * i,
      designCsnrDb: 2 * i + 1,
      rate: activeChannels / 8,
      xJ: noise('xJ', i, [3, HEIGHT, WIDTH]),
    };
    const x = noise('x', i, [3, HEIGHT, WIDTH]);
    const denoising = { x, sigma: 0.1 + 0.2 * i, conditioned: i % 2 === 0, observation };
    switch (graph) {
      case 'decoder':
        return {
          graph,
          latent: tensor(sent.data, [1, ...sent.dims]),
          csnrDb: 3 * i,
          rate: activeChannels / 8,
          width: WIDTH - i,
          height: HEIGHT - i,
          keepTensor: i % 2 === 0,
        };
      case 'encoder': {
        const image = { width: WIDTH - (i % 4), height: HEIGHT, data: new Uint8Array(3 * (WIDTH - (i % 4)) * HEIGHT) };
        image.data.forEach((_zero, k) => (image.data[k] = (k * (i + 7)) % 256));
        return { graph, image, csnrDb: 3 * i, activeChannels };
      }
      case 'denoiser':
      case 'distilled':
        return { graph, ...denoising };
      case 'encoderVjp':
        return { graph, x, observation };
      default:
        // The third has no weight on its decode: its norm is 0 in any company.
        return { graph: 'posteriorStep', ...denoising, zeta: 1 + i, gamma: i === 2 ? 0 : 0.5 };
    }
  });
}

/** All numbers of a result, pixels in units of float pictures. */
function numbersOf(result: NetworkResult): number[] {
  return Object.values(result).flatMap((value: unknown): number[] => {
    if (typeof value === 'number') {
      return [value];
    }
    const { data } = (value ?? { data: [] }) as { data: ArrayLike<number> };
    return Array.from(data, (each) => (data instanceof Uint8Array ? each / 127.5 : each));
  });
}

const graphs: NetworkGraph[] = ['decoder', 'encoder', 'denoiser', 'distilled', 'encoderVjp', 'posteriorStep'];

describe.each(graphs)('the network %s', (graph) => {
  it.each([
    [3, 3],
    [3, 4],
    [1, 4],
  ])('gives each of %i rows in a batch of %i what it gives it alone', async (count, bucket) => {
    const rows = rowsOf(graph, count);
    const together = await networks.run(rows, bucket);
    expect(together).toHaveLength(count);
    for (const [i, row] of rows.entries()) {
      const [alone] = await networks.run([row], 1);
      const [expected, given] = [numbersOf(alone!), numbersOf(together[i]!)];
      expect(given).toHaveLength(expected.length);
      expect(expected.length).toBeGreaterThan(10);
      const worst = given.reduce((most, value, k) => Math.max(most, Math.abs(value - expected[k]!)), 0);
      // An 8-bit picture may be one step off where its value lies between two.
      expect(worst).toBeLessThanOrEqual(graph === 'decoder' ? 1 / 127.5 + 1e-6 : 1e-4);
      expect(Object.keys(together[i]!)).toEqual(Object.keys(alone!));
    }
  });

  it('leaves its rows as they were', async () => {
    const rows = rowsOf(graph, 2);
    await networks.run(rows, 2);
    expect(rows).toEqual(rowsOf(graph, 2));
  });
});

describe('a batch', () => {
  it('keeps x_J for whom it is wanted, and cuts pictures to their sizes', async () => {
    const results = await networks.run(rowsOf('decoder', 2), 2);
    expect(results).toMatchObject([
      { image: { width: 12, height: 8 }, xJ: { dims: [3, 8, 12] } },
      { image: { width: 11, height: 7 }, xJ: null },
    ]);
  });

  it('has a gradient of what it measures', async () => {
    const [row] = rowsOf('encoderVjp', 1);
    const moved = { ...row!, x: noise('x', 0, [3, HEIGHT, WIDTH]) } as Extract<NetworkRow, { graph: 'encoderVjp' }>;
    const [before] = (await networks.run([row!], 1)) as readonly { gradient: Tensor; measurementNorm: number }[];
    const step = 1e-3;
    for (const [i, slope] of before!.gradient.data.entries()) {
      moved.x.data[i]! -= step * slope;
    }
    const [after] = (await networks.run([moved], 1)) as readonly { measurementNorm: number }[];
    const slope = before!.gradient.data.reduce((sum, value) => sum + value * value, 0);
    expect((before!.measurementNorm - after!.measurementNorm) / step).toBeCloseTo(slope, 1);
  });

  it.each([
    ['another shape', [1, 3, 8, 4]],
    ['another batch', [2, 3, 8, 12]],
  ])('is refused where a graph gives %s', async (_, dims) => {
    const x0 = tensor(new Float32Array(sizeOf(dims)), dims);
    const odd = createBatchNetworks(
      bundle.manifest,
      {
        run: async () => ({ tensors: { x0 }, images: [] }),
      } as unknown as SessionPool,
      noTransport,
    );
    await expect(odd.run(rowsOf('denoiser', 1), 1)).rejects.toThrow(EvaluationError);
  });

  it('is refused where its rows are not of one size', async () => {
    const [row, other] = rowsOf('encoderVjp', 2) as Extract<NetworkRow, { graph: 'encoderVjp' }>[];
    const wider = { ...other!, x: noise('x', 0, [3, HEIGHT, 2 * WIDTH]) };
    await expect(networks.run([row!, wider], 2)).rejects.toThrow(EvaluationError);
  });
});
