import { clampCsnrDb, type BundleManifest } from '@semcast/bundle';
import { tensor, type ComplexVector, type Tensor } from '@semcast/core';
import { deinterleave, deinterleaveReal, symbolsToLatent, whiten } from '@semcast/phy';
import { gainOf, type Observation, type Reception } from '@semcast/posterior';
import type { DemodulatedFrame } from './demodulate-frame.js';

/**
 * The least noise that samplers are told, per complex symbol of unit power: -50 dB. Where the channel adds less, the
 * misfit is rounding of the networks, and a sampler that took it for signal would fit it.
 */
export const LEAST_NOISE_VARIANCE = 1e-5;

/** What was received, in the order of the encoder's latent, not equalised; scaled to noise of one variance. */
export function receptionOf({ symbols, interleaved, layout, latent }: DemodulatedFrame): Reception {
  const dims = latent.dims.slice(1);
  const ordered = (sent: ComplexVector): ComplexVector => (interleaved ? deinterleave(sent) : sent);
  const { y, h, noiseVariance } = whiten(symbols);
  return {
    y: tensor(symbolsToLatent(ordered(y), layout), dims),
    gain: h === null ? null : gainOf(ordered(h), dims),
    activeChannels: layout.activeChannels,
    noiseVariance,
  };
}

/**
 * How taps act on the symbols of the latent, and what is known of these, where a sampler may estimate the channel anew:
 * it was neither told nor assumed, and the noise of all symbols has one variance, so that y is as the channel left it.
 */
function estimableOf(frame: DemodulatedFrame): Pick<Observation, 'taps' | 'statistics'> {
  const { symbols, modem, interleaved, statistics } = frame;
  const { source, noiseVariance } = symbols;
  if (source !== 'estimated' || noiseVariance.some((variance) => variance !== noiseVariance[0])) {
    return {};
  }
  const taps = modem.tapModel(noiseVariance.length);
  if (!interleaved) {
    return { taps };
  }
  return {
    taps: { ...taps, carriers: Uint16Array.from(deinterleaveReal(Float64Array.from(taps.carriers))) },
    ...(statistics && {
      statistics: { mean: deinterleave(statistics.mean), variance: deinterleaveReal(statistics.variance) },
    }),
  };
}

/**
 * The input of samplers: the received symbols, and the conditions of decoder, prior and encoder.
 *
 * Without genie channel state and pilots h is taken to be 1, and N0 is that of the blind estimate of the CSNR
 * (docs/definitions.md): right on AWGN; under fading a sampler then fits a wrong channel, and `conditional`
 * without guidance, which doesn't look at y, is the better choice. With pilots h is their estimate, whose error is in
 * N0: to a sampler, y - h⊙z is noise of that variance.
 *
 * @param xJ the one-shot decode [3, H, W], padded to the stride
 */
export function posteriorObservation(
  frame: DemodulatedFrame,
  xJ: Tensor,
  manifest: Pick<BundleManifest, 'csnrDb'>,
): Observation {
  const { layout, toldCsnrDb, designCsnrDb } = frame;
  const reception = receptionOf(frame);
  return {
    ...reception,
    ...estimableOf(frame),
    noiseVariance: Math.max(LEAST_NOISE_VARIANCE, reception.noiseVariance),
    csnrDb: clampCsnrDb(manifest, toldCsnrDb),
    designCsnrDb: clampCsnrDb(manifest, designCsnrDb),
    rate: layout.activeChannels / layout.channels,
    xJ,
  };
}
