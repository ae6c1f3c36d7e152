import { createModem, interleave } from '@semcast/phy';
import { gainOf } from '@semcast/posterior';
import { describe, expect, it } from 'vitest';
import { estimatedChannel } from './estimated-channel.js';

const modem = createModem('ofdm', { fftSize: 128, taps: 2, pilots: 'none', estimator: 'blind' });
const COUNT = 256;
const of = modem.tapModel(COUNT).carriers;
/** The gain of a symbol is carrier + j in the first OFDM symbol, carrier + 3j in the second. */
const h = Float32Array.from({ length: 2 * COUNT }, (_, i) => (i % 2 === 0 ? of[i >> 1]! : i < COUNT ? 1 : 3));
const symbols = { y: h, h, noiseVariance: new Float64Array(COUNT).fill(1), source: 'estimated' } as const;

describe('the channel that a result tells', () => {
  it('is the mean gain of 64 carriers at most, evenly spaced', () => {
    const { fftSize, carriers, gains } = estimatedChannel({ symbols, modem, interleaved: false }, undefined)!;
    expect(fftSize).toBe(128);
    expect(carriers).toEqual(Array.from({ length: 64 }, (_, i) => 2 * i));
    expect(gains).toEqual(carriers.flatMap((carrier) => [carrier, 2]));
  });

  it('is that of the decoder where it found one, which is in the order of the latent', () => {
    const found = h.map((value, i) => (i % 2 === 0 ? value : 7));
    for (const interleaved of [false, true]) {
      // Symbol k of the latent is sent where the interleaver puts it.
      const latent = interleaved ? Float32Array.from({ length: 2 * COUNT }) : found;
      if (interleaved) {
        const place = interleave(Float32Array.from({ length: 2 * COUNT }, (_, i) => i >> 1));
        for (let k = 0; k < COUNT; k++) {
          latent.set(found.subarray(2 * k, 2 * k + 2), 2 * place[2 * k]!);
        }
      }
      const channel = { gain: gainOf(latent, [2, 16, 16]), noiseVariance: 1 };
      const { carriers, gains } = estimatedChannel({ symbols, modem, interleaved }, channel)!;
      expect(gains).toEqual(carriers.flatMap((carrier) => [carrier, 7]));
    }
  });

  it('is none where the channel was told or assumed', () => {
    const told = { ...symbols, source: 'told' } as const;
    expect(estimatedChannel({ symbols: told, modem, interleaved: false }, undefined)).toBeUndefined();
    expect(
      estimatedChannel({ symbols: { ...symbols, h: null, source: 'assumed' }, modem, interleaved: false }, undefined),
    ).toBeUndefined();
  });
});
