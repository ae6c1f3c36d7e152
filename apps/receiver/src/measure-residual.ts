import type { RgbImage, Tensor } from '@semcast/core';
import { interleave, latentToSymbols, measurementResidual } from '@semcast/phy';
import type { Observation } from './demodulate-frame.js';

/** E(x̂) [C, h, w] for the given CSNR in dB; null where nobody had the time. */
export type EncodeAgain = (image: RgbImage, csnrDb: number) => Promise<Tensor | null>;

/**
 * The measurement residual of a decoded picture, mean|y - h⊙E(x̂)|²/N0: encode the picture as the transmitter would
 * have, and compare with what was received.
 *
 * The picture is encoded for the CSNR that the transmitter encoded for, not for the one that was met: E in the formula
 * is the transmitter's.
 *
 * @returns null where the noise variance is unknown or zero, or the picture couldn't be encoded
 */
export async function measureResidual(
  image: RgbImage,
  observation: Observation,
  encode: EncodeAgain,
): Promise<number | null> {
  const { samples, gains, noiseVariance, interleaved, layout, designCsnrDb } = observation;
  if (noiseVariance === null || noiseVariance === 0) {
    return null;
  }
  const latent = await encode(image, designCsnrDb);
  if (latent === null) {
    return null;
  }
  const symbols = latentToSymbols(latent.data, layout);
  const residual = measurementResidual({
    samples,
    gains,
    symbols: interleaved ? interleave(symbols) : symbols,
    noiseVariance,
  });
  return Number.isFinite(residual) ? residual : null;
}
