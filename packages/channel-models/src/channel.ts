import {
  complexCount,
  csnrDbToNoiseVariance,
  meanPower,
  powerToDb,
  type ChannelState,
  type ComplexVector,
} from '@semcast/core';
import { z } from 'zod';
import { ChannelConfigError, OptionError, SamplesError } from './errors.js';
import { applyTaps, type FrameCoordinates } from './fading.js';
import type { ImpairmentStage } from './impairment.js';
import { createImpairment, impairmentsConfigSchema } from './impairment-registry.js';
import { isFrameLost } from './loss.js';
import { isObject, mergeChannelConfig } from './merge.js';
import { addNoise } from './noise.js';
import { channelPresetNames } from './presets.js';
import { channelModelConfigSchema, createChannelModel } from './registry.js';
import { createSnrSchedule, snrScheduleConfigSchema } from './schedule-registry.js';

/** The powers that N0 may refer to. */
export const NOISE_REFERENCES = ['nominal', 'measured', 'received'] as const;
export type NoiseReference = (typeof NOISE_REFERENCES)[number];

/** Complex samples a second of a channel whose configuration doesn't say. */
export const DEFAULT_SAMPLE_RATE_HZ = 10e6;

const settings = z.strictObject({
  preset: z
    .enum(channelPresetNames)
    .optional()
    .describe('a channel to begin with; what stands beside it is changed in it'),
  model: channelModelConfigSchema.prefault({ name: 'awgn' }),
  impairments: impairmentsConfigSchema
    .default([])
    .describe('what else befalls a frame, in this order, as in [{name: cfo, offsetHz: 50}, {name: adc}]'),
  snr: snrScheduleConfigSchema.prefault({ name: 'constant' }),
  sampleRateHz: z
    .number()
    .min(1)
    .max(1e12)
    .default(DEFAULT_SAMPLE_RATE_HZ)
    .describe('complex samples a second: what delays, Doppler and offsets in Hz refer to'),
  loss: z.number().min(0).max(1).default(0).describe('probability that a whole frame is lost'),
  seed: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(0)
    .describe('seed of fading, noise, loss, impairments and random walk'),
  noiseReference: z
    .enum(NOISE_REFERENCES)
    .default('nominal')
    .describe('the power that the SNR refers to: 1, that of each frame as sent, or as received after fading'),
});

/** What {@link mergeChannelConfig} takes, for documents; the merged configuration is what gets validated. */
export const channelChangeSchema = settings
  .extend({ snrDb: z.number().describe('short for a constant SNR, in dB') })
  .partial();

/** The whole configuration of a channel, every option filled in. */
export type ChannelConfig = Omit<z.output<typeof settings>, 'preset'>;

/** What makes a configuration: every key may be left out, and `preset` stands for several. */
export type ChannelConfigInput = z.input<typeof settings>;

/** Options that are right each by itself, and wrong together or at this sample rate. */
function refuseImpossible(config: ChannelConfig, context: z.RefinementCtx): void {
  const attempt = (path: readonly PropertyKey[], create: () => unknown): void => {
    try {
      create();
    } catch (error) {
      if (!(error instanceof OptionError)) {
        throw error;
      }
      context.addIssue({ code: 'custom', path: [...path, error.option], message: error.message });
    }
  };
  const { model, impairments, sampleRateHz } = config;
  attempt(['model'], () => createChannelModel(model, sampleRateHz));
  for (const [i, impairment] of impairments.entries()) {
    attempt(['impairments', i], () => createImpairment(impairment, sampleRateHz));
  }
}

/**
 * A channel: a preset and what is changed in it, or a model, impairments, an SNR schedule, loss, and the seed of every
 * draw. `{}` is AWGN at 10 dB.
 */
