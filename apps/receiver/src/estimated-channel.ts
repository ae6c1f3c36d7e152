import { deinterleave } from '@semcast/phy';
import type { KnownChannel } from '@semcast/posterior';
import { MAX_TOLD_CARRIERS, type ResultHead } from '@semcast/wire';
import type { DemodulatedFrame } from './demodulate-frame.js';

/**
 * The channel as the receiver estimated it, for those who know the true one: the mean gain of some carriers, evenly
 * spaced, over their symbols.
 *
 * @param found by a decoder that estimates the channel; else that of the demodulator counts
 * @returns undefined where the channel was told or assumed
 */
export function estimatedChannel(
  { symbols, modem, interleaved }: Pick<DemodulatedFrame, 'symbols' | 'modem' | 'interleaved'>,
  found: KnownChannel | undefined,
): ResultHead['estimate'] {
  const { h, source, noiseVariance } = symbols;
  if (source !== 'estimated' || h === null) {
    return undefined;
  }
  const count = noiseVariance.length;
  const { fftSize, carriers } = modem.tapModel(count);
  const gain = found?.gain;
  // A decoder has symbols in the order of the latent.
  const order = Float32Array.from({ length: 2 * count }, (_, i) => carriers[i >> 1]!);
  const carrierOf = gain && interleaved ? deinterleave(order) : order;
  const sums = new Map<number, { i: number; q: number; symbols: number }>();
  for (let k = 0; k < count; k++) {
    const carrier = carrierOf[2 * k]!;
    const sum = sums.get(carrier) ?? { i: 0, q: 0, symbols: 0 };
    sums.set(carrier, sum);
    sum.i += gain ? gain.real.data[k]! : h[2 * k]!;
    sum.q += gain ? gain.imaginary.data[k]! : h[2 * k + 1]!;
    sum.symbols++;
  }
  const used = [...sums].sort(([a], [b]) => a - b);
  const length = Math.min(used.length, MAX_TOLD_CARRIERS);
  const told = Array.from({ length }, (_, i) => used[Math.floor((i * used.length) / length)]!);
  return {
    fftSize,
    carriers: told.map(([carrier]) => carrier),
    gains: told.flatMap(([, { i, q, symbols: symbolCount }]) => [i / symbolCount, q / symbolCount]),
  };
}
