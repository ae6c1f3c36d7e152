import type { RgbImage, Tensor } from '@semcast/core';
import { measurementNorm, measurementResidual, type KnownChannel } from '@semcast/posterior';
import { knowsChannel, type DemodulatedFrame } from './demodulate-frame.js';
import { receptionOf } from './posterior-observation.js';

/** E(x̂) [C, h, w] for the given CSNR in dB; null where it was not computed for lack of time. */
export type EncodeAgain = (image: RgbImage, csnrDb: number) => Promise<Tensor | null>;

/**
 * The measurement residual of a decoded picture, mean|y - h⊙E(x̂)|²/N0: encode the picture as the transmitter would
 * have, and compare with what was received.
 *
 * The picture is encoded for the CSNR that the transmitter encoded for, not for the one that was met: E in the formula
 * is the transmitter's.
 *
 * @param picture with the channel as its decoder found it, where it did; else the one that the receiver was told, or that
 *   pilots gave, counts
 * @returns null where the channel was assumed, or is without noise, or the picture couldn't be encoded
 */
export async function measureResidual(
  { image, channel }: { readonly image: RgbImage; readonly channel?: KnownChannel },
  frame: DemodulatedFrame,
  encode: EncodeAgain,
): Promise<number | null> {
  if (channel === undefined && !knowsChannel(frame)) {
    return null;
  }
  const latent = await encode(image, frame.designCsnrDb);
  if (latent === null) {
    return null;
  }
  const reception = { ...receptionOf(frame), ...channel };
  const residual = measurementResidual(measurementNorm(latent, reception), reception);
  return Number.isFinite(residual) ? residual : null;
}
