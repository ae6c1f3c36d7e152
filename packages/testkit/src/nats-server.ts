import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcessKeeper, freePorts, type ProcessKeeper, type TestProcess } from './processes.js';

/** A nats-server with JetStream on loopback, and a store of its own. */
export interface NatsServer {
  readonly url: string;
  readonly name: string;
  /** End it: at once with SIGKILL (the default), or in its order with SIGTERM. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Such as SIGSTOP and SIGCONT: it stays where it is. */
  signal(signal: NodeJS.Signals): void;
  /** Start it again, on the same port and store. */
  start(): Promise<void>;
  /** End it, and delete its store. */
  remove(): Promise<void>;
}

/**
 * Start a nats-server.
 *
 * @param program where it is: `findProgram('nats-server', 'nats-server')`
 * @param args more arguments, such as `--user`
 */
export async function startNatsServer(
  program: string,
  args: readonly string[] = [],
  name = 'nats',
): Promise<NatsServer> {
  const keeper: ProcessKeeper = createProcessKeeper();
  const [port] = await freePorts(1);
  const store = mkdtempSync(join(tmpdir(), 'semcast-nats-'));
  let server: TestProcess | undefined;
  const start = async (): Promise<void> => {
    server = keeper.start({
      command: program,
      args: [
        '--addr',
        '127.0.0.1',
        '--port',
        String(port),
        '--jetstream',
        '--store_dir',
        store,
        '--server_name',
        name,
        ...args,
      ],
    });
    await server.until('nats-server is ready', ({ stderr }) => stderr.includes('Server is ready'));
  };
  const stop = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    server?.kill(signal);
    await server?.ended;
  };
  await start();
  return {
    name,
    url: `nats://127.0.0.1:${port}`,
    stop,
    signal: (signal) => server?.kill(signal),
    start,
    remove: async () => {
      await keeper.killAll();
      rmSync(store, { recursive: true, force: true });
    },
  };
}

/**
 * Start a cluster of nats-servers, whose JetStream has a majority while more than half of them live.
 *
 * @returns its servers; the addresses of all, separated by commas, are an address of the queue
 */
export async function startNatsCluster(program: string, size = 3): Promise<NatsServer[]> {
  const routes = (await freePorts(size)).map((port) => `nats://127.0.0.1:${port}`);
  return await Promise.all(
    routes.map(async (route, i) => {
      const args = ['--cluster_name', 'semcast', '--cluster', route, '--routes', routes.join(',')];
      return await startNatsServer(program, args, `nats-${i}`);
    }),
  );
}
