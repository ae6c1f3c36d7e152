import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { routeUpgrades } from '@semcast/service';
import {
  InboundStreams,
  serveLinks,
  type Delivery,
  type ResultHead,
  type ServerSession,
  type WireError,
} from '@semcast/wire';

export interface FakeReceiverOptions {
  readonly credits?: number;
  /** What to do with the n-th frame that arrives, n from 0; default: {@link finish}. */
  readonly answer?: (delivery: Delivery, n: number) => unknown;
}

/** A receiver that decodes nothing: every frame is answered with a black picture, or as a test wants it. */
export interface FakeReceiver {
  readonly url: string;
  /** Frames that arrived, of all streams. */
  readonly frames: number;
  /** Links at the moment. */
  readonly links: number;
  setWindow(credits: number): void;
  /** Take no more links; those that there are stay. */
  stopListening(): void;
  /** End every link with this message. */
  refuse(error: WireError): void;
  close(): Promise<void>;
}

export async function startFakeReceiver({
  credits = 4,
  answer = (delivery) => finish(delivery),
}: FakeReceiverOptions = {}): Promise<FakeReceiver> {
  let frames = 0;
  const sessions = new Set<ServerSession>();
  const streams = new InboundStreams({ window: credits, onFrame: (delivery) => void answer(delivery, frames++) });
  const server = createServer();
  const links = serveLinks({
    upgrades: routeUpgrades(server),
    welcome: () => ({
      credits,
      limits: { maxPayloadBytes: 64 * 1024 ** 2, maxImagePixels: 40_000_000 },
      decoders: ['jscc'],
      bundle: { name: 'fake', version: '0', digest: 'fake-digest' },
    }),
    onSession: (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
      streams.attach(session);
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get frames() {
      return frames;
    },
    get links() {
      return sessions.size;
    },
    setWindow: (window) => streams.setWindow(window),
    stopListening: () => void server.close(),
    refuse: (error) => {
      for (const session of sessions) {
        session.close(error.closeCode, error);
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

export function finish({ head, hello, ...delivery }: Delivery, change: Partial<ResultHead> = {}): void {
  const { stream, frame, decoder, width, height } = head;
  const result: ResultHead = {
    stream,
    frame,
    stage: 'final',
    decoder,
    image: { format: hello.result.format, width, height },
    steps: 0,
    csnrDb: { configured: 7, measured: 7, estimated: 7 },
    residual: 1,
    timingsMs: { queue: 1, preview: 2, decode: 3, total: 6 },
    ...change,
  };
  delivery[result.stage === 'final' ? 'finish' : 'preview'](result, new Uint8Array(3 * width * height));
}
