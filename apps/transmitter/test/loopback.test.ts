/** Through the real codec and a perfect channel: what the transmitter sends is what a receiver can decode. */
import { createCodec, createSessionPool, findDefaultBundle, loadBundle } from '@semcast/bundle';
import { tensor } from '@semcast/core';
import { deinterleave, symbolsToLatent } from '@semcast/phy';
import { readIq, type Delivery } from '@semcast/wire';
import { createLogger } from '@semcast/service';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTransmitter, DEMO_PHOTOS, type TransmitterService } from '../src/index.js';
import { resultOf, startFakeReceiver, type FakeReceiver } from './support/fake-receiver.js';

let far: FakeReceiver;
let near: TransmitterService;
let closeCodec: () => Promise<void>;
beforeAll(async () => {
  const bundle = await loadBundle(findDefaultBundle());
  const pool = await createSessionPool({ graphs: { decoder: bundle.graphs.decoder }, workers: 1 });
  closeCodec = () => pool.close();
  const codec = createCodec(bundle, pool);
  const decode = async (delivery: Delivery): Promise<void> => {
    const { head, hello } = delivery;
    const { width, height, cbr, designCsnrDb } = head;
    const { channels, positions, height: h, width: w } = codec.geometry(width, height);
    const { samples } = readIq(delivery);
    const symbols = head.interleaved ? deinterleave(samples) : samples;
    const activeChannels = codec.activeChannels(cbr);
    const latent = tensor(symbolsToLatent(symbols, { channels, positions, activeChannels }), [1, channels, h, w]);
    const image = await codec.decode(latent, { csnrDb: designCsnrDb, cbr, width, height });
    const png = await sharp(image.data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
    delivery.finish(resultOf(head, hello), png);
  };
  far = await startFakeReceiver({ digest: bundle.digest, answer: (delivery) => void decode(delivery) });
  const logger = createLogger({ service: 'transmitter', level: 'silent' });
  near = await createTransmitter({ to: far.url, port: 0, source: [], designCsnrDb: 20 }, { logger });
});
afterAll(async () => {
  await near.close();
  await far.close();
  await closeCodec();
});

describe('the real codec', () => {
  it('gives recognisable pictures at every rate, better ones at higher rates', async () => {
    const psnrDb: number[] = [];
    const creek = await sharp(`${DEMO_PHOTOS}/creek.jpg`).resize(160, 160, { fit: 'cover' }).png().toBuffer();
    for (const cbr of ['1/48', '1/24', '1/16', '1/12']) {
      const outcome = await near.submit({ photo: creek, cbr });
      if (outcome.kind !== 'completed') {
        throw new Error(outcome.detail);
      }
      const numerator = Number(cbr.slice(2));
      expect(outcome.channelBandwidthRatio).toBeCloseTo(1 / numerator, 6);
      psnrDb.push(outcome.psnrDb);
    }
    // A wrong order of symbols, channels or colours gives 5 to 15 dB.
    expect(Math.min(...psnrDb)).toBeGreaterThan(17);
    expect(psnrDb[3]!).toBeGreaterThan(psnrDb[0]!);
  });

  it.each([
    [1, 1],
    [17, 3],
    [100, 37],
  ])('sends pictures of any size: %i × %i', async (width, height) => {
    const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => 60 + (i % 3) * 60);
    const photo = await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
    const outcome = await near.submit({ photo });
    if (outcome.kind !== 'completed') {
      throw new Error(outcome.detail);
    }
    expect([outcome.decoded.width, outcome.decoded.height]).toEqual([width, height]);
    expect(outcome.psnrDb).toBeGreaterThan(17);
    expect(outcome.channelBandwidthRatio).toBeGreaterThan(1 / 24);
  });

  it('counts inference', async () => {
    expect(await near.metrics.text()).toMatch(/semcast_inference_seconds_count\{graph="encoder"\} [1-9]/);
  });
});
