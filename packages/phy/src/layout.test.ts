import { meanPower, randomFor } from '@semcast/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latentToSymbols, ShapeError, symbolCount, symbolsToLatent, type LatentLayout } from './index.js';

const layouts = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 7 }))
  .map(([pairs, positions, spare]) => ({
    channels: 2 * pairs + spare,
    positions,
    activeChannels: 2 * pairs,
  }));

function latentOf({ channels, positions }: LatentLayout): Float32Array {
  const latent = new Float32Array(channels * positions);
  randomFor({ seed: 1, stream: '', frame: 0, purpose: 'latent' }).fillNormal(latent);
  return latent;
}

describe('latentToSymbols', () => {
  it('pairs channel 2k with channel 2k+1, position by position', () => {
    // Four channels of three positions: value = 10·channel + position.
    const latent = Float32Array.of(0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32);
    const all = { channels: 4, positions: 3, activeChannels: 4 };
    expect([...latentToSymbols(latent, all)]).toEqual([0, 10, 1, 11, 2, 12, 20, 30, 21, 31, 22, 32]);
    expect([...latentToSymbols(latent, { ...all, activeChannels: 2 })]).toEqual([0, 10, 1, 11, 2, 12]);
  });

  it('sends c/2 symbols for each position: CBR c/(6·s²)', () => {
    for (const [activeChannels, denominator] of [
      [8, 48],
      [16, 24],
      [24, 16],
      [32, 12],
    ] as const) {
      const count = symbolCount({ channels: 32, positions: (768 / 8) * (512 / 8), activeChannels });
      expect(count / (3 * 768 * 512)).toBeCloseTo(1 / denominator, 12);
    }
  });

  it('keeps power: mean |symbol|² is twice the mean square of the active channels', () => {
    const layout = { channels: 8, positions: 100, activeChannels: 6 };
    const latent = latentOf(layout);
    const active = latent.subarray(0, 600);
    expect(meanPower(latentToSymbols(latent, layout))).toBeCloseTo(meanPower(active), 6);
  });
});

describe('symbolsToLatent', () => {
  it('is the inverse on active channels, and zero elsewhere, in a fresh or a used array', () => {
    fc.assert(
      fc.property(layouts, (layout) => {
        const latent = latentOf(layout);
        const expected = latent.slice().fill(0, layout.activeChannels * layout.positions);
        const symbols = latentToSymbols(latent, layout);
        expect(symbols.length).toBe(2 * symbolCount(layout));
        expect(symbolsToLatent(symbols, layout)).toEqual(expected);
      }),
      { seed: 1, numRuns: 100 },
    );
  });
});

describe('what is no layout', () => {
  const layout = { channels: 4, positions: 3, activeChannels: 2 };

  it.each([
    { channels: 1 },
    { channels: 4.5 },
    { positions: 0 },
    { positions: -3 },
    { positions: 1.5 },
    { positions: NaN },
    { activeChannels: 0 },
    { activeChannels: 3 },
    { activeChannels: 6 },
    { activeChannels: -2 },
    { activeChannels: NaN },
  ])('is refused: %j', (change) => {
    expect(() => symbolCount({ ...layout, ...change })).toThrow(ShapeError);
    expect(() => latentToSymbols(new Float32Array(12), { ...layout, ...change })).toThrow(ShapeError);
    expect(() => symbolsToLatent(new Float32Array(6), { ...layout, ...change })).toThrow(ShapeError);
  });

  it('nor are vectors of another size', () => {
    expect(() => latentToSymbols(new Float32Array(11), layout)).toThrow('a latent of 4 × 3 has not 11 values');
    expect(() => symbolsToLatent(new Float32Array(8), layout)).toThrow('takes 3 symbols, not 4');
  });
});
