import type { ComplexVector } from '@semcast/core';
import { ShapeError } from './errors.js';

/** How a real latent [C, h, w] and its complex symbols correspond. */
export interface LatentLayout {
  /** C, the latent's channels. */
  readonly channels: number;
  /** h·w, the positions of one channel. */
  readonly positions: number;
  /** c, even: channels 0 … c-1 are sent, the rest are zero. */
  readonly activeChannels: number;
}

/** Complex symbols (channel uses) of a latent: c/2 · h·w. */
export function symbolCount(layout: LatentLayout): number {
  const { channels, positions, activeChannels } = layout;
  if (!Number.isSafeInteger(channels) || !Number.isSafeInteger(positions) || channels < 2 || positions < 1) {
    throw new ShapeError(`there is no latent of ${channels} channels and ${positions} positions`);
  }
  if (activeChannels % 2 !== 0 || activeChannels < 2 || activeChannels > channels) {
    throw new ShapeError(`${activeChannels} of ${channels} channels can't be sent: it takes an even number from 2 up`);
  }
  return (activeChannels / 2) * positions;
}

/**
 * The active channels of a latent as complex symbols.
 *
 * Symbol k·h·w + p, of channel pair k at position p, is z[2k][p] + j·z[2k+1][p].
 *
 * @param latent real [C, h, w]
 * @returns `symbolCount(layout)` complex symbols
 * @throws ShapeError when the latent doesn't have the layout's size
 */
export function latentToSymbols(latent: Float32Array, layout: LatentLayout): ComplexVector {
  const symbols = new Float32Array(2 * symbolCount(layout));
  const { channels, positions } = layout;
  if (latent.length !== channels * positions) {
    throw new ShapeError(`a latent of ${channels} × ${positions} has not ${latent.length} values`);
  }
  for (let pair = 0; pair < symbols.length; pair += 2 * positions) {
    for (let p = 0; p < positions; p++) {
      symbols[pair + 2 * p] = latent[pair + p]!;
      symbols[pair + 2 * p + 1] = latent[pair + positions + p]!;
    }
  }
  return symbols;
}

/**
 * The inverse of {@link latentToSymbols}: active channels from the symbols, the rest zero.
 *
 * @returns real [C, h, w]
 * @throws ShapeError when the symbols don't have the layout's size
 */
export function symbolsToLatent(symbols: ComplexVector, layout: LatentLayout): Float32Array {
  const count = symbolCount(layout);
  const latent = new Float32Array(layout.channels * layout.positions);
  if (symbols.length !== 2 * count) {
    throw new ShapeError(`this latent takes ${count} symbols, not ${symbols.length / 2}`);
  }
  const { positions } = layout;
  for (let pair = 0; pair < symbols.length; pair += 2 * positions) {
    for (let p = 0; p < positions; p++) {
      latent[pair + p] = symbols[pair + 2 * p]!;
      latent[pair + positions + p] = symbols[pair + 2 * p + 1]!;
    }
  }
  return latent;
}
