import { fileURLToPath } from 'node:url';
import { createCodec, createSessionPool, loadBundle, type Bundle } from '@semcast/bundle';
import { csnrDbToNoiseVariance, randomFor, type Gains, type RgbImage } from '@semcast/core';
import { interleave, latentToSymbols } from '@semcast/phy';
import type { FrameHead, OutgoingFrame } from '@semcast/wire';
import { makeFrame } from './helpers.js';

/** A bundle that has all graphs, with known networks: see make_posterior_bundle.py beside it. */
export const POSTERIOR_BUNDLE = fileURLToPath(
  new URL('../../../packages/bundle/fixtures/posterior-bundle', import.meta.url),
);

export interface AirOptions extends Partial<FrameHead> {
  readonly picture?: RgbImage;
  readonly snrDb?: number;
  readonly channelGains?: Gains;
}

/** A transmitter and a channel without sockets: pictures as frames that crossed white noise. */
export interface Air {
  readonly bundle: Bundle;
  frame(stream: string, frame: number, options?: AirOptions): Promise<OutgoingFrame & { readonly picture: RgbImage }>;
  close(): Promise<void>;
}

/** Soft colours, a function of the seed; a codec has something to do with them. */
export function softPicture(width: number, height: number, seed = 1): RgbImage {
  const random = randomFor({ seed, stream: 'test', frame: 0, purpose: 'picture' });
  const waves = Array.from({ length: 9 }, () => ({
    x: 0.25 * (random.uniform() - 0.5),
    y: 0.25 * (random.uniform() - 0.5),
    phase: 2 * Math.PI * random.uniform(),
  }));
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) {
    const [colour, pixel] = [i % 3, Math.floor(i / 3)];
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    const value = waves
      .slice(3 * colour, 3 * colour + 3)
      .reduce((sum, wave) => sum + Math.cos(wave.x * x + wave.y * y + wave.phase), 0);
    data[i] = Math.round(127.5 + 40 * value);
  }
  return { width, height, data };
}

export async function openAir(dir: string = POSTERIOR_BUNDLE): Promise<Air> {
  const bundle = await loadBundle(dir);
  const { encoder } = bundle.graphs;
  const pool = await createSessionPool({ graphs: { encoder }, workers: 1 });
  const codec = createCodec(bundle, pool);
  return {
    bundle,
    close: () => pool.close(),
    frame: async (stream, frame, options = {}) => {
      const { picture = softPicture(32, 32), snrDb = 10, cbr = '1/24', channelGains, ...changes } = options;
      const { latent, activeChannels, positions, channelUses } = await codec.encode(picture, { csnrDb: snrDb, cbr });
      const layout = { channels: bundle.manifest.latentChannels, positions, activeChannels };
      const sent = interleave(latentToSymbols(latent.data, layout));
      const { coherence, values: h } = channelGains ?? { coherence: channelUses, values: Float32Array.of(1, 0) };
      const noiseVariance = csnrDbToNoiseVariance(snrDb);
      const iq = new Float32Array(sent.length);
      randomFor({ seed: 1, stream, frame, purpose: 'noise' }).fillNormal(iq, Math.sqrt(noiseVariance / 2));
      for (let k = 0; k < iq.length; k += 2) {
        const [hI, hQ] = h.subarray(2 * Math.floor(k / 2 / coherence));
        iq[k]! += hI! * sent[k]! - hQ! * sent[k + 1]!;
        iq[k + 1]! += hI! * sent[k + 1]! + hQ! * sent[k]!;
      }
      const taps = channelGains === undefined ? null : [{ delay: 0, gains: channelGains }];
      const met = { channel: { taps, noiseVariance }, impairment: { model: 'awgn', snrDb, seed: 1 } };
      return makeFrame(frame, {
        stream,
        picture,
        iq,
        cbr,
        channelUses,
        designCsnrDb: snrDb,
        waveform: 'single-carrier',
        interleaved: true,
        bundleDigest: bundle.digest,
        ...(changes.impairment === undefined ? met : {}),
        ...changes,
      });
    },
  };
}

/** PSNR of two pictures' bytes, in dB. */
export function psnrDb(a: Uint8Array, b: Uint8Array): number {
  const squares = a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
  return 10 * Math.log10((255 ** 2 * a.length) / squares);
}
