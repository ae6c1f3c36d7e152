import type { ComplexVector } from '@semcast/core';
import { createModem, interleave } from '@semcast/phy';
import { iqPayload, type FrameHead, type SampleFormat } from '@semcast/wire';
import type { WaveformOptions } from './frame-request.js';

export interface ModulateOptions {
  readonly waveform: string;
  readonly waveformOptions?: WaveformOptions | undefined;
  readonly interleave: boolean;
  readonly sampleFormat: SampleFormat;
}

/** A frame's samples as they go into its payload, and what its head says of them. */
export interface ModulatedFrame {
  readonly payload: readonly Uint8Array[];
  readonly head: Pick<FrameHead, 'waveform' | 'waveformOptions' | 'interleaved' | 'samples' | 'channelUses'>;
}

/**
 * Symbols as complex samples of unit mean power.
 *
 * @throws WaveformError when there is no such waveform, or not with these options
 */
export function modulateFrame(
  symbols: ComplexVector,
  { waveform, waveformOptions, interleave: interleaved, sampleFormat }: ModulateOptions,
): ModulatedFrame {
  const iq = createModem(waveform, waveformOptions).modulate(interleaved ? interleave(symbols) : symbols);
  const { payload, samples } = iqPayload({ samples: iq }, sampleFormat);
  const options = waveformOptions === undefined ? {} : { waveformOptions: { ...waveformOptions } };
  return { payload, head: { waveform, ...options, interleaved, samples, channelUses: symbols.length / 2 } };
}
