import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP relay between client and server whose cables can be cut, held, or made of one-byte pieces. */
export interface TcpProxy {
  readonly port: number;
  readonly connections: number;
  /** Break every connection. */
  cut(): void;
  /** Forward nothing more, without closing anything. */
  hold(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(
  targetPort: number,
  options: {
    /** Forward in pieces of this many bytes. */
    readonly chunkBytes?: number;
    readonly onConnection?: (cut: () => void) => void;
    /** Sees what the client sends. */
    readonly onUpstream?: (data: Buffer) => void;
  } = {},
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let held = false;
  const server = createServer((near) => {
    connections++;
    const far = connect(targetPort, '127.0.0.1');
    const cut = (): void => {
      near.resetAndDestroy();
      far.resetAndDestroy();
    };
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (data) => {
        if (held) {
          return;
        }
        if (from === near) {
          options.onUpstream?.(data);
        }
        const size = options.chunkBytes ?? data.length;
        for (let at = 0; at < data.length; at += size) {
          to.write(data.subarray(at, at + size));
        }
      });
      from.on('error', () => {});
      from.on('end', () => {
        if (!held) {
          to.end();
        }
      });
      from.on('close', () => {
        sockets.delete(from);
        if (!held) {
          to.destroy();
        }
      });
    }
    options.onConnection?.(cut);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    cut() {
      for (const socket of sockets) {
        socket.resetAndDestroy();
      }
    },
    hold() {
      held = true;
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
