import { isIPv6, type AddressInfo, type Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import helmet from '@fastify/helmet';
import { addressOwner, Places, RateLimit, redactUrls } from '@semcast/core';
import { fastify, LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { HttpError } from './errors.js';
import { answerFrameworkError, installErrorAnswers } from './http-errors.js';
import { explainListenError } from './listen-error.js';
import type { MetricsEndpoint } from './metrics.js';
import { addOpenApi, documented } from './openapi.js';
import { foreignHost, ownHosts } from './own-hosts.js';
import { readTls, reloadTls, tlsFiles } from './tls.js';
import { routeUpgrades, type UpgradeRoutes } from './upgrades.js';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, one sentence a reason. Empty when ready. */
  readonly reasons: readonly string[];
}

export interface HttpServerOptions {
  readonly service: string;
  /** An address of this machine, or 0.0.0.0 or :: for all. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Names by which the service may be called, beside localhost, `host`, its machine's and IP addresses. */
  readonly allowedHosts?: readonly string[];
  /** PEM files of certificate and private key, to speak https and wss only. */
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  /** Of one address: requests, and new connections. Twice as many may come at once. No limit by default. */
  readonly maxRequestsPerSecond?: number;
  /**
   * Connections that aren't WebSockets, of one address; twice as many of all. One more takes the place of the oldest, of
   * the address that has the most. Default 2,048.
   */
  readonly maxConnectionsPerAddress?: number;
  /** Without it there is no GET /metrics. */
  readonly metrics?: MetricsEndpoint;
  /** Asked at every GET /readyz. */
  readonly ready: () => Readiness;
  readonly logger: Logger;
  /** How long close() waits for open sockets before it cuts them, default 2 s. */
  readonly closeGraceMs?: number;
}

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:7401` (https with TLS), with an address that can be dialled from this machine. */
  readonly url: string;
  /** The same for WebSockets: `ws://127.0.0.1:7401`. */
  readonly wsUrl: string;
}

export interface HttpServer {
  /** Add routes before `listen()`. */
  readonly app: FastifyInstance;
  /** For WebSockets: mount ws with `noServer` here, before `listen()`. */
  readonly upgrades: UpgradeRoutes;
  /** @throws ListenError E_PORT_BUSY, E_PORT_DENIED, E_HOST_UNAVAILABLE, or E_LISTEN for anything else. */
  listen(): Promise<HttpAddress>;
  /**
   * Stop to listen, let running requests end, and cut what is still open after the grace. Close WebSockets first: to
   * the server they are open sockets like any other.
   */
  close(): Promise<void>;
}

/** The longest request body, unless a route sets its own `bodyLimit`. */
const MAX_BODY_BYTES = 64 * 1024;
/** The longest time to wait for a whole request. Sockets upgraded to WebSockets are not concerned. */
const REQUEST_TIMEOUT_MS = 30_000;
const DEFAULT_CLOSE_GRACE_MS = 2000;
const DEFAULT_MAX_CONNECTIONS_PER_ADDRESS = 2048;

function addressOf(host: string, { address, port }: AddressInfo, isTls: boolean): HttpAddress {
  const everywhere = address === '0.0.0.0' || address === '::';
  const dialled = everywhere ? '127.0.0.1' : isIPv6(address) ? `[${address}]` : address;
  const s = isTls ? 's' : '';
  return { host, port, url: `http${s}://${dialled}:${port}`, wsUrl: `ws${s}://${dialled}:${port}` };
}

function addStandardRoutes(app: FastifyInstance, { service, metrics, ready }: HttpServerOptions): void {
  if (metrics !== undefined) {
    app.get('/metrics', { schema: documented('Metrics for Prometheus') }, async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
    );
  }
  app.get('/healthz', { schema: documented('Whether the process answers') }, () => ({
    status: 'ok',
    service,
    uptimeSeconds: process.uptime(),
  }));
  app.get(
    '/readyz',
    { schema: documented('Whether the service can serve: 200, or 503 with the reasons') },
    (request, reply) => {
      let readiness: Readiness;
      try {
        readiness = ready();
      } catch (error) {
        request.log.error({ err: error }, 'the readiness check failed');
        readiness = { ready: false, reasons: ['the readiness check itself failed; the log says why'] };
      }
      return reply.code(readiness.ready ? 200 : 503).send(readiness);
    },
  );
}

