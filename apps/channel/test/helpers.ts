import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomFor, type ComplexVector } from '@semcast/core';
import { createLogger, routeUpgrades } from '@semcast/service';
import {
  connectLink,
  iqPayload,
  openLink,
  serveLinks,
  type AckHead,
  type ClientLink,
  type ConnectLinkOptions,
  type DropHead,
  type FrameHead,
  type FrameMessage,
  type HelloInput,
  type LinkEnd,
  type OpenLink,
  type OutgoingFrame,
  type ResultHead,
  type ServedLinks,
  type ServeLinksOptions,
  type ServerMessage,
  type ServerSession,
} from '@semcast/wire';
import { vi } from 'vitest';
import {
  channelServiceConfigSchema,
  createChannelService,
  type ChannelService,
  type ChannelServiceConfigInput,
} from '../src/index.js';

export const silent = createLogger({ service: 'test', level: 'silent' });

/** Start a channel emulator on a free port. */
export function startChannel(input: ChannelServiceConfigInput): Promise<ChannelService> {
  const config = channelServiceConfigSchema.parse({ port: 0, logLevel: 'silent', probeIntervalMs: 20, ...input });
  return createChannelService(config, { logger: silent });
}

/** A receiver that decodes nothing: it notes what comes, and answers as the test wants. */
export interface StubReceiver {
  readonly url: string;
  readonly port: number;
  readonly links: ServedLinks;
  readonly frames: FrameMessage[];
  readonly acks: AckHead[];
  readonly byes: string[];
  /** What to do with a frame; default: answer it with a result. */
  onFrame: (message: FrameMessage, session: ServerSession) => void;
  close(): Promise<void>;
}

export const resultHead = ({ stream, frame }: FrameHead): ResultHead => ({
  stream,
  frame,
  stage: 'final',
  decoder: 'jscc',
  image: { format: 'raw', width: 1, height: 1 },
  steps: 0,
  csnrDb: { estimated: 10 },
  residual: null,
  timingsMs: { queue: 0, preview: 0, decode: 0, total: 0 },
});

export const PIXEL = new Uint8Array([1, 2, 3]);

export function answer({ head }: FrameMessage, session: ServerSession): void {
  session.send('result', resultHead(head), PIXEL);
}

export async function startStubReceiver(
  options: Partial<ServeLinksOptions> & { port?: number; credits?: number } = {},
): Promise<StubReceiver> {
  const { port = 0, credits = 4, ...linkOptions } = options;
  const server = createServer();
  const stub = { frames: [] as FrameMessage[], acks: [] as AckHead[], byes: [] as string[], onFrame: answer };
  const links = serveLinks({
    upgrades: routeUpgrades(server),
    welcome: () => ({
      credits,
      limits: { maxPayloadBytes: 10_000_000, maxImagePixels: 1000 },
      decoders: ['jscc', 'other'],
      bundle: { name: 'stub', version: '1', digest: 'd' },
    }),
    onSession: (session) => {
      session.on('frame', (message) => {
        // A view of the socket's memory that nobody else keeps.
        stub.frames.push({ ...message, payload: Uint8Array.from(message.payload) });
        stub.onFrame(message, session);
      });
      session.on('ack', (head) => stub.acks.push(head));
      session.on('bye', () => stub.byes.push(session.hello.stream));
    },
    ...linkOptions,
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return Object.assign(stub, {
    url: `ws://127.0.0.1:${bound}`,
    port: bound,
    links,
    close: async () => {
      await links.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
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

/** Samples of unit power, a function of their seed. */
export function makeSamples(count: number, seed = 1): ComplexVector {
  const samples = new Float32Array(2 * count);
  randomFor({ seed, stream: 'test', frame: 0, purpose: 'samples' }).fillNormal(samples, Math.SQRT1_2);
  return samples;
}

export interface FrameOptions extends Partial<FrameHead> {
  readonly count?: number;
  readonly format?: 'cf32_le' | 'ci16_le';
  readonly iq?: ComplexVector;
}

export function makeFrame(frame: number, options: FrameOptions = {}): OutgoingFrame {
  const { count = 96, format = 'cf32_le', iq = makeSamples(count, frame + 1), ...changes } = options;
  const { payload, samples } = iqPayload({ samples: iq }, format);
  return {
    head: {
      stream: 'cam-1',
      frame,
      width: 8,
      height: 8,
      cbr: '1/2',
      channelUses: samples.count,
      designCsnrDb: 10,
      decoder: 'jscc',
      csi: 'genie',
      waveform: 'single-carrier',
      interleaved: false,
      samples,
      bundleDigest: 'd',
      ...changes,
    },
    payload,
  };
}

/** A client that collects what comes. */
export interface Client {
  readonly link: ClientLink;
  readonly results: ResultHead[];
  readonly drops: DropHead[];
}

export function connect(url: string, options: Partial<ConnectLinkOptions> = {}): Client {
  const link = connectLink(url, {
    hello: hello(),
    reconnect: { initialMs: 10, maxMs: 50 },
    ...options,
  });
  // A rejection of `ready` is looked at by the tests that expect one.
  link.ready.catch(() => {});
  const results: ResultHead[] = [];
  const drops: DropHead[] = [];
  link.on('result', ({ head }) => results.push(head));
  link.on('drop', (head) => drops.push(head));
  return { link, results, drops };
}

/** One connection without reconnecting, for tests of what is said at which moment. */
export async function open(
  url: string,
  changes: Partial<HelloInput> = {},
): Promise<{ link: OpenLink; messages: ServerMessage[]; ended: Promise<LinkEnd> }> {
  const messages: ServerMessage[] = [];
  const { promise: ended, resolve } = promiseWithResolvers<LinkEnd>();
  const link = await openLink(url, {
    hello: hello(changes),
    onMessage: (message) => messages.push(message),
    onClose: resolve,
  });
  return { link, messages, ended };
}

/** As `Promise.withResolvers`, which Node 20 doesn't have. */
export function promiseWithResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Record<string, unknown> & { error?: { code: string; message: string; remedy: string } };
}

export async function request(
  url: string,
  method = 'GET',
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as HttpAnswer['body'] };
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
