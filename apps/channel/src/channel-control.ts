import { readFile } from 'node:fs/promises';
import {
  channelConfigSchema,
  createChannel,
  mergeChannelConfig,
  parseChannelConfig,
  type Channel,
  type ChannelConfig,
  type FrameId,
} from '@semcast/channel-models';
import { z } from 'zod';
import type { ChannelServiceConfig } from './config.js';
import { ChannelUpdateError, TraceFileError } from './errors.js';

/** The answer of `GET /channel`: the whole configuration, and the SNR of the newest frame under it. */
export type ChannelState = ChannelConfig & {
  /** Configured SNR of the newest frame (of frame 0 before any), in dB per complex symbol. */
  readonly snrDb: number;
};

/** The channel in force. A change takes effect with the next frame; a frame in progress keeps its channel. */
export interface ChannelControl {
  readonly channel: Channel;
  state(): ChannelState;
  /**
   * Merge a change into the configuration in force and validate the whole.
   *
   * @throws ChannelUpdateError when the result is no channel; the one in force stays
   */
  update(change: unknown): ChannelState;
  /** Called with the whole configuration after every change, whoever made it. */
  onChange(listener: (config: ChannelConfig) => void): void;
  /** Remember which frame came last: its SNR is the one to show. */
  sawFrame(id: FrameId): void;
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function createChannelControl(initial: ChannelConfig): ChannelControl {
  let channel = createChannel(initial);
  const listeners: ((config: ChannelConfig) => void)[] = [];
  let newest: FrameId = { stream: '', frame: 0 };
  const state = (): ChannelState => ({ ...channel.config, snrDb: channel.snrDbAt(newest) });
  return {
    get channel() {
      return channel;
    },
    state,
    update: (change) => {
      if (!isObject(change)) {
        throw new ChannelUpdateError('the body is no JSON object');
      }
      const parsed = channelConfigSchema.safeParse(mergeChannelConfig(channel.config, change));
      if (!parsed.success) {
        throw new ChannelUpdateError(z.prettifyError(parsed.error), { cause: parsed.error });
      }
      channel = createChannel(parsed.data);
      for (const listener of listeners) {
        listener(channel.config);
      }
      return state();
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
    sawFrame: (id) => {
      newest = id;
    },
  };
}

/**
 * The channel that a service starts with: its configuration, with the SNR trace read from its file if one is named.
 *
 * @throws TraceFileError when the file can't be read; ChannelConfigError when it is no trace
 */
export async function initialChannelConfig(config: ChannelServiceConfig): Promise<ChannelConfig> {
  if (config.traceFile === undefined) {
    return config.channel;
  }
  const csv = await readFile(config.traceFile, 'utf8').catch((cause: Error) => {
    throw new TraceFileError(`the SNR trace "${config.traceFile}" can't be read: ${cause.message}`, { cause });
  });
  return parseChannelConfig({ ...config.channel, snr: { name: 'trace', csv, loop: config.traceLoop } });
}