export const channelConfigSchema = z.preprocess(
  (value) => (isObject(value) && value['preset'] !== undefined ? mergeChannelConfig({}, value) : value),
  settings.superRefine(refuseImpossible),
) as unknown as z.ZodType<ChannelConfig, ChannelConfigInput>;

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
  /** y = W_h(z) + n, impaired. */
  readonly samples: ComplexVector;
  /** The linear channel that the frame met: taps and N0, for a receiver with genie channel state. Impairments aren't told. */
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
   * Send one frame through the channel: lose it, or give y = W_h(z) + n, n ~ CN(0, N0), with the impairments of each
   * stage in their order. The same frame sent again meets the same channel, whatever went before.
   *
   * @param samples complex samples as sent, nominally of unit mean power; left as they are
   * @throws SamplesError when they are not all finite, or fewer than the channel's longest delay; ArgumentError when
   *   they are no complex vector
   */
  impairFrame(samples: ComplexVector, id: FrameId): ImpairOutcome;
}

/** Beyond this mean power a sample could leave float32's range on its way. */
const MAX_MEAN_POWER = 1e30;

/** Build a channel from its validated configuration ({@link parseChannelConfig}). */
export function createChannel(config: ChannelConfig): Channel {
  const { sampleRateHz, seed, loss, noiseReference } = config;
  const model = createChannelModel(config.model, sampleRateHz);
  const snrAt = createSnrSchedule(config.snr);
  const impairments = config.impairments.map((impairment, i, all) =>
    createImpairment(impairment, sampleRateHz, all.slice(0, i).filter(({ name }) => name === impairment.name).length),
  );
  const snrDbAt = ({ stream, frame }: FrameId): number => snrAt(frame, { seed, stream });
  /** What the impairments of a stage make of samples, which they may overwrite. */
  const impairAt = (stage: ImpairmentStage, samples: ComplexVector, coordinates: FrameCoordinates): ComplexVector =>
    impairments
      .filter((impairment) => impairment.stage === stage)
      .reduce((sent, { impair, purpose }) => impair(sent, { coordinates, purpose, model }), samples);
  const distorts = impairments.some(({ stage }) => stage === 'before-fading');
  return {
    config,
    snrDbAt,
    impairFrame: (samples, { stream, frame }) => {
      const coordinates = { seed, stream, frame };
      // NaN fails every comparison, so this one line finds NaN, infinities and absurd magnitudes.
      const power = meanPower(samples);
      if (!(power <= MAX_MEAN_POWER)) {
        throw new SamplesError(`the samples of frame ${frame} are not all finite and of ordinary size`);
      }
      if (isFrameLost(coordinates, loss)) {
        return { lost: true };
      }
      const snrDb = snrDbAt(coordinates);
      const sampleCount = complexCount(samples);
      const taps = model.drawFading(coordinates, sampleCount);
      const longest = taps?.at(-1)?.delay ?? 0;
      if (longest > 0 && longest >= sampleCount && sampleCount > 0) {
        throw new SamplesError(
          `frame ${frame} has ${sampleCount} samples; the model ${config.model.name} delays by up to ${longest}, ` +
            `and takes frames of ${longest + 1} or more`,
        );
      }
      const sent = distorts ? impairAt('before-fading', samples.slice(), coordinates) : samples;
      const faded = applyTaps(sent, taps);
      const sentPower = distorts ? meanPower(sent) : power;
      const fadedPower = taps === null ? sentPower : meanPower(faded);
      const referencePower = { nominal: 1, measured: sentPower, received: fadedPower }[noiseReference];
      // A silent frame counts as nominal.
      const noiseVariance = (referencePower > 0 ? referencePower : 1) * csnrDbToNoiseVariance(snrDb);
      const measuredSnrDb = fadedPower > 0 ? powerToDb(fadedPower / noiseVariance) : null;
      const heard = addNoise(impairAt('before-noise', faded, coordinates), coordinates, noiseVariance);
      return {
        lost: false,
        samples: impairAt('after-noise', heard, coordinates),
        channel: { taps, noiseVariance },
        snrDb,
        measuredSnrDb,
      };
    },
  };
}
