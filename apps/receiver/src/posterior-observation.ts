import type { BundleManifest } from '@semcast/bundle';
import { csnrDbToNoiseVariance, tensor, type Tensor } from '@semcast/core';
import { deinterleave, gainsToLatent, symbolsToLatent } from '@semcast/phy';
import { gainFromLatent, type Observation as PosteriorObservation } from '@semcast/posterior';
import type { Observation } from './demodulate-frame.js';

/**
 * The least noise that samplers are told, per complex symbol of unit power: -50 dB. Where the channel adds less, what
 * doesn't fit is the rounding of the networks, and a sampler that took it for signal would chase it.
 */
export const LEAST_NOISE_VARIANCE = 1e-5;

/** A CSNR within the range that the bundle's networks were trained for. */
export function withinCsnrRange({ csnrDb: { min, max } }: Pick<BundleManifest, 'csnrDb'>, csnrDb: number): number {
  return Math.min(max, Math.max(min, csnrDb));
}

/**
 * What was received, as samplers take it: y and h in the order of the encoder's latent, not equalised.
 *
 * Without genie channel state h is taken to be 1, and N0 is that of the blind estimate of the CSNR
 * (docs/definitions.md): right on AWGN; under fading a sampler then fits a channel that wasn't, and `conditional`
 * without guidance, which doesn't look at y, is the better choice.
 *
 * @param xJ the one-shot decode [3, H, W], padded to the stride
 */
export function posteriorObservation(
  observation: Observation,
  xJ: Tensor,
  manifest: Pick<BundleManifest, 'csnrDb'>,
): PosteriorObservation {
  const { samples, gains, interleaved, layout, latent, noiseVariance, toldCsnrDb, designCsnrDb } = observation;
  const dims = latent.dims.slice(1);
  const genie = noiseVariance !== null;
  return {
    y: tensor(symbolsToLatent(interleaved ? deinterleave(samples) : samples, layout), dims),
    gain: gains === null ? null : gainFromLatent(tensor(gainsToLatent(gains, layout, { interleaved }), dims)),
    activeChannels: layout.activeChannels,
    noiseVariance: Math.max(LEAST_NOISE_VARIANCE, genie ? noiseVariance : csnrDbToNoiseVariance(toldCsnrDb)),
    csnrDb: withinCsnrRange(manifest, toldCsnrDb),
    designCsnrDb: withinCsnrRange(manifest, designCsnrDb),
    rate: layout.activeChannels / layout.channels,
    xJ,
  };
}
