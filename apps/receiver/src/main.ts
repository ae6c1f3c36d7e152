import { describeError } from '@semcast/core';
import { formatConfig, loadConfig } from '@semcast/config';
import { createLogger, runUntilSignal } from '@semcast/service';
import { createReceiver, type ReceiverService } from './app.js';
import { receiverConfigSchema, type ReceiverConfig } from './config.js';

/** Say what is wrong in one line, and end with the exit code that the command line promises. */
function fail(error: unknown, exitCode: 1 | 2): never {
  process.stderr.write(`receiver: ${describeError(error)}\n`);
  process.exit(exitCode);
}

/**
 * Run a receiver until a signal ends it, as `semcast receiver` does.
 *
 * @param flags the options of `receiverConfigSchema`, over the environment (`SEMCAST_RECEIVER_…`), over the file
 *   named by `config`; `printConfig` prints the outcome instead of running
 */
export async function runReceiver({ config: file, printConfig, ...flags }: Record<string, unknown>): Promise<void> {
  let config: ReceiverConfig;
  try {
    config = loadConfig({
      schema: receiverConfigSchema,
      name: 'receiver',
      file: typeof file === 'string' ? file : undefined,
      env: process.env,
      flags,
    });
  } catch (error) {
    fail(error, 2);
  }
  if (printConfig === true) {
    process.stdout.write(formatConfig(config, receiverConfigSchema));
    return;
  }
  const logger = createLogger({ service: 'receiver', level: config.logLevel });
  let service: ReceiverService;
  try {
    service = await createReceiver(config, { logger });
  } catch (error) {
    fail(error, 1);
  }
  const running = runUntilSignal(() => service.close(), { logger });
  // Started by another process: end with it, and tell it when to begin.
  process.once('disconnect', () => {
    running.close();
  });
  process.send?.({ type: 'ready', httpUrl: service.httpUrl, wsUrl: service.wsUrl });
}
