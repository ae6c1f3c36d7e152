import { ArgumentError, type Gains, type Tap } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import {
  correlation,
  estimateMean,
  kolmogorovStatistic,
  KOLMOGOROV_LIMIT,
  magnitudes,
  parts,
  rayleighCdf,
  riceCdf,
} from '../test/statistics.js';
import { applyTaps, createChannelModel, type ChannelModelConfig, type FrameCoordinates } from './index.js';

const SEED = 42;
/** Of no matter to flat models. */
const RATE = 1e6;

/** The taps that a frame meets. */
const drawFading = (config: ChannelModelConfig, coordinates: FrameCoordinates, sampleCount: number): readonly Tap[] =>
  createChannelModel(config, RATE).drawFading(coordinates, sampleCount)!;

/** One gain from each of many frames. */
function oneGainAFrame(config: ChannelModelConfig, frames: number, stream = 'a'): Float32Array {
  const gains = new Float32Array(2 * frames);
  for (let frame = 0; frame < frames; frame++) {
    gains.set(drawFading(config, { seed: SEED, stream, frame }, 100)[0]!.gains.values.subarray(0, 2), 2 * frame);
  }
  return gains;
}

/** The gains of one long frame. */
function gainsOf(config: ChannelModelConfig, sampleCount: number, frame = 0, stream = 'a'): Gains {
  return drawFading(config, { seed: SEED, stream, frame }, sampleCount)[0]!.gains;
}

/** Over how many samples each gain of a frame of 100 holds, and how many gains there are. */
function coherenceOf(config: ChannelModelConfig): [number, number] {
  const { coherence, values } = gainsOf(config, 100);
  return [coherence, values.length / 2];
}

/** The argument of each gain over a turn, 0 … 1. */
function turns(gains: Float32Array): Float64Array {
  return Float64Array.from(
    { length: gains.length / 2 },
    (_, k) => Math.atan2(gains[2 * k + 1]!, gains[2 * k]!) / (2 * Math.PI) + 0.5,
  );
}

describe('the reference distributions', () => {
  it('agree where one is a case of the other, and with published values', () => {
    const noLineOfSight = riceCdf(0);
    for (const r of [0.1, 0.5, 1, 2]) {
      expect(noLineOfSight(r)).toBeCloseTo(rayleighCdf(r), 5);
    }
    // Marcum: 1 - Q1(2, 1) = 0.0818... with ν = 2, s = 1 scaled to unit power: K = 2, r = 1/√(ν² + 2s²).
    expect(riceCdf(2)(1 / Math.sqrt(6))).toBeCloseTo(1 - 0.9181076963694063, 5);
    expect(riceCdf(4)(5)).toBeCloseTo(1, 9);
  });

  it('are told apart by the test that is used', () => {
    const gains = magnitudes(gainsOf({ name: 'rayleigh-fast' }, 50_000).values);
    expect(kolmogorovStatistic(gains, riceCdf(0.5))).toBeGreaterThan(KOLMOGOROV_LIMIT);
    expect(
      kolmogorovStatistic(
        gains.map((r) => r * 1.02),
        rayleighCdf,
      ),
    ).toBeGreaterThan(KOLMOGOROV_LIMIT);
  });
});

