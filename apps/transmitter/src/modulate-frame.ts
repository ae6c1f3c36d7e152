import type { EncodedImage } from '@semcast/bundle';
import { interleave, latentToSymbols } from '@semcast/phy';
import { iqPayload, type FrameHead, type SampleFormat } from '@semcast/wire';

export interface ModulateOptions {
  readonly interleave: boolean;
  readonly sampleFormat: SampleFormat;
}

/** A frame's samples as they go into its payload, and what its head says of them. */
export interface Waveform {
  readonly payload: readonly Uint8Array[];
  readonly head: Pick<FrameHead, 'waveform' | 'samples' | 'channelUses'>;
}

/** A latent as complex samples on a single carrier: one sample a symbol, unit mean power. */
export function modulateFrame({ latent, activeChannels, positions }: EncodedImage, options: ModulateOptions): Waveform {
  const symbols = latentToSymbols(latent.data, { channels: latent.dims[1]!, positions, activeChannels });
  const iq = options.interleave ? interleave(symbols) : symbols;
  const { payload, samples } = iqPayload({ samples: iq }, options.sampleFormat);
  const waveform = { kind: 'single-carrier' as const, interleaved: options.interleave };
  return { payload, head: { waveform, samples, channelUses: symbols.length / 2 } };
}
