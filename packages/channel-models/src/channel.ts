import type { ComplexVector } from '@semcast/core';
import { z } from 'zod';
import { ChannelConfigError } from './errors.js';
import { impair, noiseReferences, type ImpairOutcome } from './impair.js';
import { channelModelConfigSchema, createChannelModel } from './registry.js';
import { createSnrSchedule, snrScheduleConfigSchema } from './schedule-registry.js';

/** A channel: a model, an SNR schedule, loss, and the seed of every draw. `{}` is AWGN at 10 dB. */
export const channelConfigSchema = z.strictObject({
  model: channelModelConfigSchema.prefault({ name: 'awgn' }),
  snr: snrScheduleConfigSchema.prefault({ name: 'constant' }),
  loss: z.number().min(0).max(1).default(0).describe('probability that a whole frame is lost'),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe('seed of fading, noise, loss and random walk'),
  noiseReference: z
    .enum(noiseReferences)
    .default('nominal')
    .describe('the power that the SNR refers to: 1, or that of each frame as sent'),
});

export type ChannelConfig = z.output<typeof channelConfigSchema>;

export type ChannelConfigInput = z.input<typeof channelConfigSchema>;

/**
 * Validate a channel's configuration and fill in defaults.
 *
 * @throws ChannelConfigError naming each key that was wrong
 */
export function parseChannelConfig(value: unknown): ChannelConfig {
  const result = channelConfigSchema.safeParse(value);
  if (!result.success) {
    throw new ChannelConfigError(z.prettifyError(result.error), { cause: result.error });
  }
  return result.data;
}

/** A frame's identity. */
export interface FrameId {
  readonly stream: string;
  readonly frame: number;
}

/** A configured channel. It holds no state: any frame may be sent at any time, any number of times. */
export interface Channel {
  readonly config: ChannelConfig;
  /** The SNR configured for a frame, in dB. */
  snrDbAt(id: FrameId): number;
  /**
   * Send one frame's samples through the channel; `samples` is left as it is.
   *
   * @throws SamplesError when the samples are no complex vector or not all finite
   */
  impairFrame(samples: ComplexVector, id: FrameId): ImpairOutcome;
}

/** Build a channel from its validated configuration ({@link parseChannelConfig}). */
export function createChannel(config: ChannelConfig): Channel {
  const model = createChannelModel(config.model);
  const snrAt = createSnrSchedule(config.snr);
  const { seed, loss, noiseReference } = config;
  const snrDbAt = ({ stream, frame }: FrameId): number => snrAt(frame, { seed, stream });
  return {
    config,
    snrDbAt,
    impairFrame: (samples, id) =>
      impair({
        model,
        samples,
        snrDb: snrDbAt(id),
        seed,
        stream: id.stream,
        frame: id.frame,
        lossProbability: loss,
        noiseReference,
      }),
  };
}
