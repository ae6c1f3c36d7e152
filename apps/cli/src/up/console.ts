import { consoleConfigSchema, createConsoleServer } from '@semcast/console-server';
import { createHttpServer, createLogger } from '@semcast/service';
import type { ServicePorts } from '../layout.js';

export interface UpConsole {
  /** `http://127.0.0.1:7400` */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serve the console of the three services from this process: it outlives any of them, and says so when one is away.
 *
 * @param onLine each line of its log
 * @throws ListenError when the port is taken
 */
export async function serveConsole(
  port: number,
  services: ServicePorts,
  onLine: (line: string) => void,
): Promise<UpConsole> {
  const logger = createLogger({
    service: 'console',
    destination: {
      write: (text) => {
        onLine(text.trimEnd());
      },
    },
  });
  const http = await createHttpServer({
    service: 'console',
    host: '127.0.0.1',
    port,
    logger,
    ready: () => ({ ready: true, reasons: [] }),
  });
  const consoleServer = await createConsoleServer({
    http,
    config: consoleConfigSchema.parse({
      transmitterUrl: `http://127.0.0.1:${services.transmitter}`,
      channelUrl: `http://127.0.0.1:${services.channel}`,
    }),
    receiverUrl: () => `http://127.0.0.1:${services.receiver}`,
    logger,
  });
  const close = async (): Promise<void> => {
    await consoleServer.close();
    await http.close();
  };
  try {
    const { url } = await http.listen();
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}
