import { ArgumentError } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { complexNormal, multiply } from '../test/signals.js';
import {
  deinterleave,
  expandGains,
  gainsToLatent,
  interleave,
  latentToSymbols,
  ShapeError,
  symbolsToLatent,
} from './index.js';

describe('expandGains', () => {
  it('repeats each gain over its block, the last block shorter', () => {
    const gains = { coherence: 2, values: Float32Array.of(1, 2, 3, 4) };
    expect([...expandGains(gains, 3)]).toEqual([1, 2, 1, 2, 3, 4]);
    expect([...expandGains(null, 2)]).toEqual([1, 0, 1, 0]);
    expect(expandGains(null, 0).length).toBe(0);
    expect(expandGains({ coherence: 1, values: new Float32Array(0) }, 0).length).toBe(0);
  });

  it('refuses gains that are not those of so many samples', () => {
    const gains = { coherence: 2, values: Float32Array.of(1, 2, 3, 4) };
    expect(() => expandGains(gains, 2)).toThrow(ShapeError);
    expect(() => expandGains(gains, 5)).toThrow("2 gains of coherence 2 don't fit 5 samples");
    for (const coherence of [0, -1, 0.5, NaN, Infinity]) {
      expect(() => expandGains({ ...gains, coherence }, 3)).toThrow(ArgumentError);
    }
  });
});

describe('gainsToLatent', () => {
  const layout = { channels: 6, positions: 5, activeChannels: 4 };

  it('puts Re h in channel 2k and Im h in channel 2k+1, and zero where nothing was sent', () => {
    const gains = { coherence: 5, values: Float32Array.of(1, 2, 3, 4) };
    const latent = gainsToLatent(gains, layout, { interleaved: false });
    expect([...latent.subarray(0, 10)]).toEqual([1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    expect([...latent.subarray(10, 20)]).toEqual([3, 3, 3, 3, 3, 4, 4, 4, 4, 4]);
    expect([...latent.subarray(20)]).toEqual(Array<number>(10).fill(0));
    expect(gainsToLatent(null, layout, { interleaved: true }).slice(0, 10)).toEqual(
      Float32Array.of(1, 1, 1, 1, 1, 0, 0, 0, 0, 0),
    );
  });

  it.each([true, false])('gives each symbol the gain it met on the air (interleaved: %s)', (interleaved) => {
    const gains = { coherence: 3, values: complexNormal(4, 1, 'gains') };
    const latent = complexNormal(15, 1, 'latent').fill(0, 20);
    const symbols = latentToSymbols(latent, layout);
    const sent = interleaved ? interleave(symbols) : symbols;
    const received = multiply(expandGains(gains, 10), sent);
    const receivedLatent = symbolsToLatent(interleaved ? deinterleave(received) : received, layout);
    const h = latentToSymbols(gainsToLatent(gains, layout, { interleaved }), layout);
    expect(latentToSymbols(receivedLatent, layout)).toEqual(multiply(h, symbols));
  });

  it('refuses gains of another frame', () => {
    const gains = { coherence: 1, values: new Float32Array(2 * 9) };
    expect(() => gainsToLatent(gains, layout, { interleaved: true })).toThrow(ShapeError);
  });
});
