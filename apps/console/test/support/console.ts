import { consoleConfigSchema, createConsoleServer, type ConsoleConfig } from '@semcast/console-server';
import { createHttpServer, createLogger } from '@semcast/service';
import type { LiveServices } from '@semcast/testkit';

export interface TestConsole {
  readonly url: string;
  close(): Promise<void>;
}

/** Serve the console on a free port, before services that are made up. */
export async function startConsole(services: LiveServices, config: Partial<ConsoleConfig>): Promise<TestConsole> {
  const logger = createLogger({ service: 'console', level: 'silent' });
  const http = await createHttpServer({
    service: 'console',
    host: '127.0.0.1',
    port: 0,
    logger,
    ready: () => ({ ready: true, reasons: [] }),
  });
  const consoleServer = await createConsoleServer({
    http,
    logger,
    config: consoleConfigSchema.parse({
      transmitterUrl: services.transmitterUrl,
      channelUrl: services.channelUrl,
      ...config,
    }),
    receiverUrl: () => services.receiverUrl,
  });
  const { url } = await http.listen();
  return {
    url,
    close: async () => {
      await consoleServer.close();
      await http.close();
    },
  };
}
