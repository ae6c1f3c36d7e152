import { fileURLToPath } from 'node:url';
import {
  createCodec,
  createSessionPool,
  findDefaultBundle,
  loadBundle,
  type Bundle,
  type Codec,
} from '@semcast/bundle';
import { csnrDbToNoiseVariance, randomFor, type RgbImage } from '@semcast/core';
import { interleave, latentToSymbols } from '@semcast/phy';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReceiverService } from '../src/index.js';
import { connect, makeFrame, startReceiver } from './helpers.js';

/** The bundle that comes with semcast, one worker, a small photograph: what the service is for. */
let receiver: ReceiverService;
let bundle: Bundle;
let photo: RgbImage;
let codec: Codec;
let closeCodec: () => Promise<void>;

beforeAll(async () => {
  const dir = findDefaultBundle();
  bundle = await loadBundle(dir);
  receiver = await startReceiver({ bundle: dir, residualFirst: true });
  const { encoder } = bundle.graphs;
  const pool = await createSessionPool({ graphs: { encoder }, workers: 1 });
  closeCodec = () => pool.close();
  codec = createCodec(bundle, pool);
  const file = fileURLToPath(new URL('../../transmitter/photos/hills.jpg', import.meta.url));
  const { data, info } = await sharp(file)
    .resize(150, 100, { fit: 'cover' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  photo = { width: info.width, height: info.height, data };
});

afterAll(async () => {
  await receiver.close();
  await closeCodec();
});

function psnrDb(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
  return 10 * Math.log10((255 ** 2 * a.length) / squares);
}

async function transmit(snrDb: number, cbr: string, frame: number) {
  const client = connect(receiver.wsUrl, { stream: 'photo', result: { format: 'png' } });
  const { latent, activeChannels, positions, channelUses } = await codec.encode(photo, { csnrDb: snrDb, cbr });
  const layout = { channels: bundle.manifest.latentChannels, positions, activeChannels };
  const iq = interleave(latentToSymbols(latent.data, layout));
  const noise = new Float32Array(iq.length);
  const noiseVariance = csnrDbToNoiseVariance(snrDb);
  randomFor({ seed: 1, stream: 'photo', frame, purpose: 'noise' }).fillNormal(noise, Math.sqrt(noiseVariance / 2));
  await client.link.send(
    makeFrame(frame, {
      stream: 'photo',
      picture: photo,
      iq: iq.map((value, i) => value + noise[i]!),
      cbr,
      channelUses,
      designCsnrDb: snrDb,
      waveform: 'single-carrier',
      interleaved: true,
      impairment: { model: 'awgn', snrDb, seed: 1, noiseVariance },
      bundleDigest: bundle.digest,
    }),
  );
  await client.link.idle();
  await client.link.close();
  const [result] = client.results;
  const decoded = await sharp(result!.payload).raw().toBuffer();
  return { head: result!.head, psnrDb: psnrDb(decoded, photo.data) };
}

describe('the natural bundle', () => {
  it('brings a photograph through noise, better with more signal and with more channel uses', async () => {
    const poor = await transmit(0, '1/24', 0);
    const good = await transmit(15, '1/24', 1);
    const wide = await transmit(15, '1/12', 2);
    expect(good.head).toMatchObject({
      decoder: 'jscc',
      image: { format: 'png', width: 150, height: 100 },
      csnrDb: { configured: 15 },
    });
    expect(good.head.csnrDb.effective).toBeCloseTo(15, 6);
    expect(poor.psnrDb).toBeGreaterThan(17);
    expect(good.psnrDb).toBeGreaterThan(poor.psnrDb + 1);
    expect(wide.psnrDb).toBeGreaterThan(good.psnrDb);
    // A one-shot decode explains most of what was received, and part of the noise with it.
    for (const { head } of [poor, good, wide]) {
      expect(head.residual).toBeGreaterThan(0.2);
      expect(head.residual).toBeLessThan(3);
    }
  });

  it('is told how little comes through, below the SNRs of its training, too', async () => {
    const faint = await transmit(-5, '1/24', 3);
    expect(faint.head.csnrDb.effective).toBeCloseTo(-5, 6);
    // 23.7 dB; told 0 dB, encoder and decoder come to 20.7.
    expect(faint.psnrDb).toBeGreaterThan(22.5);
  });
});
