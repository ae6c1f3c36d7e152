import type { ChannelConfig } from '@semcast/channel-models';
import { runService } from '@semcast/service';
import { createChannelService } from './app.js';
import { channelServiceConfigSchema } from './config.js';

/** Message of a forked channel to its parent, beside `ready`: it was changed while frames flow. */
export interface ChannelMessage {
  readonly type: 'settings';
  readonly channel: ChannelConfig;
}

/** Run a channel emulator as a process, as `semcast channel` does: {@link runService}. */
export async function runChannel(flags: Readonly<Record<string, unknown>>): Promise<void> {
  await runService(
    {
      name: 'channel',
      schema: channelServiceConfigSchema,
      create: createChannelService,
      follow: (service, { tell }) => {
        service.onChange((channel) => {
          void tell({ type: 'settings', channel } satisfies ChannelMessage);
        });
      },
    },
    flags,
  );
}
