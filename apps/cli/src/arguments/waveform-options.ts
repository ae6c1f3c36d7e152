import { waveformNames, waveforms, type WaveformError, type WaveformName } from '@semcast/phy';
import { chooseCsi } from '@semcast/transmitter';
import type { CsiMode } from '@semcast/wire';
import { UsageError } from '../errors.js';
import { optionValue } from './decoder-options.js';
import { many, value, type FlagValues } from './spec.js';
import { oneOf } from './values.js';

/** What was typed after `--waveform-option`. */
type WaveformOption = readonly [name: string, value: number | string | boolean];

/** How symbols become samples; {@link typedWaveform} reads them. */
export const waveformFlags = {
  waveform: value(
    'NAME',
    oneOf(waveformNames),
    `how symbols become samples: ${waveformNames.join(', ')}`,
    'single-carrier',
  ),
  'waveform-option': many('NAME=VALUE', parseWaveformOption, 'option of the waveform: docs/definitions.md lists them'),
};

/** How frames are sent, and what the receiver is told of the channel. */
export interface WaveformChoice {
  readonly waveform: WaveformName;
  readonly waveformOptions?: Readonly<Record<string, number | string | boolean>>;
  readonly csi: CsiMode;
}

/** The waveform among other settings. */
export function waveformOf({ waveform, waveformOptions, csi }: WaveformChoice): WaveformChoice {
  return { waveform, ...(waveformOptions === undefined ? {} : { waveformOptions }), csi };
}

/** @throws UsageError */
export function parseWaveformOption(text: string): WaveformOption {
  const parts = /^(?<name>[A-Za-z][A-Za-z0-9]*)=(?<value>.+)$/s.exec(text)?.groups;
  if (parts === undefined) {
    throw new UsageError(`"${text}" is no option of a waveform`, { remedy: 'write NAME=VALUE' });
  }
  return [parts['name']!, optionValue(parts['value']!)];
}

/**
 * The waveform that was typed; `csi` by default what suits it.
 *
 * @throws UsageError naming the option that is wrong
 */
export function typedWaveform(
  { waveform, 'waveform-option': typed }: FlagValues<typeof waveformFlags>,
  csi?: CsiMode,
): WaveformChoice {
  const options = Object.fromEntries(typed);
  if (Object.keys(options).length < typed.length) {
    throw new UsageError('--waveform-option: an option is given twice', { remedy: 'give each once' });
  }
  const parsed = waveforms[waveform].optionsSchema.safeParse(options);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
    throw new UsageError(`--waveform-option: of ${waveform}: ${problems.join('; ')}`, {
      remedy: 'docs/definitions.md lists what each waveform takes',
      cause: parsed.error,
    });
  }
  const chosen = { waveform, ...(typed.length === 0 ? {} : { waveformOptions: options }) };
  try {
    return { ...chosen, csi: chooseCsi({ ...chosen, csi }) };
  } catch (cause) {
    const { message, remedy } = cause as WaveformError;
    throw new UsageError(`--csi: ${message}`, { remedy, cause });
  }
}

/** All options of a waveform, defaults filled in. */
export function completeWaveformOptions({
  waveform,
  waveformOptions = {},
}: Omit<WaveformChoice, 'csi'>): Record<string, unknown> {
  return waveforms[waveform].optionsSchema.parse(waveformOptions);
}

/** `ofdm, fftSize 64`: a waveform with the options that aren't its defaults. */
export function waveformText(waveform: string, options: Readonly<Record<string, unknown>>): string {
  const known = Object.hasOwn(waveforms, waveform) ? waveforms[waveform as WaveformName] : undefined;
  const defaults: Readonly<Record<string, unknown>> = known?.optionsSchema.parse({}) ?? {};
  const shown = Object.entries(options).filter(([name, given]) => given !== defaults[name]);
  return [waveform, ...shown.map(([name, given]) => `${name} ${String(given)}`)].join(', ');
}
