import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What passes a proxy in one direction. */
export interface Passage {
  /** Which of the proxy's connections, from 0. */
  readonly connection: number;
  readonly towards: 'server' | 'client';
  /** Bytes that passed before these, in this direction of this connection. */
  readonly before: number;
  readonly bytes: Buffer;
  /** Break the client's side; the server isn't told, and still gets what is on its way. */
  readonly sever: () => void;
}

/** A TCP relay that does to what passes what networks do once in a while. */
export interface FaultProxy {
  readonly port: number;
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * Start a proxy on a free port of the loopback interface.
 *
 * @param target port of the server behind it, asked for at each connection
 * @param fault what becomes of bytes that pass: others, fewer or more of them, or the same after a while
 */
export async function startFaultProxy(
  target: () => number,
  fault: (passage: Passage) => Buffer | Promise<Buffer>,
): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const connection = connections++;
    const far = connect({ port: target(), host: '127.0.0.1', allowHalfOpen: true });
    let severed = false;
    const sever = (): void => {
      severed = true;
      client.resetAndDestroy();
    };
    for (const socket of [client, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    const relay = async (from: Socket, to: Socket, towards: Passage['towards']): Promise<void> => {
      let before = 0;
      try {
        for await (const bytes of from as AsyncIterable<Buffer>) {
          to.write(await fault({ connection, towards, before, bytes, sever }));
          before += bytes.length;
        }
      } catch {
        // The other side learns of it below.
      }
      if (!severed) {
        to.end();
      }
    };
    void relay(client, far, 'server');
    void relay(far, client, 'client');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
