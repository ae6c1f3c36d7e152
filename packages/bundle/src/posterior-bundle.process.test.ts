import { fileURLToPath } from 'node:url';
import type { RgbImage, Tensor } from '@semcast/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBundle, type Bundle } from './bundle.js';
import { BundleGraphError, FeedError } from './errors.js';
import { GRAPH_NAMES } from './manifest.js';
import { replayParity } from './parity.js';
import { WorkerPool } from './pool.js';

/** The small bundle with all graphs, made by make_posterior_bundle.py. */
let bundle: Bundle;
let pool: WorkerPool;
beforeAll(async () => {
  bundle = await loadBundle(fileURLToPath(new URL('../fixtures/posterior-bundle', import.meta.url)));
  pool = await WorkerPool.start({ graphs: bundle.graphs, workers: 1 });
});
afterAll(() => pool.close());

const fill = (value: number, dims: readonly number[]): Tensor => ({
  data: new Float32Array(dims.reduce((size, dim) => size * dim, 1)).fill(value),
  dims,
});
const picture = (width: number, value: number): RgbImage => ({
  width,
  height: 8,
  data: new Uint8Array(24 * width).fill(value),
});
const normalisation = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

describe('a bundle for posterior sampling', () => {
  it('computes here what it computed in PyTorch, in all graphs', async () => {
    const results = await replayParity(bundle, pool);
    expect(new Set(results.map(({ graph }) => graph))).toEqual(new Set(GRAPH_NAMES));
    expect(Math.max(...results.map(({ maxError }) => maxError))).toBeLessThanOrEqual(1e-4);
  });

  it('is not loaded where a graph has the inputs of another', async () => {
    const { denoiser, encoderVjp } = bundle.graphs;
    const graphs = { denoiser: { ...denoiser!, file: encoderVjp!.file } };
    await expect(WorkerPool.start({ graphs, workers: 1 })).rejects.toThrow(BundleGraphError);
  });
});

describe('the fused step', () => {
  it.each([
    ['within', 0.5, false],
    ['beyond', 5, true],
  ])(
    'clips what the denoiser makes of a picture %s the range of pixels, and pulls nowhere there',
    async (_, level, clips) => {
      const x = fill(level, [1, 3, 8, 8]);
      const condition = { sigma: fill(0.1, [1]), x_j: fill(0, [1, 3, 8, 8]), flag: fill(0, [1]) };
      const told = { csnr_db: fill(10, [1]), rate: fill(1, [1]) };
      const received = { design_csnr_db: fill(10, [1]), mask: fill(1, [1, 8, 1, 1]), y: fill(0.3, [1, 8, 2, 2]) };
      const gains = { gain_real: fill(1, [1, 4, 2, 2]), gain_imaginary: fill(0, [1, 4, 2, 2]) };
      const weights = { zeta: fill(1, [1]), gamma: fill(1, [1]) };
      const denoiser = await pool.run('denoiser', { x, ...condition, ...told });
      const step = await pool.run('posteriorStep', { x, ...condition, ...told, ...received, ...gains, ...weights });
      const { x0, gradient } = step.tensors;
      expect(Math.max(...denoiser.tensors['x0']!.data) > 1).toBe(clips);
      x0!.data.forEach((value, i) => expect(value).toBeCloseTo(Math.min(denoiser.tensors['x0']!.data[i]!, 1), 5));
      expect(gradient!.data.every((value) => value === 0)).toBe(clips);
    },
  );
});

describe('several pictures as one input', () => {
  const condition = { csnr_db: fill(10, [2]), rate: fill(1, [2]), mask: fill(1, [2, 8, 1, 1]) };

  it('are encoded as each is alone', async () => {
    const images = [picture(8, 10), picture(7, 200)];
    const image = { images, multiple: 4, normalisation };
    const { latent } = (await pool.run('encoder', { image, ...condition })).tensors;
    expect(latent!.dims).toEqual([2, 8, 2, 2]);
    for (const [i, each] of images.entries()) {
      const alone = await pool.run('encoder', {
        image: { images: [each], multiple: 4, normalisation },
        csnr_db: fill(10, [1]),
        rate: fill(1, [1]),
        mask: fill(1, [1, 8, 1, 1]),
      });
      expect(latent!.data.slice(32 * i, 32 * i + 32)).toEqual(alone.tensors['latent']!.data);
    }
    expect(images[0]!.data).toHaveLength(192);
  });

  it.each([
    ['of different padded sizes', [picture(8, 1), picture(9, 1)]],
    ['that are none', []],
  ])('%s are refused', async (_, images) => {
    const image = { images, multiple: 4, normalisation };
    await expect(pool.run('encoder', { image, ...condition })).rejects.toThrow(FeedError);
  });
});

describe('a picture and its tensor', () => {
  it('come from one run', async () => {
    const feeds = { latent: fill(0.3, [2, 8, 2, 3]), csnr_db: fill(10, [2]), rate: fill(1, [2]) };
    const sizes = [
      { width: 12, height: 8 },
      { width: 5, height: 6 },
    ];
    const fetch = { output: 'image', normalisation, sizes };
    const { images, tensors } = await pool.run('decoder', feeds, { fetch: { ...fetch, keepTensor: true } });
    expect(await pool.run('decoder', feeds, { fetch: { ...fetch, keepTensor: false } })).toEqual({
      images,
      tensors: {},
    });
    expect(images.map((image) => image && { width: image.width, height: image.height })).toEqual(sizes);
    expect(await pool.run('decoder', feeds)).toEqual({ images: [], tensors });
  });
});