describe('Rayleigh gains', () => {
  const draws: Record<string, () => Float32Array> = {
    'rayleigh-fast': () => gainsOf({ name: 'rayleigh-fast' }, 100_000).values,
    'rayleigh-block': () => gainsOf({ name: 'rayleigh-block', coherence: 3 }, 300_000).values,
    'rayleigh-slow': () => oneGainAFrame({ name: 'rayleigh-slow' }, 100_000),
  };

  it.each(Object.keys(draws))(
    '%s: |h| has the Rayleigh distribution, arg h is uniform, and they are independent',
    (key) => {
      const gains = draws[key]!();
      const r = magnitudes(gains);
      expect(r.length).toBe(100_000);
      expect(kolmogorovStatistic(r, rayleighCdf)).toBeLessThan(KOLMOGOROV_LIMIT);
      const phase = turns(gains);
      expect(kolmogorovStatistic(phase, (turn) => turn)).toBeLessThan(KOLMOGOROV_LIMIT);
      expect(Math.abs(correlation(r, phase))).toBeLessThan(5 / Math.sqrt(r.length));
    },
  );

  it.each(Object.keys(draws))('%s: moments of h', (key) => {
    const gains = draws[key]!();
    const [i, q] = [parts(gains, 0), parts(gains, 1)];
    const limit = 5 / Math.sqrt(i.length);
    for (const part of [i, q]) {
      expect(Math.abs(estimateMean(part).mean)).toBeLessThan(limit * Math.SQRT1_2);
      // Var of x² for x ~ N(0, 1/2) is 1/2.
      expect(Math.abs(estimateMean(part.map((x) => x * x)).mean - 0.5)).toBeLessThan(limit * Math.SQRT1_2);
    }
    expect(Math.abs(correlation(i, q))).toBeLessThan(limit);
    // |h|² is exponential: E|h|² = 1, E|h|⁴ = 2 (variances 1 and 20).
    const power = magnitudes(gains).map((r) => r * r);
    expect(Math.abs(estimateMean(power).mean - 1)).toBeLessThan(limit);
    expect(Math.abs(estimateMean(power.map((p) => p * p)).mean - 2)).toBeLessThan(limit * Math.sqrt(20));
  });

  it.each(Object.keys(draws))('%s: one gain tells nothing of the next', (key) => {
    const gains = draws[key]!();
    for (const part of [parts(gains, 0), parts(gains, 1)]) {
      expect(Math.abs(correlation(part.subarray(1), part.subarray(0, -1)))).toBeLessThan(5 / Math.sqrt(part.length));
    }
  });
});

describe('Rician gains', () => {
  it.each([-40, -3, 0, 6, 15])(
    '|h| has the Rice distribution at K = %d dB, in a frame and from frame to frame',
    (kFactorDb) => {
      const cdf = riceCdf(10 ** (kFactorDb / 10));
      for (const values of [
        gainsOf({ name: 'rician-fast', kFactorDb }, 100_000).values,
        gainsOf({ name: 'rician-block', kFactorDb, coherence: 4 }, 400_000).values,
        oneGainAFrame({ name: 'rician-slow', kFactorDb }, 50_000),
      ]) {
        expect(kolmogorovStatistic(magnitudes(values), cdf)).toBeLessThan(KOLMOGOROV_LIMIT);
      }
    },
  );

  it('|h|² has mean 1 and variance (1 + 2K)/(1 + K)²', () => {
    for (const kFactorDb of [-3, 3, 10]) {
      const k = 10 ** (kFactorDb / 10);
      const power = magnitudes(gainsOf({ name: 'rician-fast', kFactorDb }, 200_000).values).map((r) => r * r);
      const { mean, standardError } = estimateMean(power);
      expect(Math.abs(mean - 1)).toBeLessThan(5 * standardError);
      const squares = estimateMean(power.map((p) => (p - 1) ** 2));
      expect(Math.abs(squares.mean - (1 + 2 * k) / (1 + k) ** 2)).toBeLessThan(5 * squares.standardError);
    }
  });

  it('the line of sight keeps its phase within a frame, and has a uniform one from frame to frame', () => {
    const lineOfSight = new Float32Array(2 * 2000);
    for (let frame = 0; frame < 2000; frame++) {
      const { values } = gainsOf({ name: 'rician-fast', kFactorDb: 40 }, 50, frame);
      const i = estimateMean(parts(values, 0)).mean;
      const q = estimateMean(parts(values, 1)).mean;
      // K = 40 dB: the mean over 50 gains is the line of sight up to 0.01/√50 a part.
      expect(Math.abs(Math.hypot(i, q) - 1)).toBeLessThan(0.01);
      lineOfSight.set([i, q], 2 * frame);
    }
    expect(kolmogorovStatistic(turns(lineOfSight), (turn) => turn)).toBeLessThan(KOLMOGOROV_LIMIT);
  });
});

