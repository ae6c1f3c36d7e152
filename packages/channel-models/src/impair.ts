import { ArgumentError, csnrDbToNoiseVariance, meanPower, powerToDb, type ComplexVector } from '@semcast/core';
import { z } from 'zod';
import { SamplesError } from './errors.js';
import { applyFading, complexCount, drawFading, type FrameCoordinates } from './fading.js';
import { isFrameLost } from './loss.js';
import type { FadingProcess, Gains } from './model.js';
import { addNoise } from './noise.js';

/** The lowest SNR that can be configured, in dB. */
export const MIN_SNR_DB = -50;

/** The highest SNR that can be configured, in dB: as good as no noise at all. */
export const MAX_SNR_DB = 100;

/** An SNR in dB, within what a channel can make. */
export const snrDbSchema = z.number().min(MIN_SNR_DB).max(MAX_SNR_DB);

/** Against what power the SNR is meant: that of nominal symbols (1), or that of the samples as they came. */
export const noiseReferences = ['nominal', 'measured'] as const;

export type NoiseReference = (typeof noiseReferences)[number];

export interface ImpairOptions extends FrameCoordinates {
  readonly model: FadingProcess;
  /** Complex samples as sent, nominally of unit mean power; left as they are. */
  readonly samples: ComplexVector;
  /** The mean CSNR over the fading, in dB per complex symbol. */
  readonly snrDb: number;
  /** Probability that the whole frame is lost; 0 unless told. */
  readonly lossProbability?: number;
  /**
   * `nominal` (default): N0 = 10^(-snrDb/10). `measured`: N0 = P·10^(-snrDb/10), where P is this frame's mean power
   * before the fading; a silent frame counts as nominal.
   */
  readonly noiseReference?: NoiseReference;
}

/** A frame that arrived. */
export interface ImpairedFrame {
  readonly lost: false;
  /** y = h⊙z + n. */
  readonly samples: ComplexVector;
  /** h, for a receiver with genie channel state; null where the gain is always 1. */
  readonly gains: Gains | null;
  /** N0 per complex sample. */
  readonly noiseVariance: number;
  /** The SNR asked for, in dB. */
  readonly snrDb: number;
  /** mean|h⊙z|²/N0 of this very frame, in dB; null for a silent or empty frame. */
  readonly measuredSnrDb: number | null;
}

/** What became of a frame in the channel. */
export type ImpairOutcome = { readonly lost: true } | ImpairedFrame;

/** Beyond this mean power a sample could leave float32's range on its way. */
const MAX_MEAN_POWER = 1e30;

/**
 * Send one frame through a channel: lose it, or give y = h⊙z + n, n ~ CN(0, N0).
 *
 * A pure function of its arguments: the same frame sent again meets the same channel, whatever went before.
 *
 * @throws SamplesError when the samples are no complex vector or not all finite
 * @throws ArgumentError when the SNR or the loss probability is out of range
 */
export function impair(options: ImpairOptions): ImpairOutcome {
  const { model, samples, snrDb, lossProbability = 0, noiseReference = 'nominal' } = options;
  const coordinates = { seed: options.seed, stream: options.stream, frame: options.frame };
  if (!(snrDb >= MIN_SNR_DB && snrDb <= MAX_SNR_DB)) {
    throw new ArgumentError(`an SNR of ${snrDb} dB is outside ${MIN_SNR_DB} … ${MAX_SNR_DB} dB`);
  }
  if (!(lossProbability >= 0 && lossProbability <= 1)) {
    throw new ArgumentError(`a loss probability of ${lossProbability} is outside 0 … 1`);
  }
  const sampleCount = complexCount(samples);
  const sentPower = meanPower(samples);
  // NaN fails every comparison, so this one line finds NaN, infinities and absurd magnitudes.
  if (!(sentPower <= MAX_MEAN_POWER)) {
    throw new SamplesError(`the samples of frame ${options.frame} are not all finite and of ordinary size`);
  }
  if (isFrameLost(coordinates, lossProbability)) {
    return { lost: true };
  }
  const gains = drawFading(model, coordinates, sampleCount);
  const faded = applyFading(samples, gains);
  const reference = noiseReference === 'measured' && sentPower > 0 ? sentPower : 1;
  const noiseVariance = reference * csnrDbToNoiseVariance(snrDb);
  const fadedPower = gains === null ? sentPower : meanPower(faded);
  const measuredSnrDb = fadedPower > 0 ? powerToDb(fadedPower / noiseVariance) : null;
  return {
    lost: false,
    samples: addNoise(faded, coordinates, noiseVariance),
    gains,
    noiseVariance,
    snrDb,
    measuredSnrDb,
  };
}
