import { channelServiceConfigSchema } from '@semcast/channel';
import { DEFAULT_SAMPLE_RATE_HZ, type ChannelConfig } from '@semcast/channel-models';
import { ConfigError, loadConfig } from '@semcast/config';
import { channelNameFlag, isPreset, type ChannelName } from '../arguments/common-flags.js';
import { flagsOfSchema } from '../arguments/schema-flags.js';
import { inGroup, type Flags } from '../arguments/spec.js';
import { waveformText } from '../arguments/waveform-options.js';
import { UsageError } from '../errors.js';
import type { SweepConditions } from './report.js';

/** Options that a sweep sets itself: the SNR by a trace, the seed, the model and the preset by flags of its own. */
const SET_BY_SWEEP = /^channel\.(snr\.|seed$|preset$|model\.name$)/;

/** The flags of `semcast channel` that say what the channel is, so that a sweep takes whatever a channel does. */
export const channelFlags: Flags = inGroup(
  'Channel (as semcast channel takes them)',
  Object.fromEntries(
    Object.entries(flagsOfSchema(channelServiceConfigSchema)).filter(
      ([name]) => name.startsWith('channel.') && !SET_BY_SWEEP.test(name),
    ),
  ),
);

/** Those of {@link channelFlags} that were typed, to be passed on to a channel. */
export function typedChannelFlags(flags: object, given: ReadonlyMap<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(flags).filter(([name]) => name in channelFlags && given.has(name)),
  ) as Record<string, string>;
}

/**
 * The channel that these flags make.
 *
 * @throws UsageError naming the flags that are wrong, or mean nothing to the model
 */
export function channelConfigOf(name: ChannelName, typed: Readonly<Record<string, string>>): ChannelConfig {
  try {
    const flags = { ...channelNameFlag(name), ...typed };
    return loadConfig({ schema: channelServiceConfigSchema, name: 'channel', flags }).channel;
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    throw new UsageError(error.message, { remedy: 'semcast sweep --help lists what each model takes', cause: error });
  }
}

/**
 * The description in a report of the channel that these flags make, beside its model's name, its SNR and its seed:
 * every option, defaults filled in.
 *
 * @throws UsageError naming the flags that are wrong, or mean nothing to the model
 */
export function channelOptionsOf(name: ChannelName, typed: Readonly<Record<string, string>>): Record<string, unknown> {
  const { model, impairments, sampleRateHz, loss, noiseReference } = channelConfigOf(name, typed);
  const { name: modelName, ...options } = model;
  // What a channel without them has isn't said, so that older reports can be gone on with.
  return {
    ...(isPreset(name) ? { model: modelName } : {}),
    ...options,
    ...(impairments.length === 0 ? {} : { impairments }),
    ...(sampleRateHz === DEFAULT_SAMPLE_RATE_HZ ? {} : { sampleRateHz }),
    loss,
    noiseReference,
  };
}

/**
 * `rician-block, kFactorDb 3, coherence 64, loss 0.1; ofdm`: settings that differ from the defaults, and the model's
 * options; then the waveform, unless it is the usual one, and the SNR that transmitters prepared for, where it is fixed.
 */
export function channelText({
  channel,
  channelOptions = {},
  csi = 'genie',
  waveform = 'single-carrier',
  waveformOptions = {},
  designSnrDb,
}: Pick<
  SweepConditions,
  'channel' | 'channelOptions' | 'csi' | 'waveform' | 'waveformOptions' | 'designSnrDb'
>): string {
  const shown = Object.entries<unknown>({ ...channelOptions, csi }).filter(
    ([name, value]) =>
      !(name === 'loss' && value === 0) &&
      !(name === 'noiseReference' && value === 'nominal') &&
      !(name === 'csi' && value === 'genie'),
  );
  const air = [channel, ...shown.map(([name, value]) => `${name} ${optionText(value)}`)].join(', ');
  const sent = waveformText(waveform, waveformOptions);
  return [
    air,
    ...(sent === 'single-carrier' ? [] : [sent]),
    ...(designSnrDb === undefined ? [] : [`sent for ${designSnrDb} dB`]),
  ].join('; ');
}

/** `cfo (offsetHz 50) + adc (bits 8, fullScale 4)` of a list of impairments. */
function optionText(value: unknown): string {
  if (!Array.isArray(value)) {
    return String(value);
  }
  return value
    .map(({ name, ...options }: Readonly<Record<string, unknown>>) => {
      const texts = Object.entries(options).map(([option, setting]) => `${option} ${String(setting)}`);
      return `${String(name)} (${texts.join(', ')})`;
    })
    .join(' + ');
}
