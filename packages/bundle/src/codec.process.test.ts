import { fileURLToPath } from 'node:url';
import type { RgbImage, Tensor } from '@semcast/core';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBundle, type Bundle } from './bundle.js';
import { createCodec, type Codec } from './codec.js';
import { FeedError, ImageTooLargeError, UnknownRateError } from './errors.js';
import { WorkerPool } from './pool.js';
import type { SessionPool } from './pool.js';
import type { Feed } from './types.js';

let bundle: Bundle;
let pool: WorkerPool;
let codec: Codec;

beforeAll(async () => {
  bundle = await loadBundle(fileURLToPath(new URL('../fixtures/toy-bundle', import.meta.url)));
  pool = await WorkerPool.start({ graphs: bundle.graphs, workers: 1 });
  codec = createCodec(bundle, pool);
});

afterAll(async () => {
  await pool.close();
});

function noise(width: number, height: number, seed = 0): RgbImage {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => Math.imul(i + 1 + seed, 2654435761) >>> 24);
  return { width, height, data };
}

function zeros(dims: readonly number[]): Tensor {
  return { data: new Float32Array(dims.reduce((size, dim) => size * dim, 1)), dims };
}

const full = { csnrDb: 10, cbr: '1/2' };

describe('createCodec', () => {
  it('brings back, through a codec without loss, any picture of any size', async () => {
    const side = fc.integer({ min: 1, max: 33 });
    await fc.assert(
      fc.asyncProperty(side, side, fc.nat(), async (width, height, seed) => {
        const image = noise(width, height, seed);
        const { latent, ...sizes } = await codec.encode(image, full);
        const [h, w] = [Math.ceil(height / 4), Math.ceil(width / 4)];
        expect(latent.dims).toEqual([1, 48, h, w]);
        expect(sizes).toEqual({ activeChannels: 48, positions: h * w, channelUses: 24 * h * w });
        expect(await codec.decode(latent, { ...full, width, height })).toEqual(image);
      }),
      {
        numRuns: 100,
        examples: [
          [1, 1, 0],
          [1, 33, 0],
          [4, 4, 0],
          [5, 3, 0],
        ],
      },
    );
  });

  it('takes pixels in a Buffer, as image decoders give them', async () => {
    const image = noise(6, 5);
    const buffer = Buffer.from(image.data);
    const { latent } = await codec.encode({ ...image, data: buffer }, full);
    expect(await codec.decode(latent, { ...full, width: 6, height: 5 })).toEqual(image);
    expect(buffer).toHaveLength(90);
  });

  it('sends a prefix of the channels', async () => {
    const { latent, activeChannels, channelUses } = await codec.encode(noise(8, 8), { csnrDb: 10, cbr: '1/4' });
    expect([activeChannels, channelUses]).toEqual([24, 12 * 4]);
    expect(latent.data.subarray(24 * 4).every((value) => value === 0)).toBe(true);
    expect(latent.data.subarray(0, 24 * 4).every((value) => value !== 0)).toBe(true);
  });

  it('tells the graphs about channel and rate', async () => {
    const calls: [string, Record<string, Feed>][] = [];
    const spy = {
      run: async (graph: string, feeds: Record<string, Feed>) => {
        calls.push([graph, feeds]);
        return { tensors: { latent: { data: new Float32Array(48), dims: [1, 48, 1, 1] } }, images: [] };
      },
    } as unknown as SessionPool;
    await createCodec(bundle, spy).encode(noise(3, 2), { csnrDb: 31, cbr: '1/4' });
    const [graph, feeds] = calls[0]!;
    expect(graph).toBe('encoder');
    const values = (name: string): number[] => [...(feeds[name] as Tensor).data];
    expect(values('csnr_db')).toEqual([20]);
    expect(values('rate')).toEqual([0.5]);
    expect(values('mask')).toEqual(Array.from({ length: 48 }, (_, i) => (i < 24 ? 1 : 0)));
  });

  it('knows the sizes beforehand', () => {
    expect(codec.geometry(9, 4)).toEqual({
      channels: 48,
      height: 1,
      width: 3,
      positions: 3,
      paddedHeight: 4,
      paddedWidth: 12,
    });
    expect(codec.activeChannels('1/4')).toBe(24);
  });

  it('refuses what it cannot take', async () => {
    await expect(codec.encode(noise(4, 4), { ...full, cbr: '1/3' })).rejects.toThrow(UnknownRateError);
    await expect(codec.encode({ width: 4, height: 4, data: new Uint8Array(64) }, full)).rejects.toThrow(
      /48 bytes, not 64/,
    );
    await expect(codec.encode({ width: 0, height: 4, data: new Uint8Array(0) }, full)).rejects.toThrow(FeedError);
    const wrong = codec.decode(zeros([1, 48, 2, 2]), { ...full, width: 4, height: 4 });
    await expect(wrong).rejects.toMatchObject({ code: 'E_FEED', remedy: expect.stringContaining('[1, 48, 1, 1]') });
    await expect(codec.decode(zeros([2, 48, 1, 1]), { ...full, width: 4, height: 4 })).rejects.toThrow(
      /\[2, 48, 1, 1\]/,
    );
  });

  it('limits the size of pictures', async () => {
    const small = createCodec(bundle, pool, { maxImagePixels: 100 });
    expect((await small.encode(noise(10, 10), full)).positions).toBe(9);
    const refused = small.encode(noise(101, 1), full);
    await expect(refused).rejects.toThrow(ImageTooLargeError);
    await expect(refused).rejects.toThrow(/101×1 has 101 pixels; at most 100/);
    await expect(codec.decode(noise(1, 1) as never, { ...full, width: 20_000, height: 20_000 })).rejects.toThrow(
      ImageTooLargeError,
    );
  });

  it('notices an encoder that does not fit its manifest', async () => {
    const lying = { ...bundle, manifest: { ...bundle.manifest, stride: 8 } };
    const refused = createCodec(lying, pool).encode(noise(8, 8), full);
    await expect(refused).rejects.toThrow(/gave a latent of \[1, 48, 2, 2\] .* makes it \[1, 48, 1, 1\]/);
  });

  it('passes a cancellation on', async () => {
    await expect(codec.encode(noise(4, 4), full, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'E_CANCELLED',
    });
  });
});
