import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SemcastError } from '@semcast/core';
import { HttpError } from './errors.js';
import { errorBody } from './http-errors.js';
import { foreignHost, ownHosts } from './own-hosts.js';

/** A request for a WebSocket: whoever serves its path takes the connection over, or refuses it. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** Answer with this HTTP status and `{ error: { code, message, remedy } }`, and end the connection. */
  readonly refuse: (status: number, error: SemcastError) => void;
}

/** Who serves which WebSocket of an HTTP server. */
export interface UpgradeRoutes {
  /** Serve the upgrades of a path for as long as the server lives; while closing, refuse them with 503. */
  serve(path: string, take: (upgrade: Upgrade) => void): void;
}

/** A refused peer has this long to take its answer. */
const ANSWER_GRACE_MS = 2000;

/**
 * The only listener for the upgrade requests of an HTTP server. Each of them is taken by the route of its path or
 * answered, and the connection of an answered one is closed; listeners beside each other would each have to know what
 * the others leave unanswered.
 *
 * Browsers let any page open a WebSocket anywhere, and say in `Origin` whose page it is: only the server's own pages
 * may. Programs send no origin, and may call the server by whatever name leads to it.
 *
 * @param isOwnHost whether a `Host` header names the server; default: localhost, the machine's name and IP addresses
 * @param onTaken called with the socket of each request that a route takes
 */
export function routeUpgrades(
  server: Server,
  isOwnHost = ownHosts({}),
  onTaken: (socket: Socket) => void = () => {},
): UpgradeRoutes {
  const routes = new Map<string, (upgrade: Upgrade) => void>();
  const dispatch = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Before anything else: Node has removed its own listener, and an error without a listener ends the process.
    socket.on('error', () => socket.destroy());
    const refuse = (status: number, error: SemcastError): void => {
      answer(socket, status, error);
    };
    const path = (request.url ?? '/').split('?', 1)[0]!;
    const take = routes.get(path);
    if (take === undefined) {
      const known = [...routes.keys()].join(', ');
      refuse(404, new HttpError(404, 'E_NOT_FOUND', `there is no WebSocket at ${path}`, `there are: ${known}`));
      return;
    }
    const refusal = refusalOfOrigin(request, isOwnHost);
    if (refusal !== undefined) {
      refuse(refusal.statusCode, refusal);
      return;
    }
    onTaken(request.socket);
    take({ request, socket, head, refuse });
  };
  return {
    serve: (path, take) => {
      // Without any route, such requests stay plain HTTP.
      if (routes.size === 0) {
        server.on('upgrade', dispatch);
      }
      routes.set(path, take);
    },
  };
}

function refusalOfOrigin(
  { headers: { origin, host = '' } }: IncomingMessage,
  isOwnHost: (header: string) => boolean,
): HttpError | undefined {
  if (origin === undefined) {
    return undefined;
  }
  if (!URL.canParse(origin) || new URL(origin).host !== host) {
    const message = 'a page of another host may not open a WebSocket here';
    return new HttpError(403, 'E_FOREIGN_ORIGIN', message, 'open the page of this server');
  }
  return isOwnHost(host) ? undefined : foreignHost(host);
}

function answer(socket: Duplex, status: number, error: SemcastError): void {
  const body = JSON.stringify(errorBody(error));
  // Responses to earlier requests on the same connection may wait for a peer that doesn't read.
  const cut = setTimeout(() => socket.destroy(), ANSWER_GRACE_MS);
  socket.once('close', () => {
    clearTimeout(cut);
  });
  socket.once('finish', () => socket.destroy());
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}
