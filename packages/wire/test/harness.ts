/** A server and clients on loopback sockets, closed again after each test. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { routeUpgrades, type UpgradeRoutes } from '@semcast/service';
import { afterEach } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { connectLink, type ClientLink } from '../src/connect-link.js';
import { decodeFrame } from '../src/frame.js';
import type { WireMessage } from '../src/heads.js';
import type { ConnectLinkOptions } from '../src/link-types.js';
import {
  serveLinks,
  type Refusal,
  type ServedLinks,
  type ServeLinksOptions,
  type ServerSession,
} from '../src/serve-links.js';
import { helloInput, welcome } from './fixtures.js';

const cleanups: (() => unknown)[] = [];

/** Undo something after the present test, the latest first. */
export function afterwards(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) {
    await cleanup();
  }
});

export interface TestServer {
  readonly http: Server;
  readonly upgrades: UpgradeRoutes;
  readonly port: number;
  readonly url: string;
  readonly links: ServedLinks;
  readonly sessions: ServerSession[];
  readonly refusals: Refusal[];
  readonly failures: unknown[];
  stop(): Promise<void>;
}

export async function listen(http: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, '127.0.0.1', resolve);
  });
  return (http.address() as AddressInfo).port;
}

export async function startServer(
  options: Partial<ServeLinksOptions> & { readonly port?: number } = {},
): Promise<TestServer> {
  const http = createServer();
  const upgrades = routeUpgrades(http);
  const sessions: ServerSession[] = [];
  const refusals: Refusal[] = [];
  const failures: unknown[] = [];
  const links = serveLinks({
    upgrades,
    keepAliveMs: 5000,
    closeTimeoutMs: 300,
    welcome: () => welcome,
    onRefused: (refusal) => refusals.push(refusal),
    onFailure: (error) => failures.push(error),
    ...options,
    onSession: (session) => {
      sessions.push(session);
      options.onSession?.(session);
    },
  });
  const port = await listen(http, options.port);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      await links.close();
      await new Promise((resolve) => {
        http.close(resolve);
        http.closeAllConnections();
      });
    })();
    return stopped;
  };
  afterwards(stop);
  return { http, upgrades, port, url: `ws://127.0.0.1:${port}`, links, sessions, refusals, failures, stop };
}

export function link(url: string, options: Partial<ConnectLinkOptions> = {}): ClientLink {
  const opened = connectLink(url, {
    hello: helloInput,
    reconnect: { initialMs: 5, maxMs: 20 },
    keepAliveMs: 5000,
    closeTimeoutMs: 300,
    ...options,
  });
  afterwards(() => opened.close());
  return opened;
}

/** A WebSocket client that knows nothing of the protocol. */
export interface RawClient {
  readonly ws: WebSocket;
  /** What lies under the WebSocket. */
  readonly connection: Socket;
  readonly messages: WireMessage[];
  /** Close code and reason, once it is closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** The next message that arrives, or the one that came already. */
  next(): Promise<WireMessage>;
}

export async function rawClient(url: string, options: ClientOptions = {}): Promise<RawClient> {
  const ws = new WebSocket(url, { perMessageDeflate: false, ...options });
  afterwards(() => ws.terminate());
  const messages: WireMessage[] = [];
  const waiters: ((message: WireMessage) => void)[] = [];
  let taken = 0;
  ws.on('message', (data) => {
    const message = decodeFrame(data as Buffer);
    messages.push(message);
    const waiter = waiters.shift();
    if (waiter !== undefined) {
      taken++;
      waiter(message);
    }
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  const connection = await new Promise<Socket>((resolve, reject) => {
    ws.once('upgrade', ({ socket }) => {
      ws.once('open', () => resolve(socket));
    });
    ws.once('error', reject);
  });
  ws.on('error', () => {});
  return {
    ws,
    connection,
    messages,
    closed,
    next: () =>
      new Promise((resolve) => {
        if (taken < messages.length) {
          resolve(messages[taken++]!);
        } else {
          waiters.push(resolve);
        }
      }),
  };
}

/** Poll until it is so. */
export async function until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${condition.toString()}`);
    }
    await sleep(2);
  }
}

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
