import { ArgumentError, csnrDbToNoiseVariance, meanPower, type ComplexVector, type Gains } from '@semcast/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  complexNormal,
  expandGains,
  expIntegralE1,
  flat,
  meanProduct,
  multiply,
  subtract,
  unitSymbols,
} from '../test/signals.js';
import { createModem, CSNR_LIMITS_DB, equalise, PowerError, ShapeError } from './index.js';

const N = 100_000;

/** What the equaliser makes of samples that met these gains, one of them each. */
function equaliseSamples(given: { samples: ComplexVector; gains: Gains | null; noiseVariance: number }) {
  const { samples, gains, noiseVariance } = given;
  return equalise(createModem('single-carrier').demodulate(samples, samples.length / 2, flat(gains, noiseVariance)));
}

/** y = h⊙z + n for unit-power z, and what the equaliser makes of it. */
function transmit(gains: Gains | null, count: number, noiseVariance: number, frame = 0) {
  const symbols = unitSymbols(count, frame);
  const noise = complexNormal(count, noiseVariance, 'noise', frame);
  const samples = add(multiply(expandGains(gains, count), symbols), noise);
  const equalised = equaliseSamples({ samples, gains, noiseVariance });
  return {
    symbols,
    samples,
    equalised,
    left: csnrDbToNoiseVariance(equalised.csnrDb),
    error: subtract(equalised.symbols, symbols),
  };
}

