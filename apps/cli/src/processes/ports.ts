import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Where services that a command starts listen. */
export const LOOPBACK = '127.0.0.1';

/** Try to listen; null when it works, else the error's code (`EADDRINUSE`, `EACCES`). Leaves nothing behind. */
export async function tryPort(port: number): Promise<string | null> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      server.close(() => resolve(null));
    });
  });
}

/** Those of some ports that can't be listened on, each as `7401 (channel) is taken`. */
export async function findTakenPorts(ports: Readonly<Record<string, number>>, inUse = 'is taken'): Promise<string[]> {
  const taken: string[] = [];
  for (const [service, port] of Object.entries(ports)) {
    const code = await tryPort(port);
    if (code !== null) {
      taken.push(`${port} (${service}) ${code === 'EADDRINUSE' ? inUse : `can't be used: ${code}`}`);
    }
  }
  return taken;
}

/** Distinct ports that are free at this moment. They are held open together, so that none comes twice. */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen({ port: 0, host: LOOPBACK }));
  await Promise.all(servers.map(async (server) => await once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(async (server) => await once(server.close(), 'close')));
  return ports;
}
