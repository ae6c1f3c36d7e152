import { channelModelNames, channelPresetNames, channelPresets, type ChannelPresetName } from '@semcast/channel-models';
import { CSI_MODES } from '@semcast/wire';
import { DEFAULT_PORT_BASE } from '../layout.js';
import { parseDecoderOption, type DecoderOption } from './decoder-options.js';
import { many, value, type FlagValues } from './spec.js';
import { cbr, integer, oneOf, text } from './values.js';

/** How `--help` puts the rate of whoever names none. */
export const DEFAULT_RATE_TEXT = 'the nearest to 1/24';

// Flags that mean the same in several commands.

/** Every option of decoders but their steps; {@link typedDecoderOptions} reads them. */
export const decoderOptionFlags = {
  'decoder-option': many(
    'NAME=VALUE',
    parseDecoderOption,
    'option of the decoder, or DECODER.NAME=VALUE for one alone: docs/samplers.md lists them',
  ),
  preset: value('NAME', text, 'published: what a decoder was published with, in place of its defaults (default)'),
};

/** What {@link decoderOptionFlags} say: `--preset NAME` is the option `preset` of every decoder that samples. */
export function typedDecoderOptions({
  'decoder-option': typed,
  preset,
}: FlagValues<typeof decoderOptionFlags>): readonly DecoderOption[] {
  return preset === undefined ? typed : [...typed, { decoder: undefined, name: 'preset', value: preset }];
}

/** Steps of one decoder; a sweep has a list of them. */
export const steps = integer({ min: 1, max: 10_000 });
export const stepsFlag = value('N', steps, 'steps of a decoder that samples (its own)');

export const cbrFlag = value('RATIO', cbr, `channel uses per image value, a rate of the bundle (${DEFAULT_RATE_TEXT})`);

export const sizeFlag = (fallback: string | number) =>
  value('N', integer({ max: 16_384 }), 'short side resized to N, centre-cropped to N×N; 0: own size', fallback);

export const seedFlag = (of: string) => value('N', integer(), `seed of ${of}`, 0);

export const bundleFlag = (what = 'model bundle') => value('DIR', text, `${what} (the one that comes with semcast)`);

export const deviceFlag = (what = 'where the networks run') => value('cpu|cuda', oneOf(['cpu', 'cuda']), what, 'cpu');

export const precisionFlag = value(
  'float32|int8',
  oneOf(['float32', 'int8']),
  'of the denoisers on a CPU: int8 is about twice as fast, off by a level or two of 255',
  'float32',
);

export const jsonFlag = (what: string) => value('FILE', text, `write ${what} as JSON; - is standard output`);

export const portBaseFlag = (what: string) => value('N', integer({ min: 1, max: 65_000 }), what, DEFAULT_PORT_BASE);

export const channelFlag = value(
  'NAME',
  oneOf([...channelModelNames, ...channelPresetNames]),
  `channel model: ${channelModelNames.join(', ')}; or a preset: ${channelPresetNames.join(', ')}`,
  'awgn',
);

/** What {@link channelFlag} may name. */
export type ChannelName = FlagValues<{ channel: typeof channelFlag }>['channel'];

/** Whether it names a preset, which has an SNR and impairments of its own. */
export const isPreset = (channel: string): channel is ChannelPresetName => Object.hasOwn(channelPresets, channel);

/** The flags of `semcast channel` for what {@link channelFlag} names: of a preset its model too, whose options may follow. */
export const channelNameFlag = (channel: string): Record<string, string> =>
  isPreset(channel)
    ? { 'channel.preset': channel, 'channel.model.name': channelPresets[channel].model.name }
    : { 'channel.model.name': channel };

export const csiFlag = value(
  CSI_MODES.join('|'),
  oneOf(CSI_MODES),
  'what the receiver is told of the channel: everything or nothing (genie; none where the waveform estimates the channel)',
);