function betas(gains: ComplexVector, noiseVariance: number): number[] {
  return Array.from({ length: gains.length / 2 }, (_, k) => {
    const power = gains[2 * k]! ** 2 + gains[2 * k + 1]! ** 2;
    return power / (power + noiseVariance);
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('equalise, one gain a frame', () => {
  it('is division by h, and the effective CSNR is |h|²/N0', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 10, noNaN: true }),
        fc.double({ min: -Math.PI, max: Math.PI, noNaN: true }),
        fc.double({ min: 1e-4, max: 10, noNaN: true }),
        (magnitude, phase, noiseVariance) => {
          const values = Float32Array.of(magnitude * Math.cos(phase), magnitude * Math.sin(phase));
          const samples = complexNormal(20, 1, 'samples');
          const { symbols, csnrDb } = equaliseSamples({ samples, gains: { coherence: 20, values }, noiseVariance });
          const back = multiply(expandGains({ coherence: 20, values }, 20), symbols);
          expect(Math.max(...subtract(back, samples).map(Math.abs))).toBeLessThan(1e-5);
          expect(csnrDb).toBeCloseTo(10 * Math.log10(meanPower(values) / noiseVariance), 4);
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  it('does nothing on AWGN, with a gain of 1 or none, but for saying the CSNR', () => {
    const samples = complexNormal(50, 1, 'samples');
    const none = equaliseSamples({ samples, gains: null, noiseVariance: 0.05 });
    expect(none.symbols).toEqual(samples);
    expect(none.csnrDb).toBeCloseTo(13.0103, 4);
    const one = equaliseSamples({
      samples,
      gains: { coherence: 64, values: Float32Array.of(1, 0) },
      noiseVariance: 0.05,
    });
    expect(one.csnrDb).toBeCloseTo(none.csnrDb, 9);
    expect(Math.max(...subtract(one.symbols, samples).map(Math.abs))).toBeLessThan(1e-6);
  });
});

describe('equalise, many gains', () => {
  const channels: Record<string, Gains> = {
    'Rayleigh, one a symbol': { coherence: 1, values: complexNormal(N, 1, 'gains') },
    'Rayleigh, in blocks with a shorter last one': { coherence: 300, values: complexNormal(334, 1, 'gains') },
    'two gains, one of them small': { coherence: N / 2, values: Float32Array.of(0.1, -0.1, 1, 0.9) },
  };

  it.each(Object.keys(channels))('%s: unbiased on average, error uncorrelated, of the power it says', (key) => {
    for (const snrDb of [-5, 0, 10, 20]) {
      const gains = channels[key]!;
      const { symbols, equalised, left, error } = transmit(gains, N, 10 ** (-snrDb / 10));
      const limit = 6 / Math.sqrt(N);
      const spread = Math.sqrt(left + 1);
      const gain = meanProduct(symbols, equalised.symbols);
      // E[z*ẑ] = 1: neither shrunk nor blown up. Blocks make a frame's own average rougher, hence the factor.
      expect(Math.abs(gain.re - 1)).toBeLessThan(4 * limit * spread);
      expect(Math.abs(gain.im)).toBeLessThan(4 * limit * spread);
      expect(Math.abs(meanPower(error) / left - 1)).toBeLessThan(0.05);
    }
  });

  it.each(Object.keys(channels))('%s: the effective CSNR is β̄/(1 - β̄)', (key) => {
    const gains = channels[key]!;
    for (const noiseVariance of [3, 0.1, 1e-3]) {
      const { equalised } = transmit(gains, N, noiseVariance);
      const beta = mean(betas(expandGains(gains, N), noiseVariance));
      expect(10 ** (equalised.csnrDb / 10) / (beta / (1 - beta))).toBeCloseTo(1, 6);
    }
  });

  it('fast Rayleigh: β̄ is 1 - N0·exp(N0)·E1(N0), 6.0 dB at 10 dB', () => {
    const gains = channels['Rayleigh, one a symbol']!;
    for (const snrDb of [0, 10, 20]) {
      const noiseVariance = 10 ** (-snrDb / 10);
      const beta = 1 - noiseVariance * Math.exp(noiseVariance) * expIntegralE1(noiseVariance);
      const { csnrDb } = transmit(gains, N, noiseVariance).equalised;
      expect(Math.abs(csnrDb - 10 * Math.log10(beta / (1 - beta)))).toBeLessThan(0.1);
    }
    expect(expIntegralE1(1)).toBeCloseTo(0.219383934, 9);
    expect(transmit(gains, N, 0.1).equalised.csnrDb).toBeCloseTo(6, 1);
  });

  it('no common scale of the same estimate has a smaller error among unbiased ones, nor does division by h', () => {
    const gains = channels['Rayleigh, one a symbol']!;
    const noiseVariance = 0.1;
    const { symbols, samples, equalised, error } = transmit(gains, N, noiseVariance);
    const h = expandGains(gains, N);
    const divided = multiply(h, samples, true).map((value, i) => {
      const k = i - (i % 2);
      return value / (h[k]! ** 2 + h[k + 1]! ** 2);
    });
    expect(meanPower(error)).toBeLessThan(meanPower(subtract(divided, symbols)) / 2);
    // The plain MMSE estimate has less error still, 1 - β̄, but is shrunk by β̄.
    const beta = mean(betas(h, noiseVariance));
    const plain = equalised.symbols.map((value) => value * beta);
    expect(meanPower(subtract(plain, symbols))).toBeCloseTo(1 - beta, 2);
    expect(meanProduct(symbols, plain).re).toBeCloseTo(beta, 2);
  });
});

describe('equalise, noise of its own for each symbol', () => {
  it('weighs each by its own, unbiased, and says the error that is left', () => {
    const symbols = unitSymbols(N);
    const h = complexNormal(N, 1, 'gains');
    const noiseVariance = Float64Array.from({ length: N }, (_, k) => (k % 2 === 0 ? 0.01 : 1));
    const noise = complexNormal(N, 1, 'noise').map((value, i) => value * Math.sqrt(noiseVariance[i >> 1]!));
    const equalised = equalise({ y: add(multiply(h, symbols), noise), h, noiseVariance });
    expect(meanProduct(symbols, equalised.symbols).re).toBeCloseTo(1, 1);
    const left = csnrDbToNoiseVariance(equalised.csnrDb);
    expect(Math.abs(meanPower(subtract(equalised.symbols, symbols)) / left - 1)).toBeLessThan(0.05);
  });

  it('leaves symbols of gain 1 as they are, and says their mean CSNR', () => {
    const y = complexNormal(2, 1, 'samples');
    const equalised = equalise({ y, h: null, noiseVariance: Float64Array.of(0.5, 0.1) });
    expect(equalised.symbols).toEqual(y);
    expect(equalised.csnrDb).toBeCloseTo(-10 * Math.log10(0.3), 12);
  });
});

describe('equalise, with what is known of the symbols', () => {
  const MEANS = [
    [-0.3, 0.05, 2.5],
    [0, 0.9, 0.3],
  ] as const;

  /** Symbols of two kinds in turn, of a mean and a variance each. */
  function twoKinds(count: number) {
    const statistics = {
      mean: Float32Array.from({ length: 2 * count }, (_, i) => MEANS[(i >> 1) % 2]![i % 2]!),
      variance: Float64Array.from({ length: count }, (_, k) => MEANS[k % 2]![2]),
    };
    const symbols = complexNormal(count, 1, 'kinds').map(
      (value, i) => statistics.mean[i]! + Math.sqrt(statistics.variance[i >> 1]!) * value,
    );
    return { symbols, statistics };
  }
  const kind = (values: ComplexVector, which: number) => values.filter((_, i) => (i >> 1) % 2 === which);

  it('leaves of each kind an unbiased estimate with the error v(1 - β̄)/β̄, and says their mean', () => {
    const { symbols, statistics } = twoKinds(N);
    const h = complexNormal(N, 1, 'gains');
    for (const noiseVariance of [1, 0.1]) {
      const noise = new Float64Array(N).fill(noiseVariance);
      const y = add(multiply(h, symbols), complexNormal(N, noiseVariance, 'noise'));
      const found = equalise({ y, h, noiseVariance: noise }, 'mmse', statistics);
      const errors = MEANS.map(([meanI, meanQ, variance], which) => {
        // Fast Rayleigh fading of power v: β̄ = 1 - r·exp(r)·E1(r), r = N0/v.
        const r = noiseVariance / variance;
        const beta = r < 3 ? 1 - r * Math.exp(r) * expIntegralE1(r) : mean(betas(h, r));
        const [sent, got] = [symbols, found.symbols].map((all) =>
          kind(all, which).map((value, i) => value - [meanI, meanQ][i % 2]!),
        ) as [ComplexVector, ComplexVector];
        const error = (variance * (1 - beta)) / beta;
        const limit = (8 / Math.sqrt(N)) * Math.sqrt(error / variance + 1);
        const gain = meanProduct(sent, got);
        expect(Math.abs(gain.re / variance - 1)).toBeLessThan(limit);
        expect(Math.abs(gain.im / variance)).toBeLessThan(limit);
        expect(Math.abs(meanPower(subtract(got, sent)) / error - 1)).toBeLessThan(0.05);
        return error;
      });
      expect(csnrDbToNoiseVariance(found.csnrDb) / mean(errors)).toBeCloseTo(1, 1);
      const plain = equalise({ y, h, noiseVariance: noise });
      expect(meanPower(subtract(found.symbols, symbols))).toBeLessThan(
        0.95 * meanPower(subtract(plain.symbols, symbols)),
      );
    }
  });

  it('knows no more of mean 0 and variance 1 than without', () => {
    const [y, h] = [complexNormal(100, 2, 'samples'), complexNormal(100, 1, 'gains')];
    const noiseVariance = Float64Array.from({ length: 100 }, (_, k) => 0.1 + k / 50);
    const unit = { mean: new Float32Array(200), variance: new Float64Array(100).fill(1) };
    expect(equalise({ y, h, noiseVariance }, 'mmse', unit)).toEqual(equalise({ y, h, noiseVariance }));
  });

  it('is y/h with one gain a frame, y itself where the gain is 1 or zeros are forced', () => {
    const { symbols: y, statistics } = twoKinds(100);
    const noiseVariance = new Float64Array(100).fill(0.3);
    const none = { y, h: null, noiseVariance };
    expect(equalise(none, 'mmse', statistics)).toEqual(equalise(none));
    const faded = { ...none, h: Float32Array.from({ length: 200 }, (_, i) => [0.6, -0.8][i % 2]!) };
    expect(equalise(faded, 'zf', statistics)).toEqual(equalise(faded, 'zf'));
    const [known, plain] = [equalise(faded, 'mmse', statistics), equalise(faded)];
    expect(Math.max(...subtract(known.symbols, plain.symbols).map(Math.abs))).toBeLessThan(1e-6);
    expect(known.csnrDb).toBeCloseTo(plain.csnrDb, 6);
  });

  it('leaves the mean of what nothing came of, and says so where that is all symbols of a kind', () => {
    const { symbols: y, statistics } = twoKinds(4);
    const noiseVariance = new Float64Array(4);
    const dead = equalise({ y, h: new Float32Array(8), noiseVariance }, 'mmse', statistics);
    expect(dead.symbols).toEqual(statistics.mean);
    expect(dead.csnrDb).toBe(CSNR_LIMITS_DB.min);
    const half = equalise({ y, h: Float32Array.of(0, 0, 0, 0, 1, 0, 1, 0), noiseVariance }, 'mmse', statistics);
    expect(half.symbols.subarray(0, 4)).toEqual(statistics.mean.subarray(0, 4));
    // β̄ is 1/2 of either kind, so the error is as large as the variance: 1.4 on average.
    expect(half.csnrDb).toBeCloseTo(-10 * Math.log10(1.4), 9);
  });

  it('refuses statistics of other symbols', () => {
    const { symbols: y, statistics } = twoKinds(4);
    const received = { y, h: y, noiseVariance: new Float64Array(4) };
    for (const wrong of [
      { ...statistics, mean: statistics.mean.subarray(2) },
      { ...statistics, variance: statistics.variance.subarray(1) },
    ]) {
      expect(() => equalise(received, 'mmse', wrong)).toThrow(ShapeError);
    }
  });
});

describe('equalise, at the edges', () => {
  const samples = complexNormal(4, 1, 'samples');

  it('survives a dead channel: no symbols, the lowest CSNR', () => {
    for (const noiseVariance of [0, 0.1]) {
      const dead = equaliseSamples({ samples, gains: { coherence: 2, values: new Float32Array(4) }, noiseVariance });
      expect([...dead.symbols]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
      expect(dead.csnrDb).toBe(CSNR_LIMITS_DB.min);
    }
  });

  it('survives one dead block among good ones', () => {
    const gains = { coherence: 2, values: Float32Array.of(0, 0, 1, 0) };
    const { symbols, csnrDb } = equaliseSamples({ samples, gains, noiseVariance: 0 });
    expect([...symbols.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
    // β is 0, 0, 1, 1: the live half is doubled, and the error is as large as the signal.
    expect(symbols.subarray(4)).toEqual(samples.subarray(4).map((value) => 2 * value));
    expect(csnrDb).toBeCloseTo(0, 12);
  });

  it('survives a channel without noise: division by h, the highest CSNR', () => {
    const gains = { coherence: 4, values: Float32Array.of(0, 2) };
    const { symbols, csnrDb } = equaliseSamples({ samples, gains, noiseVariance: 0 });
    expect(csnrDb).toBe(CSNR_LIMITS_DB.max);
    expect(symbols[0]).toBeCloseTo(samples[1]! / 2, 6);
    expect(symbols[1]).toBeCloseTo(-samples[0]! / 2, 6);
    expect(equaliseSamples({ samples, gains: null, noiseVariance: 0 }).csnrDb).toBe(CSNR_LIMITS_DB.max);
  });

  it('keeps the precision of high CSNRs: 90 dB is 90 dB', () => {
    const gains = { coherence: 1, values: Float32Array.of(1, 0, 0, 1, -1, 0, 0, -1) };
    expect(equaliseSamples({ samples, gains, noiseVariance: 1e-9 }).csnrDb).toBeCloseTo(90, 6);
  });

  it('takes an empty frame', () => {
    const empty = { samples: new Float32Array(0), noiseVariance: 1 };
    expect(equaliseSamples({ ...empty, gains: null }).symbols.length).toBe(0);
    const faded = equaliseSamples({ ...empty, gains: { coherence: 1, values: new Float32Array(0) } });
    expect(faded.csnrDb).toBe(CSNR_LIMITS_DB.min);
  });

  it('refuses what is no number, no pair or no fit', () => {
    const gains = { coherence: 4, values: Float32Array.of(1, 0) };
    for (const noiseVariance of [-1, NaN, Infinity]) {
      expect(() => equaliseSamples({ samples, gains, noiseVariance })).toThrow(ArgumentError);
      expect(() => equaliseSamples({ samples, gains: null, noiseVariance })).toThrow(ArgumentError);
    }
    expect(() => equaliseSamples({ samples: new Float32Array(3), gains: null, noiseVariance: 1 })).toThrow(
      ArgumentError,
    );
    expect(() => equaliseSamples({ samples, gains: { ...gains, coherence: 3 }, noiseVariance: 1 })).toThrow(
      "1 gains of coherence 3 don't fit 4 samples",
    );
    const noise = new Float64Array(4);
    expect(() => equalise({ y: samples, h: null, noiseVariance: noise.subarray(1) })).toThrow(ShapeError);
    expect(() => equalise({ y: samples, h: samples.subarray(2), noiseVariance: noise })).toThrow(ShapeError);
    for (const value of [NaN, Infinity]) {
      const broken = samples.slice();
      broken[3] = value;
      expect(() => equaliseSamples({ samples: broken, gains, noiseVariance: 1 })).toThrow(PowerError);
      expect(() => equaliseSamples({ samples: broken, gains: null, noiseVariance: 1 })).toThrow(PowerError);
      const values = Float32Array.of(value, 0);
      expect(() => equaliseSamples({ samples, gains: { coherence: 4, values }, noiseVariance: 1 })).toThrow(PowerError);
    }
  });

  it('divides by the gain where zeros are forced, whose error has the mean of N/|h|²', () => {
    const symbols = unitSymbols(N);
    const h = complexNormal(N, 1, 'gains').map((value, i) => value + (i % 2 === 0 ? 2 : 0));
    const y = add(multiply(h, symbols), complexNormal(N, 0.1, 'noise'));
    const { symbols: found, csnrDb } = equalise({ y, h, noiseVariance: new Float64Array(N).fill(0.1) }, 'zf');
    let error = 0;
    for (let i = 0; i < h.length; i += 2) {
      error += 0.1 / (h[i]! ** 2 + h[i + 1]! ** 2) / N;
    }
    expect(csnrDb).toBeCloseTo(-10 * Math.log10(error), 9);
    expect(subtract(multiply(h, found), y).every((value) => Math.abs(value) < 1e-4)).toBe(true);
  });
});
