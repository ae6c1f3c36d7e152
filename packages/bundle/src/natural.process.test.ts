/**
 * The bundle that comes with semcast, replayed and measured. Without it these tests fail: it belongs to the checkout.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { meanPower, tensor, type RgbImage, type Tensor } from '@semcast/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findDefaultBundle, loadBundle, type Bundle } from './bundle.js';
import { createCodec, type Codec } from './codec.js';
import { GRAPH_NAMES } from './manifest.js';
import { replayParity } from './parity.js';
import { WorkerPool } from './pool.js';

let bundle: Bundle;
let pool: WorkerPool;
let codec: Codec;
let runSeconds = 0;

beforeAll(async () => {
  bundle = await loadBundle(findDefaultBundle({}));
  pool = await WorkerPool.start({
    graphs: { encoder: bundle.graphs.encoder, decoder: bundle.graphs.decoder },
    workers: 1,
    onRun: (_, seconds) => {
      runSeconds += seconds;
    },
  });
  codec = createCodec(bundle, pool);
});

afterAll(async () => {
  await pool?.close();
});

/** A smooth picture with an edge. */
function picture(width: number, height: number): RgbImage {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const edge = x > y ? 40 : 0;
      data.set([60 + edge + 50 * Math.sin(x / 20), 90 + edge, 120 + 60 * Math.cos(y / 15)], 3 * (width * y + x));
    }
  }
  return { width, height, data };
}

function psnrDb(a: RgbImage, b: RgbImage): number {
  let sum = 0;
  for (const [i, value] of a.data.entries()) {
    sum += (value - b.data[i]!) ** 2;
  }
  return 10 * Math.log10(255 ** 2 / (sum / a.data.length));
}

function maxDifference(a: Float32Array, b: Float32Array): number {
  expect(a).toHaveLength(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
}

describe('models/natural', () => {
  it.each(['for any device', 'for a CPU'])(
    'computes here what it computed in PyTorch, in the graphs %s',
    async (form) => {
      const graphs = Object.fromEntries(
        Object.entries(bundle.graphs).map(([name, { file, cpuFile }]) => [
          name,
          form === 'for a CPU' ? cpuFile! : file,
        ]),
      );
      const all = await WorkerPool.start({ graphs, workers: 1 });
      try {
        const results = await replayParity(bundle, all);
        expect(new Set(results.map(({ graph }) => graph))).toEqual(new Set(GRAPH_NAMES));
        expect(bundle.manifest.parity.tolerance).toBeLessThanOrEqual(1e-4);
        for (const { graph, output, dims, maxError } of results) {
          const what = `${output} of ${graph} [${dims.join(', ')}]`;
          expect(maxError, what).toBeLessThanOrEqual(bundle.manifest.parity.tolerance);
        }
      } finally {
        await all.close();
      }
    },
    60_000,
  );

  it.each(['1/48', '1/24', '1/16', '1/12'])('sends unit power per complex symbol at CBR %s', async (cbr) => {
    const image = picture(96, 64);
    const { latent, activeChannels, positions, channelUses } = await codec.encode(image, { csnrDb: 10, cbr });
    const active = latent.data.subarray(0, activeChannels * positions);
    expect(meanPower(active)).toBeCloseTo(1, 4);
    expect(channelUses).toBe((3 * 96 * 64) / Number(cbr.slice(2)));
    expect(latent.data.subarray(active.length).every((value) => value === 0)).toBe(true);
    const decoded = await codec.decode(latent, { csnrDb: 20, cbr, width: 96, height: 64 });
    // Not a test of quality, only that pictures come out, in the right colours and the right way up.
    expect(psnrDb(image, decoded)).toBeGreaterThan(17);
  });

  it.each([
    [1, 1],
    [1, 40],
    [17, 33],
    [63, 5],
    [64, 48],
  ])('takes a picture of %d×%d', async (width, height) => {
    const condition = { csnrDb: 10, cbr: '1/24' };
    const { latent } = await codec.encode(picture(width, height), condition);
    expect(latent.data.every(Number.isFinite)).toBe(true);
    const decoded = await codec.decode(latent, { ...condition, width, height });
    expect([decoded.width, decoded.height, decoded.data.length]).toEqual([width, height, 3 * width * height]);
  });

  it('gives a picture the same latent and the same decode alone and in a batch', async () => {
    const conditions = [
      { csnrDb: 0, cbr: '1/48' },
      { csnrDb: 7, cbr: '1/12' },
      { csnrDb: 20, cbr: '1/16' },
    ];
    const size = 3 * 48 * 64;
    const images = conditions.map((_, item) =>
      Float32Array.from({ length: size }, (__, i) => Math.sin(i / (7 + item))),
    );
    const batch = new Float32Array(3 * size);
    images.forEach((image, item) => batch.set(image, item * size));
    const feedsOf = (some: typeof conditions) => {
      const active = some.map(({ cbr }) => codec.activeChannels(cbr));
      const { latentChannels } = bundle.manifest;
      const mask = new Float32Array(some.length * latentChannels);
      active.forEach((count, item) => mask.fill(1, item * latentChannels, item * latentChannels + count));
      return {
        csnr_db: tensor(
          Float32Array.from(some, ({ csnrDb }) => csnrDb),
          [some.length],
        ),
        rate: tensor(
          Float32Array.from(active, (count) => count / latentChannels),
          [some.length],
        ),
        mask: tensor(mask, [some.length, latentChannels, 1, 1]),
      };
    };
    const encode = async (image: Float32Array, some: typeof conditions) => {
      const feeds = { image: tensor(image, [some.length, 3, 48, 64]), ...feedsOf(some) };
      return (await pool.run('encoder', feeds)).tensors['latent']!;
    };
    const decode = async (latent: Tensor, some: typeof conditions) => {
      const { csnr_db, rate } = feedsOf(some);
      return (await pool.run('decoder', { latent, csnr_db, rate })).tensors['image']!;
    };
    const latents = await encode(batch, conditions);
    const decoded = await decode(latents, conditions);
    const latentSize = latents.data.length / 3;
    for (const [item, condition] of conditions.entries()) {
      const latent = await encode(images[item]!, [condition]);
      expect(
        maxDifference(latent.data, latents.data.subarray(item * latentSize, (item + 1) * latentSize)),
      ).toBeLessThan(1e-4);
      const alone = await decode(latent, [condition]);
      expect(maxDifference(alone.data, decoded.data.subarray(item * size, (item + 1) * size))).toBeLessThan(1e-4);
    }
  });

  it('does not hold up the event loop while it encodes and decodes a photograph', async () => {
    const image = picture(768, 512);
    const condition = { csnrDb: 10, cbr: '1/24' };
    const resolutionMs = 1;
    const delay = monitorEventLoopDelay({ resolution: resolutionMs });
    runSeconds = 0;
    delay.enable();
    const { latent } = await codec.encode(image, condition);
    await codec.decode(latent, { ...condition, width: 768, height: 512 });
    delay.disable();
    // It ran for long enough to tell.
    expect(runSeconds).toBeGreaterThan(0.1);
    expect(delay.percentile(99) / 1e6 - resolutionMs).toBeLessThan(20);
    expect(delay.max / 1e6).toBeLessThan(1000 * runSeconds * 0.5);
  });
});
