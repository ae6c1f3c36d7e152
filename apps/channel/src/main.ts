import { describeError } from '@semcast/core';
import type { ChannelConfig } from '@semcast/channel-models';
import { formatConfig, loadConfig } from '@semcast/config';
import { createLogger, runUntilSignal } from '@semcast/service';
import { createChannelService, type ChannelService } from './app.js';
import { channelServiceConfigSchema, type ChannelServiceConfig } from './config.js';

/** What a forked channel tells its parent beside that it is ready: it was changed while frames flow. */
export interface ChannelMessage {
  readonly type: 'settings';
  readonly channel: ChannelConfig;
}

/** Say what is wrong in one line, and end with the exit code that the command line promises. */
function fail(error: unknown, exitCode: 1 | 2): never {
  process.stderr.write(`channel: ${describeError(error)}\n`);
  process.exit(exitCode);
}

/**
 * Run a channel emulator until a signal ends it, as `semcast channel` does.
 *
 * @param flags the options of `channelServiceConfigSchema`, over the environment (`SEMCAST_CHANNEL_…`), over the file
 *   named by `config`; `printConfig` prints the outcome instead of running
 */
export async function runChannel({ config: file, printConfig, ...flags }: Record<string, unknown>): Promise<void> {
  let config: ChannelServiceConfig;
  try {
    config = loadConfig({
      schema: channelServiceConfigSchema,
      name: 'channel',
      file: typeof file === 'string' ? file : undefined,
      env: process.env,
      flags,
    });
  } catch (error) {
    fail(error, 2);
  }
  if (printConfig === true) {
    process.stdout.write(formatConfig(config, channelServiceConfigSchema));
    return;
  }
  const logger = createLogger({ service: 'channel', level: config.logLevel });
  let service: ChannelService;
  try {
    service = await createChannelService(config, { logger });
  } catch (error) {
    fail(error, 1);
  }
  const running = runUntilSignal(() => service.close(), { logger });
  // Started by another process: end with it, and tell it when to begin.
  process.once('disconnect', () => {
    running.close();
  });
  service.onChange((channel) => {
    if (process.connected) {
      process.send?.({ type: 'settings', channel } satisfies ChannelMessage);
    }
  });
  process.send?.({ type: 'ready', httpUrl: service.httpUrl, wsUrl: service.wsUrl });
}
