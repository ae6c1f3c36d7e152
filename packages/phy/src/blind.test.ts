import { meanPower, randomFor, type ComplexVector } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { add, complexNormal, multiply, subtract } from '../test/signals.js';
import {
  estimateBlindly,
  fitTaps,
  gainsOfTaps,
  type SymbolStatistics,
  type TapEstimate,
  type TapModel,
} from './blind.js';
import { PowerError, ShapeError } from './errors.js';

const COUNT = 2048;
const TAPS = [0.5, 0.3, 0.2];

/** Symbols like a codec's: an eighth have a constant for a mean, and variances differ by a factor of eight. */
function statistics(mean = 0.8, variance = 1): SymbolStatistics {
  return {
    mean: Float32Array.from({ length: 2 * COUNT }, (_, i) => (i % 16 === 1 ? mean : 0)),
    variance: Float64Array.from({ length: COUNT }, (_, k) => variance * 2 ** -(k % 4)),
  };
}

function flatModel(power = 1): TapModel {
  return { fftSize: 1, carriers: new Uint16Array(COUNT), powers: [power] };
}

/** Carriers in an order of their own, as behind an interleaver: each carrier has symbols of all kinds. */
function ofdmModel(fftSize: number, powers = TAPS): TapModel {
  return {
    fftSize,
    carriers: Uint16Array.from({ length: COUNT }, (_, k) => (k * 37 + (k >> 5)) % fftSize),
    powers,
  };
}

function draw(
  { mean, variance }: SymbolStatistics,
  { fftSize, carriers, powers }: TapModel,
  n0: number,
  frame: number,
) {
  const taps = complexNormal(powers.length, 1, 'taps', frame).map((value, i) => value * Math.sqrt(powers[i >> 1]!));
  const z = add(
    mean,
    complexNormal(COUNT, 1, 'symbols', frame).map((value, i) => value * Math.sqrt(variance[i >> 1]!)),
  );
  const h = new Float32Array(2 * COUNT);
  for (const [k, c] of carriers.entries()) {
    for (let l = 0; l < powers.length; l++) {
      const [cos, sin] = [Math.cos((2 * Math.PI * c * l) / fftSize), -Math.sin((2 * Math.PI * c * l) / fftSize)];
      h[2 * k]! += taps[2 * l]! * cos - taps[2 * l + 1]! * sin;
      h[2 * k + 1]! += taps[2 * l]! * sin + taps[2 * l + 1]! * cos;
    }
  }
  return { taps, h, y: add(multiply(h, z), complexNormal(COUNT, n0, 'noise', frame)) };
}

/** Σ|a_l - b_l|² */
function distance(a: ComplexVector, b: ComplexVector): number {
  return (meanPower(subtract(a, b)) * a.length) / 2;
}

/** The negative logarithm of the posterior density, but for a constant. */
function costOf(
  y: ComplexVector,
  of: SymbolStatistics,
  powers: readonly number[],
  { h: gain, taps, noiseVariance: n0 }: Pick<TapEstimate, 'h' | 'taps' | 'noiseVariance'>,
): number {
  let sum = 0;
  for (let k = 0; k < COUNT; k++) {
    const s = (gain[2 * k]! ** 2 + gain[2 * k + 1]! ** 2) * of.variance[k]! + n0;
    const m = multiply(gain.subarray(2 * k, 2 * k + 2), of.mean.subarray(2 * k, 2 * k + 2));
    sum += Math.log(s) + ((y[2 * k]! - m[0]!) ** 2 + (y[2 * k + 1]! - m[1]!) ** 2) / s;
  }
  return taps.reduce((all, value, i) => all + value ** 2 / powers[i >> 1]!, sum);
}

function average(frames: number, of: (frame: number) => number): number {
  return Array.from({ length: frames }, (_, frame) => of(frame)).reduce((sum, value) => sum + value / frames, 0);
}

