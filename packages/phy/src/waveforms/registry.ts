import { z } from 'zod';
import { WaveformError } from '../errors.js';
import { ofdm } from './ofdm.js';
import { singleCarrier } from './single-carrier.js';
import type { Modem, Waveform } from './waveform.js';

/** Every waveform. A new one is a file beside this and a line here. */
export const waveforms = {
  'single-carrier': singleCarrier,
  ofdm,
} as const satisfies Record<string, Waveform>;

export type WaveformName = keyof typeof waveforms;

/** The names of the waveforms, in the registry's order. */
export const waveformNames = Object.keys(waveforms) as readonly WaveformName[];

/**
 * A waveform with its options, as a configuration or the head of a frame names them.
 *
 * @throws WaveformError when there is none of this name, or naming each option that was wrong
 */
export function createModem(name: string, options: unknown = {}): Modem {
  const waveform: Waveform | undefined = Object.hasOwn(waveforms, name) ? waveforms[name as WaveformName] : undefined;
  if (waveform === undefined) {
    throw new WaveformError(`there is no waveform "${name}"; there are ${waveformNames.join(', ')}`);
  }
  const parsed = waveform.optionsSchema.safeParse(options);
  if (!parsed.success) {
    throw new WaveformError(`options of waveform "${name}" are wrong: ${z.prettifyError(parsed.error)}`);
  }
  return waveform.create(parsed.data);
}