/** Of two sockets for one connection, with TLS, both have it. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/**
 * Cut connections of an address that makes too many, before TLS and before their first byte is looked at.
 *
 * @returns to be told of a connection that became a WebSocket: those have limits of their own
 */
function limitConnections(
  app: FastifyInstance,
  { maxRequestsPerSecond = Number.MAX_SAFE_INTEGER, maxConnectionsPerAddress: maxPerOwner }: HttpServerOptions,
): (socket: Socket) => void {
  maxPerOwner ??= DEFAULT_MAX_CONNECTIONS_PER_ADDRESS;
  const limits = { perSecond: maxRequestsPerSecond, burst: 2 * maxRequestsPerSecond };
  const [connections, requests] = [new RateLimit(limits), new RateLimit(limits)];
  const places = new Places<string>({ max: 2 * maxPerOwner, maxPerOwner });
  const open = new Map<string, Socket>();
  const leave = (key: string): void => {
    places.delete(key);
    open.delete(key);
  };
  app.server.on('connection', (socket: Socket) => {
    const [key, owner] = [keyOf(socket), addressOwner(socket.remoteAddress)];
    if (!connections.admit(owner, performance.now())) {
      socket.destroy();
      return;
    }
    open.set(key, socket);
    socket.once('close', () => leave(key));
    const loser = places.add(key, owner);
    if (loser !== undefined) {
      open.get(loser)?.destroy();
    }
  });
  app.addHook('onRequest', async ({ ip }) => {
    if (!requests.admit(addressOwner(ip), performance.now())) {
      throw new HttpError(
        429,
        'E_TOO_MANY_REQUESTS',
        'this address asks too often',
        'ask less, or raise maxRequestsPerSecond',
      );
    }
  });
  return (socket) => {
    leave(keyOf(socket));
  };
}

/**
 * The HTTP side that every service shares: GET /metrics, /healthz (the process answers), /readyz (it can serve) and
 * /openapi.json, safe headers, limits, no answer under foreign names, and every error as `{ error: { code, message, remedy } }`.
 *
 * Nothing listens until `listen()`.
 *
 * @throws SemcastError E_TLS when certificate and key can't be used
 */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  // Fastify's own type, so that the type of the app doesn't depend on what writes the log.
  const logger: FastifyBaseLogger = options.logger;
  const tls = tlsFiles(options.tlsCert, options.tlsKey);
  const app: FastifyInstance = fastify({
    // Without TLS null, which to the types is a server with TLS as well.
    https: tls === undefined ? null : ((await readTls(tls)) as unknown as null),
    loggerInstance: logger,
    // A scrape every few seconds would drown the frames.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    frameworkErrors: answerFrameworkError,
  });
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  const becameWebSocket = limitConnections(app, options);
  const isOwnHost = ownHosts(options);
  app.addHook('onRequest', async ({ headers: { host } }) => {
    // Only a program leaves it out.
    if (host !== undefined && !isOwnHost(host)) {
      throw foreignHost(host);
    }
  });
  installErrorAnswers(app);
  // Here, because whatever a route tells (status, feed, reasons, errors) may name the address of another service.
  app.addHook('onSend', async (_request, reply, payload) =>
    typeof payload === 'string' && String(reply.getHeader('content-type')).startsWith('application/json')
      ? redactUrls(payload)
      : payload,
  );
  await app.register(helmet, {
    // Whoever ends TLS may want plain HTTP beside it: no service tells a browser to insist on HTTPS.
    strictTransportSecurity: false,
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null, connectSrc: ["'self'", 'ws:', 'wss:'] } },
  });
  await addOpenApi(app, options.service);
  addStandardRoutes(app, options);

  const close = async (): Promise<void> => {
    stopReloading?.();
    const cut = setTimeout(() => {
      for (const socket of sockets) {
        socket.destroy();
      }
    }, options.closeGraceMs ?? DEFAULT_CLOSE_GRACE_MS);
    try {
      await app.close();
    } finally {
      clearTimeout(cut);
    }
  };
  const stopReloading = tls && reloadTls(app.server as unknown as TlsServer, tls, options.logger);
  let closing: Promise<void> | undefined;
  return {
    app,
    upgrades: routeUpgrades(app.server, isOwnHost, becameWebSocket),
    listen: async () => {
      try {
        await app.listen({ host: options.host, port: options.port });
      } catch (error) {
        throw explainListenError(options, error);
      }
      return addressOf(options.host, app.server.address() as AddressInfo, tls !== undefined);
    },
    close: () => (closing ??= close()),
  };
}
