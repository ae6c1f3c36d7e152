import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randomFor, type ChannelState, type RgbImage } from '@semcast/core';
import { latentToSymbols } from '@semcast/phy';
import { createLogger } from '@semcast/service';
import {
  connectLink,
  iqPayload,
  openLink,
  type ClientLink,
  type ConnectLinkOptions,
  type DropHead,
  type FrameHead,
  type HelloInput,
  type LinkEnd,
  type OpenLink,
  type OutgoingFrame,
  type ResultMessage,
  type ServerMessage,
} from '@semcast/wire';
import { vi } from 'vitest';
import { z } from 'zod';
import type { ReceiverOptions } from '../src/app.js';
import type { DecodeContext, DecodedPicture } from '../src/decoders/decoder.js';
import type { DemodulatedFrame } from '../src/demodulate-frame.js';
import {
  createReceiver,
  receiverConfigSchema,
  type Decoder,
  type ReceiverConfigInput,
  type ReceiverService,
} from '../src/index.js';

export const silent = createLogger({ service: 'test', level: 'silent' });

/** A bundle that only moves pixels into channels and back: small, fast, and without loss at its full rate. */
export const TOY_BUNDLE = fileURLToPath(new URL('../../../packages/bundle/fixtures/toy-bundle', import.meta.url));
export const TOY_DIGEST = createHash('sha256')
  .update(readFileSync(`${TOY_BUNDLE}/bundle.json`))
  .digest('hex');
const TOY_STRIDE = 4;

/** Start a receiver on a free port, with the toy bundle and one worker. */
export function startReceiver(
  input: ReceiverConfigInput = {},
  options: ReceiverOptions = {},
): Promise<ReceiverService> {
  const config = receiverConfigSchema.parse({ port: 0, bundle: TOY_BUNDLE, workers: 1, logLevel: 'silent', ...input });
  return createReceiver(config, { logger: silent, ...options });
}

/** A picture of coloured noise, a function of its seed. */
export function makePicture(width: number, height: number, seed = 1): RgbImage {
  const random = randomFor({ seed, stream: 'test', frame: 0, purpose: 'picture' });
  return {
    width,
    height,
    data: Uint8Array.from({ length: 3 * width * height }, () => Math.floor(256 * random.uniform())),
  };
}

/** What the toy encoder makes of a picture whose sides are multiples of its stride: [48, h, w]. */
export function toyLatent({ width, height, data }: RgbImage): Float32Array {
  const [rows, columns] = [height / TOY_STRIDE, width / TOY_STRIDE];
  const latent = new Float32Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let colour = 0; colour < 3; colour++) {
        const channel = ((y % TOY_STRIDE) * TOY_STRIDE + (x % TOY_STRIDE)) * 3 + colour;
        const position = Math.floor(y / TOY_STRIDE) * columns + Math.floor(x / TOY_STRIDE);
        latent[channel * rows * columns + position] = data[3 * (y * width + x) + colour]! / 127.5 - 1;
      }
    }
  }
  return latent;
}

/** The complex symbols of a picture under the toy bundle at its full rate, 1/2. */
export function toySymbols(picture: RgbImage): Float32Array {
  const positions = (picture.width * picture.height) / TOY_STRIDE ** 2;
  return latentToSymbols(toyLatent(picture), { channels: 48, positions, activeChannels: 48 });
}

export interface FrameOptions extends Partial<FrameHead> {
  readonly picture?: RgbImage;
  readonly iq?: Float32Array;
  /** What the frame met, told with it and in its impairment. */
  readonly channel?: ChannelState | null;
}