describe('estimateBlindly', { timeout: 20_000 }, () => {
  it('is the linear MMSE estimate where symbols are all but constants: its error is N0/(Σ|m|² + N0/p)', () => {
    const known = statistics(0.8, 1e-9);
    for (const n0 of [1, 0.1]) {
      const error = average(200, (frame) => {
        const { taps, y } = draw(known, flatModel(), n0, frame);
        return distance(estimateBlindly(y, known, flatModel()).taps, taps);
      });
      const energy = (COUNT / 8) * Math.fround(0.8) ** 2;
      expect(Math.abs(error / (n0 / (energy + n0)) - 1)).toBeLessThan(0.25);
    }
  });

  it.each([
    ['one gain', flatModel()],
    ['three taps on 64 carriers', ofdmModel(64)],
    ['three taps on 60 carriers', ofdmModel(60)],
  ])('finds %s and the noise, and gives the gain of each symbol', (_, model) => {
    const of = statistics();
    for (const n0 of [1, 0.1, 0.01]) {
      let noise = 0;
      const error = average(40, (frame) => {
        const { taps, h, y } = draw(of, model, n0, frame);
        const found = estimateBlindly(y, of, model);
        noise += found.noiseVariance / n0 / 40;
        expect(found.taps.length).toBe(taps.length);
        expect(distance(found.h, h) / COUNT).toBeCloseTo(distance(found.taps, taps), model.fftSize === 60 ? 1 : 2);
        return distance(found.taps, taps);
      });
      // An eighth of the symbols as pilots of power 0.64 under noise of their own variance would leave 0.0061 a tap.
      expect(error).toBeLessThan(0.006 * model.powers.length * (1 + n0));
      // Above 10 dB the powers of symbols tell little of N0.
      expect(Math.abs(noise - 1)).toBeLessThan(n0 >= 0.1 ? 0.15 : 1);
    }
  });

  it('is at a maximum: no estimate nearby explains the symbols better', () => {
    const of = statistics();
    const model = ofdmModel(64);
    const { y } = draw(of, model, 0.1, 0);
    const { h, taps, noiseVariance } = estimateBlindly(y, of, model);
    const cost = (gain: ComplexVector, n0: number, prior: ComplexVector) =>
      costOf(y, of, TAPS, { h: gain, noiseVariance: n0, taps: prior });
    const least = cost(h, noiseVariance, taps);
    for (const factor of [0.9, 1.1]) {
      expect(cost(h, factor * noiseVariance, taps)).toBeGreaterThan(least);
      const scaled = (vector: ComplexVector) => vector.map((value) => factor * value);
      expect(cost(scaled(h), noiseVariance, scaled(taps))).toBeGreaterThan(least);
    }
    const turned = (vector: ComplexVector, angle: number) =>
      multiply(
        vector,
        Float32Array.from(vector, (_, i) => (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle))),
      );
    for (const angle of [-0.2, 0.2]) {
      expect(cost(turned(h, angle), noiseVariance, turned(taps, angle))).toBeGreaterThan(least);
    }
  });

  it('finds a maximum at least as high as the true channel, also where that takes mirrored zeros', () => {
    const of = statistics();
    // A picture of a quarter of the level: what begins with the means begins badly. Frame 20 needs the mirror.
    const picture = { ...of, mean: of.mean.map((value) => value / 4) };
    const model = ofdmModel(
      64,
      Array.from({ length: 8 }, (_, l) => 0.25 * Math.exp(-l / 4)),
    );
    for (let frame = 15; frame < 25; frame++) {
      const { taps, h, y } = draw(picture, model, 0.1, frame);
      const cost = (at: Parameters<typeof costOf>[3]) => costOf(y, of, model.powers, at);
      expect(cost(estimateBlindly(y, of, model))).toBeLessThan(cost({ h, taps, noiseVariance: 0.1 }));
    }
  });

  it('needs a mean for a phase, symbols of as many carriers, and a signal', () => {
    const y = complexNormal(COUNT, 1, 'noise');
    const of = statistics();
    expect(() => estimateBlindly(y, statistics(0), flatModel())).toThrow(/means that are not all 0/);
    expect(() => estimateBlindly(y, statistics(0.8, 0), flatModel())).toThrow(/variances and tap powers above 0/);
    expect(() => estimateBlindly(y, of, flatModel(0))).toThrow(/variances and tap powers above 0/);
    expect(() => estimateBlindly(y.subarray(2), of, flatModel())).toThrow(ShapeError);
    expect(() => estimateBlindly(new Float32Array(2 * COUNT), of, flatModel())).toThrow(PowerError);
    expect(() =>
      estimateBlindly(
        y.map((value, i) => (i === 7 ? NaN : value)),
        of,
        flatModel(),
      ),
    ).toThrow(PowerError);
  });

  it('stays finite without noise, and in nothing but noise', () => {
    const of = statistics();
    const model = ofdmModel(64);
    const random = randomFor({ seed: 1, stream: 'blind', frame: 0, purpose: 'noise' });
    const noise = new Float32Array(2 * COUNT);
    random.fillNormal(noise);
    for (const y of [draw(of, model, 0, 1).y, noise]) {
      const found = estimateBlindly(y, of, model);
      expect([...found.h, found.noiseVariance].every(Number.isFinite)).toBe(true);
      expect(found.noiseVariance).toBeGreaterThan(0);
    }
  });
});

describe('fitTaps', () => {
  it('is the linear MMSE estimate: of one gain, Σz*y/(Σ|z|² + N/p)', () => {
    const [z, y] = [complexNormal(COUNT, 1, 'known'), complexNormal(COUNT, 1, 'received')];
    const { taps, h } = fitTaps(y, z, 300, flatModel(0.5));
    const matched = multiply(
      y,
      z.map((value, i) => (i % 2 === 0 ? value : -value)),
    );
    const weight = COUNT * meanPower(z) + 300 / 0.5;
    for (const part of [0, 1]) {
      const sum = matched.reduce((total, value, i) => (i % 2 === part ? total + value : total), 0);
      expect(taps[part]).toBeCloseTo(sum / weight, 6);
      expect(h[part]).toBe(taps[part]);
    }
  });

  it('has the error that its model says: the inverse of Λ', () => {
    const model = ofdmModel(64);
    const of = statistics(0, 1);
    const error = average(200, (frame) => {
      const { taps, h, y } = draw(of, model, 4, frame);
      const z = multiply(
        subtract(y, complexNormal(COUNT, 4, 'noise', frame)),
        h.map((value, i) => (i % 2 === 0 ? value : -value) / (h[i & ~1]! ** 2 + h[i | 1]! ** 2)),
      );
      return distance(fitTaps(y, z, 4, model).taps, taps);
    });
    // Symbols are spread over all carriers, so Λ is nearly diagonal.
    const energy = of.variance.reduce((sum, v) => sum + v, 0) / 4;
    const expected = TAPS.reduce((sum, p) => sum + 1 / (1 / p + energy), 0);
    expect(Math.abs(error / expected - 1)).toBeLessThan(0.2);
  });

  it('gives back taps that made the symbols, and refuses what fits nothing', () => {
    const model = ofdmModel(60);
    const [taps, z] = [complexNormal(3, 1, 'taps'), complexNormal(COUNT, 1, 'known')];
    const y = multiply(gainsOfTaps(taps, model), z);
    expect(distance(fitTaps(y, z, 1e-6, model).taps, taps)).toBeLessThan(1e-9);
    expect(() => fitTaps(y, z.subarray(2), 1, model)).toThrow(ShapeError);
    expect(() => fitTaps(y, z, 0, model)).toThrow(/above 0/);
  });
});
