import { ArgumentError } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { createModem, PowerError } from '../index.js';

const modem = createModem('single-carrier');
const samples = Float32Array.of(1, 0, 0, 1, -1, 0, 0, -1);
const tap = (delay: number, coherence: number, ...values: number[]) => ({
  delay,
  gains: { coherence, values: Float32Array.from(values) },
});

describe('single-carrier', () => {
  it('is a sample a symbol, with the gain of its moment', () => {
    expect(modem.samplesFor(7)).toBe(7);
    expect(modem.modulate(samples)).toBe(samples);
    const { y, h } = modem.demodulate(samples, 4, { taps: [tap(0, 3, 1, 2, 3, 4)], noiseVariance: 0 });
    expect(y).toBe(samples);
    expect([...h!]).toEqual([1, 2, 1, 2, 1, 2, 3, 4]);
  });

  it('adds up paths without delay, and counts later ones as noise from where they begin', () => {
    const taps = [tap(0, 4, 1, 0), tap(0, 4, 0, 1), tap(2, 1, 9, 9, 9, 9, 0.5, 0, 0, 2)];
    const { h, noiseVariance } = modem.demodulate(samples, 4, { taps, noiseVariance: 0.25 });
    expect([...h!]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect([...noiseVariance]).toEqual([0.25, 0.25, 0.5, 4.25]);
  });

  it('takes the noise for that of its power where it is told nothing', () => {
    const { h, noiseVariance } = modem.demodulate(
      samples.map((value) => 2 * value),
      4,
      null,
    );
    expect(h).toBeNull();
    expect(noiseVariance[3]).toBeCloseTo(3, 12);
    expect(() => modem.demodulate(new Float32Array(0), 0, null)).toThrow(PowerError);
  });

  it('refuses gains of another frame', () => {
    expect(() => modem.demodulate(samples, 4, { taps: [tap(0, 1, 1, 0)], noiseVariance: 0 })).toThrow(ArgumentError);
  });
});
