import type { IncomingMessage } from 'node:http';
import { Places } from '@semcast/core';
import type { LiveState } from './live-state.js';
import type { LiveDelta } from '@semcast/console-messages';
import { HttpError, type Upgrade, type UpgradeRoutes } from '@semcast/service';
import { WebSocketServer, type WebSocket } from 'ws';

export interface PageSocketsOptions {
  readonly upgrades: UpgradeRoutes;
  readonly state: LiveState;
  readonly maxPages: number;
  readonly maxPagesPerAddress: number;
  /** Called when the first page comes, and when the last one has gone. */
  readonly onWatched: (watched: boolean) => void;
}

const PATH = '/live';
/** Bytes waiting for a page beyond which it gets no more messages for now. */
const MAX_BUFFERED_BYTES = 256 * 1024;
/** Pages only listen. */
const MAX_INCOMING_BYTES = 1024;
const PING_MS = 15_000;
/** A page hears something at least this often: how it knows that the way to the server is whole. */
const HEARTBEAT_MS = 5000;
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;
const CLOSE_GRACE_MS = 500;

interface Page {
  /** The revision that it has. */
  revision: number;
  toldMs: number;
  alive: boolean;
}

/**
 * The WebSocket of the pages: everything on connecting, then what changed. A page costs the server a number, whatever
 * it does: there is no queue to grow.
 */
export function servePages(options: PageSocketsOptions) {
  const { upgrades, state, onWatched } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_INCOMING_BYTES,
    perMessageDeflate: false,
  });
  const pages = new Map<WebSocket, Page>();
  const places = new Places<WebSocket>({ max: options.maxPages, maxPerOwner: options.maxPagesPerAddress });
  let closing = false;
  let allGone: (() => void) | undefined;

  const onUpgrade = ({ request, socket, head, refuse }: Upgrade): void => {
    if (closing) {
      refuse(503, new HttpError(503, 'E_TRY_AGAIN', 'the console is shutting down', 'pages connect again'));
    } else {
      sockets.handleUpgrade(request, socket, head, welcome);
    }
  };

  const welcome = (socket: WebSocket, request: IncomingMessage): void => {
    const page: Page = { revision: -1, toldMs: performance.now(), alive: true };
    pages.set(socket, page);
    const loser = places.add(socket, request.socket.remoteAddress ?? 'unknown');
    if (loser !== undefined) {
      loser.close(TRY_AGAIN_LATER, 'newer pages have taken its place; raise console.maxPages and maxPagesPerAddress');
      // The message is on its way by then; nobody waits for an answer.
      setImmediate(() => {
        loser.terminate();
      });
    }
    // Without a listener an error would end the process.
    socket.on('error', () => {
      socket.terminate();
    });
    socket.on('pong', () => {
      page.alive = true;
    });
    socket.once('close', () => {
      pages.delete(socket);
      places.delete(socket);
      if (pages.size === 0) {
        onWatched(false);
        allGone?.();
      }
    });
    const snapshot = state.snapshot(Date.now());
    page.revision = state.revision;
    socket.send(JSON.stringify(snapshot));
    if (pages.size === 1) {
      onWatched(true);
    }
  };

  const pinging = setInterval(() => {
    for (const [socket, page] of pages) {
      if (!page.alive) {
        socket.terminate();
        continue;
      }
      page.alive = false;
      socket.ping();
    }
  }, PING_MS);
  pinging.unref();
  upgrades.serve(PATH, onUpgrade);

  return {
    get pages(): number {
      return pages.size;
    },
    /** Tell every page what it hasn't got; one that reads slowly is told later, and then of what there is by then. */
    tell: (): void => {
      // Pages that have seen the same get the same text.
      const texts = new Map<number, string | null>();
      for (const [socket, page] of pages) {
        if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
          continue;
        }
        let text = texts.get(page.revision);
        if (text === undefined) {
          const delta = state.since(page.revision, Date.now());
          text = delta === null ? null : JSON.stringify(delta);
          texts.set(page.revision, text);
        }
        if (text === null && performance.now() - page.toldMs > HEARTBEAT_MS) {
          text = JSON.stringify(nothingNew());
        }
        if (text !== null) {
          socket.send(text);
          page.revision = state.revision;
          page.toldMs = performance.now();
        }
      }
    },
    close: async (): Promise<void> => {
      closing = true;
      clearInterval(pinging);
      const gone = new Promise<void>((resolve) => {
        allGone = resolve;
      });
      if (pages.size > 0) {
        for (const socket of pages.keys()) {
          socket.close(GOING_AWAY);
        }
        const cut = setTimeout(() => {
          for (const socket of pages.keys()) {
            socket.terminate();
          }
        }, CLOSE_GRACE_MS);
        await gone;
        clearTimeout(cut);
      }
      sockets.close();
    },
  };
}

function nothingNew(): LiveDelta {
  return { type: 'delta', sections: {}, tables: {}, events: [], nowMs: Date.now() };
}