describe('coherence', () => {
  it('is the frame, the configured number of samples, or one sample', () => {
    for (const kind of ['rayleigh', 'rician'] as const) {
      const rest = kind === 'rician' ? { kFactorDb: 0 } : {};
      expect(coherenceOf({ name: `${kind}-slow`, ...rest } as ChannelModelConfig)).toEqual([100, 1]);
      expect(coherenceOf({ name: `${kind}-block`, coherence: 30, ...rest } as ChannelModelConfig)).toEqual([30, 4]);
      expect(coherenceOf({ name: `${kind}-fast`, ...rest } as ChannelModelConfig)).toEqual([1, 100]);
    }
  });
});

describe('independence', () => {
  it('of the gains of two streams, two frames and two seeds', () => {
    const n = 50_000;
    const config = { name: 'rayleigh-fast' } as const;
    const reference = gainsOf(config, n).values;
    const others = [
      gainsOf(config, n, 1).values,
      gainsOf(config, n, 0, 'b').values,
      drawFading(config, { seed: SEED + 1, stream: 'a', frame: 0 }, n)[0]!.gains.values,
      drawFading(config, { seed: SEED, stream: 'a', frame: 2 ** 32 }, n)[0]!.gains.values,
    ];
    for (const other of others) {
      for (const [p, q] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ] as const) {
        expect(Math.abs(correlation(parts(reference, p), parts(other, q)))).toBeLessThan(5 / Math.sqrt(n));
      }
    }
  });
});

describe('applyTaps', () => {
  const tap = (delay: number, coherence: number, ...values: number[]) => ({
    delay,
    gains: { coherence, values: Float32Array.from(values) },
  });

  it('multiplies complex numbers, each block by its own gain, the last block shorter', () => {
    const samples = Float32Array.of(1, 0, 0, 1, 1, 1, 2, -1, 3, 3);
    const taps = [tap(0, 2, 0, 1, 2, 0, -1, 1)];
    // (0+j)·{1, j}, 2·{1+j, 2-j}, (-1+j)·(3+3j)
    expect([...applyTaps(samples, taps)]).toEqual([0, 1, -1, 0, 2, 2, 4, -2, -6, 0]);
    expect([...samples]).toEqual([1, 0, 0, 1, 1, 1, 2, -1, 3, 3]);
  });

  it('adds up paths, each with its delay and the gain of the moment of arrival; the end is cut off', () => {
    const samples = Float32Array.of(1, 0, 2, 0, 3, 0, 4, 0);
    const echo = tap(2, 1, 9, 0, 9, 0, 0, 1, 0, -1);
    expect([...applyTaps(samples, [tap(0, 4, 1, 0), echo])]).toEqual([1, 0, 2, 0, 3, 1, 4, -2]);
    expect([...applyTaps(samples, [tap(1, 3, 1, 0, 2, 0)])]).toEqual([0, 0, 1, 0, 2, 0, 6, 0]);
    expect([...applyTaps(samples, [tap(4, 4, 1, 0)])]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('copies without fading', () => {
    const samples = Float32Array.of(1, 2);
    expect(applyTaps(samples, null)).not.toBe(samples);
    expect([...applyTaps(samples, null)]).toEqual([1, 2]);
  });

  it('refuses what does not fit', () => {
    const taps = [tap(0, 2, 1, 0, 1, 0)];
    expect(() => applyTaps(new Float32Array(3), null)).toThrow(ArgumentError);
    expect(() => applyTaps(new Float32Array(4), taps)).toThrow("2 gains of coherence 2 don't fit 2 samples");
    expect(() => applyTaps(new Float32Array(10), taps)).toThrow(ArgumentError);
    for (const coherence of [0, -1, 1.5, NaN]) {
      expect(() => applyTaps(new Float32Array(8), [tap(0, coherence, 1, 0)])).toThrow(ArgumentError);
    }
    expect(applyTaps(new Float32Array(8), taps).length).toBe(8);
  });

  it('refuses to draw for a number of samples that is none', () => {
    for (const count of [-1, 1.5, NaN]) {
      expect(() => drawFading({ name: 'rayleigh-fast' }, { seed: 0, stream: '', frame: 0 }, count)).toThrow(
        ArgumentError,
      );
    }
  });
});
