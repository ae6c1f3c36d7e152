import { dbToPower } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { bitErrorRates, type BitErrorRun } from '../test/qpsk.js';
import { estimateMean, scaledBesselI0 } from '../test/statistics.js';
import { berAwgn, berRayleigh, berRician, erfc } from './qpsk.js';

/**
 * How many standard errors the measured rate is off the expected one: below 5 but once in 1.7 million tries.
 *
 * A measurement too blunt to see half a decibel would prove nothing, and counts as infinitely far off.
 */
function deviation(run: BitErrorRun, expected: number): number {
  const { mean, standardError } = estimateMean(bitErrorRates(run));
  return standardError < expected * 0.05 ? Math.abs(mean - expected) / standardError : Infinity;
}

describe('the closed forms', () => {
  it('are those of the tables', () => {
    expect(erfc(1)).toBeCloseTo(0.157299207, 7);
    expect(erfc(-0.5)).toBeCloseTo(1.520499878, 6);
    expect(scaledBesselI0(0)).toBeCloseTo(1, 12);
    expect(scaledBesselI0(2) * Math.exp(2)).toBeCloseTo(2.2795853, 7);
    expect(scaledBesselI0(500)).toBeCloseTo((1 / Math.sqrt(1000 * Math.PI)) * (1 + 1 / 4000), 7);
    // Proakis' figures: 9.6 dB for 1e-5 on AWGN, about 24 dB for 1e-3 on Rayleigh.
    expect(berAwgn(dbToPower(9.588))).toBeCloseTo(1e-5, 7);
    expect(berRayleigh(dbToPower(23.97))).toBeCloseTo(1e-3, 5);
    // A Rician channel without a line of sight is a Rayleigh one, and with nothing else an AWGN one.
    expect(berRician(dbToPower(10), 0)).toBeCloseTo(berRayleigh(dbToPower(10)), 8);
    expect(berRician(dbToPower(4), 1e7)).toBeCloseTo(berAwgn(dbToPower(4)), 5);
  });
});

describe('QPSK over AWGN', () => {
  it.each([0, 2, 4, 6, 7])('has the bit error rate Q(√(2·Eb/N0)) at %d dB', (ebN0Db) => {
    expect(
      deviation(
        { model: { name: 'awgn' }, ebN0Db, frames: 24, symbolsPerFrame: 40_000, symbolsPerUnit: 1 },
        berAwgn(dbToPower(ebN0Db)),
      ),
    ).toBeLessThan(5);
  });
});

describe('QPSK over Rayleigh fading', () => {
  it.each([0, 5, 10, 15, 20])('has the bit error rate ½(1 - √(γ/(1+γ))) at %d dB, one gain a symbol', (ebN0Db) => {
    expect(
      deviation(
        { model: { name: 'rayleigh-fast' }, ebN0Db, frames: 10, symbolsPerFrame: 40_000, symbolsPerUnit: 1 },
        berRayleigh(dbToPower(ebN0Db)),
      ),
    ).toBeLessThan(5);
  });

  it.each([0, 10])('… at %d dB, one gain a block', (ebN0Db) => {
    expect(
      deviation(
        {
          model: { name: 'rayleigh-block', coherence: 8 },
          ebN0Db,
          frames: 20,
          symbolsPerFrame: 16_000,
          symbolsPerUnit: 8,
        },
        berRayleigh(dbToPower(ebN0Db)),
      ),
    ).toBeLessThan(5);
  });

  it.each([0, 10])('… at %d dB, one gain a frame', (ebN0Db) => {
    expect(
      deviation(
        { model: { name: 'rayleigh-slow' }, ebN0Db, frames: 60_000, symbolsPerFrame: 8, symbolsPerUnit: 8 },
        berRayleigh(dbToPower(ebN0Db)),
      ),
    ).toBeLessThan(5);
  });
});

describe('QPSK over Rician fading', () => {
  it.each([
    [5, 0],
    [5, 6],
    [10, 6],
  ])('has the bit error rate of its integral at %d dB, K = %d dB, one gain a symbol', (ebN0Db, kFactorDb) => {
    expect(
      deviation(
        { model: { name: 'rician-fast', kFactorDb }, ebN0Db, frames: 10, symbolsPerFrame: 40_000, symbolsPerUnit: 1 },
        berRician(dbToPower(ebN0Db), 10 ** (kFactorDb / 10)),
      ),
    ).toBeLessThan(5);
  });

  it('… one gain a block, and one a frame', () => {
    const expected = berRician(dbToPower(5), 10 ** 0.3);
    expect(
      deviation(
        {
          model: { name: 'rician-block', kFactorDb: 3, coherence: 8 },
          ebN0Db: 5,
          frames: 20,
          symbolsPerFrame: 16_000,
          symbolsPerUnit: 8,
        },
        expected,
      ),
    ).toBeLessThan(5);
    expect(
      deviation(
        {
          model: { name: 'rician-slow', kFactorDb: 3 },
          ebN0Db: 5,
          frames: 60_000,
          symbolsPerFrame: 8,
          symbolsPerUnit: 8,
        },
        expected,
      ),
    ).toBeLessThan(5);
  });
});
