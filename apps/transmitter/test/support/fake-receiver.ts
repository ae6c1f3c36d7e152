import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { randomFor, type RgbImage } from '@semcast/core';
import { routeUpgrades } from '@semcast/service';
import {
  InboundStreams,
  serveLinks,
  type Delivery,
  type FrameHead,
  type ResultHead,
  type ServerSession,
  type SessionHello,
  type WelcomeHead,
} from '@semcast/wire';
import sharp from 'sharp';

export interface FakeReceiverOptions {
  readonly port?: number;
  readonly credits?: number;
  readonly token?: string;
  readonly limits?: Partial<WelcomeHead['limits']>;
  readonly digest?: string;
  /** What to do with a frame; default: answer at once with {@link pictureOf}. */
  readonly answer?: (delivery: Delivery) => void;
}

/** A receiver that decodes nothing: it answers every frame with a picture made of the frame's number. */
export interface FakeReceiver {
  readonly url: string;
  readonly port: number;
  /** Heads of the frames that were handed out to be worked on, in order. */
  readonly frames: readonly FrameHead[];
  readonly hellos: readonly SessionHello[];
  readonly streams: InboundStreams;
  /** Break every connection as a pulled cable would: without a word. */
  cutLinks(): void;
  close(): Promise<void>;
}

export async function startFakeReceiver(options: FakeReceiverOptions = {}): Promise<FakeReceiver> {
  const frames: FrameHead[] = [];
  const hellos: SessionHello[] = [];
  const sockets = new Set<Socket>();
  const window = options.credits ?? 4;
  const streams = new InboundStreams({
    window,
    onFrame: (delivery) => {
      frames.push(delivery.head);
      (options.answer ?? finish)(delivery);
    },
  });
  const server = createServer();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const links = serveLinks({
    upgrades: routeUpgrades(server),
    ...(options.token === undefined ? {} : { token: options.token }),
    welcome: () => ({
      credits: window,
      limits: { maxPayloadBytes: 64 * 1024 ** 2, maxImagePixels: 40_000_000, ...options.limits },
      decoders: ['jscc'],
      bundle: { name: 'fake', version: '0', digest: options.digest ?? 'fake-digest' },
    }),
    onSession: (session: ServerSession) => {
      hellos.push(session.hello);
      streams.attach(session);
    },
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}`,
    port,
    frames,
    hellos,
    streams,
    cutLinks: () => {
      for (const socket of sockets) {
        socket.destroy();
      }
    },
    close: async () => {
      streams.close();
      await links.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** What the fake receiver makes of a frame: noise of the right size, the same whenever asked. */
export function pictureOf({ stream, frame, width, height }: FrameHead): RgbImage {
  const random = randomFor({ seed: 1, stream, frame, purpose: 'picture' });
  const data = Uint8Array.from({ length: 3 * width * height }, () => random.uint32() & 0xff);
  return { width, height, data };
}

/** What the receiver says it measured of a frame. */
export const FAKE_CSNR_DB = { configured: 7, measured: 7.25, effective: 7.5, estimated: null };

export function resultOf(head: FrameHead, hello: SessionHello, change: Partial<ResultHead> = {}): ResultHead {
  const { stream, frame, decoder, width, height } = head;
  return {
    stream,
    frame,
    stage: 'final',
    decoder,
    image: { format: hello.result.format, width, height },
    steps: 0,
    csnrDb: FAKE_CSNR_DB,
    residual: 1.02,
    timingsMs: { queue: 1, preview: 2, decode: 3, total: 6 },
    ...change,
  };
}

/** A preview of a frame: another picture than {@link pictureOf}, as a decoder of one pass would give another one. */
export function previewOf({ width, height }: FrameHead): RgbImage {
  return { width, height, data: new Uint8Array(3 * width * height).fill(128) };
}

/** How a sampling decoder answers: a preview, two intermediate pictures, and in the end the picture. */
export async function sample(delivery: Delivery): Promise<void> {
  const { head, hello } = delivery;
  const preview = await encodedPicture(delivery, previewOf(head));
  const payload = await encodedPicture(delivery);
  delivery.preview(resultOf(head, hello, { stage: 'preview', residual: null }), preview);
  for (const steps of [2, 4]) {
    delivery.preview(resultOf(head, hello, { stage: 'intermediate', steps, residual: null }), payload);
  }
  const timingsMs = { queue: 1, preview: 2, sampling: 2.5, decode: 6, total: 8 };
  delivery.finish(resultOf(head, hello, { steps: 6, evaluations: 12, timingsMs }), payload);
}

/** Answer a frame with its picture. */
export function finish(delivery: Delivery): void {
  void encodedPicture(delivery).then((payload) => delivery.finish(resultOf(delivery.head, delivery.hello), payload));
}

/** A picture, by default {@link pictureOf}, in the format that the stream asked for. */
export async function encodedPicture({ head, hello }: Delivery, picture = pictureOf(head)): Promise<Uint8Array> {
  const { width, height, data } = picture;
  const image = sharp(data, { raw: { width, height, channels: 3 } });
  const { format } = hello.result;
  return format === 'raw' ? data : image.toFormat(format, { lossless: true }).toBuffer();
}