/** A frame as a channel would hand it over; the default is 8×8 pixels of noise. */
export function makeFrame(frame: number, options: FrameOptions = {}): OutgoingFrame & { readonly picture: RgbImage } {
  const { picture = makePicture(8, 8, frame + 1), iq = toySymbols(picture), channel = null, ...changes } = options;
  const { payload, samples, genie } = iqPayload({ samples: iq, channel }, 'cf32_le');
  const impairment = { model: 'any', snrDb: 10, seed: 0, ...changes.impairment, ...genie };
  return {
    picture,
    head: {
      stream: 'cam-1',
      frame,
      width: picture.width,
      height: picture.height,
      cbr: '1/2',
      channelUses: samples.count,
      designCsnrDb: 10,
      decoder: 'jscc',
      csi: 'genie',
      waveform: 'single-carrier',
      interleaved: false,
      samples,
      bundleDigest: TOY_DIGEST,
      ...changes,
      ...(channel === null ? {} : { impairment }),
    },
    payload,
  };
}

export function hello(changes: Partial<HelloInput> = {}): HelloInput {
  return {
    stream: 'cam-1',
    role: 'transmitter',
    agent: 'test',
    decoder: 'jscc',
    csi: 'genie',
    sampleFormat: 'cf32_le',
    result: { format: 'raw' },
    ...changes,
  };
}

/** A client that collects what comes. */
export interface Client {
  readonly link: ClientLink;
  /** Final ones. */
  readonly results: ResultMessage[];
  /** Previews and intermediate ones. */
  readonly partials: ResultMessage[];
  readonly drops: DropHead[];
}

export function connect(
  url: string,
  changes: Partial<HelloInput> = {},
  options: Partial<ConnectLinkOptions> = {},
): Client {
  const link = connectLink(url, { hello: hello(changes), reconnect: { initialMs: 10, maxMs: 50 }, ...options });
  link.ready.catch(() => {});
  const results: ResultMessage[] = [];
  const partials: ResultMessage[] = [];
  const drops: DropHead[] = [];
  link.on('result', (message) => {
    const own = { ...message, payload: Uint8Array.from(message.payload) };
    (message.head.stage === 'final' ? results : partials).push(own);
  });
  link.on('drop', (head) => drops.push(head));
  return { link, results, partials, drops };
}

/** One connection without reconnecting, resending or acknowledging. */
export async function open(
  url: string,
  changes: Partial<HelloInput> = {},
): Promise<{ link: OpenLink; messages: ServerMessage[]; ended: Promise<LinkEnd> }> {
  const messages: ServerMessage[] = [];
  let end!: (end: LinkEnd) => void;
  const ended = new Promise<LinkEnd>((resolve) => {
    end = resolve;
  });
  const link = await openLink(url, {
    hello: hello(changes),
    onMessage: (message) => messages.push(message),
    onClose: end,
  });
  return { link, messages, ended };
}

/** A decode that the test lets go on when it wants. */
export interface HeldDecode {
  readonly demodulated: DemodulatedFrame;
  readonly context: DecodeContext;
  finish(picture?: DecodedPicture): void;
  fail(error: Error): void;
}

/**
 * A decoder that waits for the test once it has the one-shot decode, and the decodes that it holds, in the order in
 * which they began.
 */
export function heldDecoder(name = 'held'): { decoders: ReadonlyMap<string, Decoder>; held: HeldDecode[] } {
  const held: HeldDecode[] = [];
  const decoder: Decoder = {
    name,
    summary: 'waits',
    optionsSchema: z.strictObject({ strength: z.number().min(0).default(1) }),
    graphs: [],
    refinement: {
      plan: () => ({ perStep: [['decoder']], steps: { min: 1, max: 1 } }),
      run: async ({ demodulated }, _steps, _request, context) =>
        new Promise<DecodedPicture>((resolve, reject) => {
          const { width, height } = demodulated;
          held.push({
            demodulated,
            context,
            finish: (picture = { image: makePicture(width, height), steps: 3 }) => resolve(picture),
            fail: reject,
          });
          context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
        }),
    },
  };
  return { decoders: new Map([[name, decoder]]), held };
}

export async function getJson(url: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

/** Wait until a check holds; long enough for a machine that has much else to do. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000, interval: 10 });
}

/** The value of one sample of a Prometheus text, such as `semcast_sessions` or `x_total{reason="deadline"}`. */
export async function metric(httpUrl: string, sample: string): Promise<number | undefined> {
  const text = await (await fetch(`${httpUrl}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}
