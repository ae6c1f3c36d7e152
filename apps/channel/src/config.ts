import { channelConfigSchema, type ChannelConfig, type ChannelConfigInput } from '@semcast/channel-models';
import { listenSettings, logLevelSchema, secretSchema } from '@semcast/config';
import { linkSettings } from '@semcast/wire';
import { z } from 'zod';
import { publishSchema, recordSchema } from './recording/config.js';

// Interfaces, because a declaration file refers to these by name, and would spell a type alias out.
interface ChannelSettings extends ChannelConfig {}
interface ChannelSettingsInput extends ChannelConfigInput {}
const channel: z.ZodType<ChannelSettings, ChannelSettingsInput> = channelConfigSchema;

/** The configuration of the channel emulator: every option, its default and its meaning. */
export const channelServiceConfigSchema = z.strictObject({
  ...listenSettings(7401),
  receiverUrl: z
    .url({ protocol: /^wss?$/ })
    .default('ws://127.0.0.1:7402')
    .describe('where the receiver listens for links'),
  token: secretSchema.optional().describe('token that transmitters must send; without it anyone may connect'),
  receiverToken: secretSchema.optional().describe('token of the receiver'),
  controlToken: secretSchema.optional().describe('bearer token without which PUT /channel is refused'),
  maxSessions: z.int().min(1).max(100_000).default(64).describe('most transmitters linked at a time'),
  ...linkSettings,
  maxBufferedBytes: z
    .int()
    .min(0)
    .max(2 ** 40)
    .default(16 * 1024 * 1024)
    .describe('bytes that may wait for one peer to read before its partner is made to wait too'),
  probeIntervalMs: z
    .int()
    .min(10)
    .max(3_600_000)
    .default(2000)
    .describe('how often /readyz looks whether the receiver listens'),
  channel: channel
    .prefault({})
    .describe('the channel at start: model, SNR schedule, loss, seed; PUT /channel changes it later'),
  traceFile: z
    .string()
    .min(1)
    .optional()
    .describe('CSV file of an SNR trace ("frame,snr_db" or "snr_db"); takes the place of channel.snr'),
  traceLoop: z.boolean().default(false).describe('start the trace again after its last row'),
  record: recordSchema.optional().describe('recordings of the samples; none by default'),
  publish: publishSchema.optional().describe('samples over ZeroMQ while they flow; none by default'),
  logLevel: logLevelSchema,
});

export type ChannelServiceConfig = z.output<typeof channelServiceConfigSchema>;

export type ChannelServiceConfigInput = z.input<typeof channelServiceConfigSchema>;
