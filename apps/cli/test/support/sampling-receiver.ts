import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RgbImage } from '@semcast/core';
import { routeUpgrades } from '@semcast/service';
import { InboundStreams, serveLinks, type Delivery, type ResultHead } from '@semcast/wire';
import sharp from 'sharp';
import { z } from 'zod';

const samplingOptions = z.strictObject({
  steps: z.int().min(1).max(100).default(3).describe('denoising steps'),
  minSteps: z.int().min(1).default(1),
  brighter: z.int().min(0).max(50).default(0).describe('what is added to each value'),
});

/** What the receiver below offers, as the command line sees decoders. */
export const OFFERED = {
  jscc: { name: 'jscc', optionsSchema: z.strictObject({}) },
  /** Samples, for all that one sees of it. */
  light: { name: 'light', optionsSchema: samplingOptions },
  /** The same, and takes one frame at a time: the backlog of more would be too long. */
  heavy: { name: 'heavy', optionsSchema: samplingOptions },
} as const;

/** A receiver without networks. Its picture is made of the very samples that came: other noise is another picture. */
export interface SamplingReceiver {
  readonly url: string;
  /** Frames that were refused for the backlog. */
  readonly refused: number;
  /** The next frame of `heavy` is not through before another one was refused because of it. */
  holdNext(): void;
  close(): Promise<void>;
}

function pictureOf({ head: { width, height }, payload }: Delivery): RgbImage {
  return {
    width,
    height,
    data: Uint8Array.from({ length: 3 * width * height }, (_, i) => payload[i % payload.length]!),
  };
}

async function encoded({ width, height, data }: RgbImage, format: 'raw' | 'png' | 'webp'): Promise<Uint8Array> {
  return format === 'raw'
    ? data
    : await sharp(data, { raw: { width, height, channels: 3 } })
        .toFormat(format, { lossless: true })
        .toBuffer();
}

export async function startSamplingReceiver(): Promise<SamplingReceiver> {
  let refused = 0;
  let sampling = 0;
  let held: Promise<void> | undefined;
  let release = (): void => {};
  const answer = async (delivery: Delivery): Promise<void> => {
    const { head, hello } = delivery;
    const { format } = hello.result;
    const { stream, frame, decoder, width, height, impairment } = head;
    const image = pictureOf(delivery);
    const facts = {
      stream,
      frame,
      decoder,
      image: { format, width, height },
      csnrDb: { configured: impairment?.snrDb, estimated: null },
    };
    const timingsMs = { queue: 1, preview: 2, decode: 9, total: 12 };
    const whole: ResultHead = { ...facts, stage: 'final', steps: 0, residual: 1, timingsMs };
    if (decoder === 'jscc') {
      delivery.finish(whole, await encoded(image, format));
      return;
    }
    if (decoder === 'heavy' && sampling > 0) {
      refused++;
      release();
      delivery.drop('queue-full', 'the frames ahead need too long');
      return;
    }
    if (decoder === 'heavy') {
      sampling++;
    }
    const { steps, brighter } = samplingOptions.parse(head.decoderOptions ?? {});
    const preview = await encoded(image, format);
    delivery.preview({ ...whole, stage: 'preview', residual: null }, preview);
    delivery.preview({ ...whole, stage: 'intermediate', steps: 1, residual: null }, preview);
    const refined = { ...image, data: image.data.map((value) => Math.min(255, value + brighter)) };
    const payload = await encoded(refined, format);
    if (decoder === 'heavy') {
      await held;
      sampling--;
    }
    delivery.finish({ ...whole, steps, evaluations: 2 * steps, timingsMs: { ...timingsMs, sampling: 5 } }, payload);
  };
  const streams = new InboundStreams({ window: 4, onFrame: (delivery) => void answer(delivery) });
  const server = createServer();
  const links = serveLinks({
    upgrades: routeUpgrades(server),
    welcome: () => ({
      credits: 4,
      limits: { maxPayloadBytes: 64 * 1024 ** 2, maxImagePixels: 40_000_000 },
      decoders: Object.keys(OFFERED),
      bundle: { name: 'none', version: '0', digest: 'none' },
    }),
    onSession: (session) => streams.attach(session),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get refused() {
      return refused;
    },
    holdNext: () => {
      held = new Promise((resolve) => {
        release = resolve;
      });
    },
    close: async () => {
      streams.close();
      await links.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
