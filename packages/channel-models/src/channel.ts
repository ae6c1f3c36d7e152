import {
  complexCount,
  csnrDbToNoiseVariance,
  meanPower,
  powerToDb,
  randomFor,
  type ChannelState,
  type ComplexVector,
} from '@semcast/core';
import { z } from 'zod';
import { ChannelConfigError, SamplesError } from './errors.js';
import { applyTaps, type FrameCoordinates } from './fading.js';
import { isFrameLost } from './loss.js';
import { addNoise } from './noise.js';
import { channelModelConfigSchema, createChannelModel } from './registry.js';
import { createSnrSchedule, snrScheduleConfigSchema } from './schedule-registry.js';

/** A channel: a model, an SNR schedule, loss, and the seed of every draw. `{}` is AWGN at 10 dB. */
export const channelConfigSchema = z.strictObject({
  model: channelModelConfigSchema.prefault({ name: 'awgn' }),
  snr: snrScheduleConfigSchema.prefault({ name: 'constant' }),
  loss: z.number().min(0).max(1).default(0).describe('probability that a whole frame is lost'),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe('seed of fading, noise, loss and random walk'),
  noiseReference: z
    .enum(['nominal', 'measured'])
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
export type FrameId = Omit<FrameCoordinates, 'seed'>;

/** A frame that arrived. */
export interface ImpairedFrame {
  readonly lost: false;
  /** y = W_h(z) + n. */
  readonly samples: ComplexVector;
  /** What the frame met: taps and N0, for a receiver with genie channel state. */
  readonly channel: ChannelState;
  /** The SNR asked for, in dB. */
  readonly snrDb: number;
  /** mean|W_h(z)|²/N0 of this very frame, in dB; null for a silent or empty frame. */
  readonly measuredSnrDb: number | null;
}

/** What became of a frame in the channel. */
export type ImpairOutcome = { readonly lost: true } | ImpairedFrame;

/** A configured channel. It holds no state: any frame may be sent at any time, any number of times. */
export interface Channel {
  readonly config: ChannelConfig;
  /** The SNR configured for a frame, in dB. */
  snrDbAt(id: FrameId): number;
  /**
   * Send one frame through the channel: lose it, or give y = W_h(z) + n, n ~ CN(0, N0). The same frame sent again meets
   * the same channel, whatever went before.
   *
   * @param samples complex samples as sent, nominally of unit mean power; left as they are
   * @throws SamplesError when they are not all finite; ArgumentError when they are no complex vector
   */
  impairFrame(samples: ComplexVector, id: FrameId): ImpairOutcome;
}

/** Beyond this mean power a sample could leave float32's range on its way. */
const MAX_MEAN_POWER = 1e30;

/** Build a channel from its validated configuration ({@link parseChannelConfig}). */
export function createChannel(config: ChannelConfig): Channel {
  const model = createChannelModel(config.model);
  const snrAt = createSnrSchedule(config.snr);
  const { seed, loss, noiseReference } = config;
  const snrDbAt = ({ stream, frame }: FrameId): number => snrAt(frame, { seed, stream });
  return {
    config,
    snrDbAt,
    impairFrame: (samples, { stream, frame }) => {
      const coordinates = { seed, stream, frame };
      const sentPower = meanPower(samples);
      // NaN fails every comparison, so this one line finds NaN, infinities and absurd magnitudes.
      if (!(sentPower <= MAX_MEAN_POWER)) {
        throw new SamplesError(`the samples of frame ${frame} are not all finite and of ordinary size`);
      }
      if (isFrameLost(coordinates, loss)) {
        return { lost: true };
      }
      const snrDb = snrDbAt(coordinates);
      const random = randomFor({ ...coordinates, purpose: 'channel/fading' });
      const taps = model.drawFading(random, complexCount(samples));
      const faded = applyTaps(samples, taps);
      // Measured: the power before the fading. A silent frame counts as nominal.
      const reference = noiseReference === 'measured' && sentPower > 0 ? sentPower : 1;
      const noiseVariance = reference * csnrDbToNoiseVariance(snrDb);
      const fadedPower = taps === null ? sentPower : meanPower(faded);
      const measuredSnrDb = fadedPower > 0 ? powerToDb(fadedPower / noiseVariance) : null;
      addNoise(faded, coordinates, noiseVariance);
      return { lost: false, samples: faded, channel: { taps, noiseVariance }, snrDb, measuredSnrDb };
    },
  };
}
