import type { Server } from 'node:http';
import { fastify, type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { MetricsEndpoint } from './metrics.js';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, in words, one sentence a reason. Empty when ready. */
  readonly reasons: readonly string[];
}

export interface HttpServerOptions {
  readonly service: string;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly metrics: MetricsEndpoint;
  readonly ready: () => Readiness;
  readonly logger: Logger;
}

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:7401`, with an address that can be dialled from this machine. */
  readonly url: string;
  /** The same for WebSockets: `ws://127.0.0.1:7401`. */
  readonly wsUrl: string;
}

export interface HttpServer {
  /** Add routes before `listen()`. */
  readonly app: FastifyInstance;
  /** For `upgrade`: mount ws with `noServer` here. */
  readonly server: Server;
  /** @throws ServiceError E_PORT_BUSY, E_PORT_DENIED or E_HOST_UNAVAILABLE. */
  listen(): Promise<HttpAddress>;
  close(): Promise<void>;
}

/** The HTTP side that every service shares: /metrics, /healthz, /readyz and errors as JSON. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const app = fastify();
  return {
    app,
    server: app.server,
    listen: async () => {
      const url = await app.listen({ host: options.host, port: options.port });
      return { host: options.host, port: options.port, url, wsUrl: url };
    },
    close: async () => {
      await app.close();
    },
  };
}
