import { ArgumentError, meanPower } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { createModem, WaveformError, type Waveform } from '../src/index.js';
import { add, applyTaps, complexNormal, constantTap, gainsOn, multiply, subtract, unitSymbols } from './signals.js';

const COUNTS = [1, 2, 63, 64, 1000];
const MANY = 20_000;

/**
 * What every waveform must do. Being in the registry is enough to be held to it.
 *
 * @param told options with which it uses a channel that is told
 */
export function describeWaveform(key: string, waveform: Waveform, told: Readonly<Record<string, unknown>>): void {
  const modem = createModem(key, told);

  describe(`waveform ${key}`, () => {
    it('is named like its key, and is configured by its name alone', () => {
      expect(waveform.name).toBe(key);
      expect(key).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      const options = waveform.optionsSchema.parse({});
      expect(waveform.optionsSchema.parse(JSON.parse(JSON.stringify(options)))).toEqual(options);
    });

    it('refuses options that it does not have', () => {
      expect(() => createModem(key, { noSuchOption: 1 })).toThrow(WaveformError);
      expect(() => createModem(key, { noSuchOption: 1 })).toThrow(/noSuchOption/);
    });

    it.each(COUNTS)('takes as many samples for %i symbols as it says, of their power', (count) => {
      const symbols = unitSymbols(count);
      const samples = modem.modulate(symbols);
      expect(samples.length).toBe(2 * modem.samplesFor(count));
      expect(modem.samplesFor(count)).toBeGreaterThanOrEqual(count);
      expect(samples.every(Number.isFinite)).toBe(true);
      const power = meanPower(modem.modulate(unitSymbols(MANY)));
      expect(Math.abs(power - 1)).toBeLessThan(0.02);
    });

    it.each(COUNTS)('gives %i symbols back without noise, and leaves its input alone', (count) => {
      const symbols = unitSymbols(count);
      const [sent, kept] = [modem.modulate(symbols), symbols.slice()];
      const air = sent.slice();
      const { y, h, noiseVariance } = modem.demodulate(sent, count, { taps: null, noiseVariance: 0 });
      expect([symbols, sent]).toEqual([kept, air]);
      expect([h, noiseVariance.length]).toEqual([null, count]);
      expect(noiseVariance.every((variance) => variance === 0)).toBe(true);
      expect(Math.max(...subtract(y, symbols).map(Math.abs))).toBeLessThan(1e-4);
    });

    it('has the gain of a flat channel for the gain of each symbol, and N0 for the noise of each', () => {
      const symbols = unitSymbols(1000);
      const sent = modem.modulate(symbols);
      const channel = { taps: [constantTap(0, sent.length / 2, 0.6, -1.1)], noiseVariance: 0.3 };
      const { y, h, noiseVariance } = modem.demodulate(applyTaps(sent, channel), 1000, channel);
      expect(h!.length).toBe(symbols.length);
      expect(noiseVariance.every((variance) => Math.abs(variance - 0.3) < 1e-6)).toBe(true);
      expect(Math.max(...subtract(y, multiply(h!, symbols)).map(Math.abs))).toBeLessThan(1e-4);
      expect(Math.abs(meanPower(h!) - (0.6 ** 2 + 1.1 ** 2))).toBeLessThan(1e-4);
    });

    it.each(['two paths', 'gains that change within the frame'])('says the truth of gains and noise: %s', (kind) => {
      const symbols = unitSymbols(MANY);
      const sent = modem.modulate(symbols);
      const count = sent.length / 2;
      const values = complexNormal(Math.ceil(count / 4000), 1, 'gains');
      const taps =
        kind === 'two paths'
          ? [constantTap(0, count, 0.9, 0.1), constantTap(5, count, 0, 0.4)]
          : [{ delay: 0, gains: { coherence: 4000, values } }];
      const channel = { taps, noiseVariance: 0.05 };
      const received = add(applyTaps(sent, channel), complexNormal(count, 0.05, 'noise'));
      const { y, h, noiseVariance } = modem.demodulate(received, MANY, channel);
      const error = subtract(y, multiply(h!, symbols)).map((value, i) => value / Math.sqrt(noiseVariance[i >> 1]!));
      expect(Math.abs(meanPower(error) - 1)).toBeLessThan(0.1);
    });

    it('assumes something finite where it is told nothing', () => {
      const symbols = unitSymbols(1000);
      const sent = modem.modulate(symbols);
      const received = add(sent, complexNormal(sent.length / 2, 0.1, 'noise'));
      const { y, h, noiseVariance } = createModem(key).demodulate(received, 1000, null);
      expect([y.length, (h ?? y).length, noiseVariance.length]).toEqual([2000, 2000, 1000]);
      expect(noiseVariance.every((variance) => variance > 0 && variance < 1)).toBe(true);
    });

    it('says where its gains come from', () => {
      const samples = modem.modulate(unitSymbols(10));
      expect(modem.channelState).not.toBe('ignored');
      expect(modem.demodulate(samples, 10, { taps: null, noiseVariance: 0.1 }).source).toBe('told');
      const usual = createModem(key);
      const { source } = usual.demodulate(usual.modulate(unitSymbols(10)), 10, null);
      expect(source).toBe(usual.channelState === 'ignored' ? 'estimated' : 'assumed');
    });

    it('says on which carriers symbols are', () => {
      const taps = Array.from({ length: 3 }, (_, l) => constantTap(l, modem.samplesFor(500), 0.5 - l / 4, l / 3));
      const { h } = modem.demodulate(modem.modulate(unitSymbols(500)), 500, { taps, noiseVariance: 0 });
      const { fftSize, carriers, powers } = modem.tapModel(500);
      expect(carriers.length).toBe(500);
      expect(powers.reduce((sum, power) => sum + power, 0)).toBeCloseTo(1, 9);
      // Of a single carrier later paths are interference.
      const gains = gainsOn(carriers, fftSize, fftSize === 1 ? taps.slice(0, 1) : taps);
      expect(Math.max(...subtract(gains, h!).map(Math.abs))).toBeLessThan(1e-5);
    });

    it('finds gain and noise by the statistics of the symbols', () => {
      const blind = createModem(key, { estimator: 'blind' });
      expect([blind.blind, blind.channelState]).toEqual([true, 'ignored']);
      const mean = Float32Array.from({ length: 2 * MANY }, (_, i) => (i % 16 === 1 ? 1.5 : 0));
      const variance = Float64Array.from({ length: MANY }, (_, k) => (k % 2 === 0 ? 0.25 : 1));
      const symbols = add(
        mean,
        complexNormal(MANY, 1, 'symbols').map((value, i) => value * Math.sqrt(variance[i >> 1]!)),
      );
      const sent = blind.modulate(symbols);
      const channel = { taps: [constantTap(0, sent.length / 2, 0.6, -0.8)], noiseVariance: 0.1 };
      const received = add(applyTaps(sent, channel), complexNormal(sent.length / 2, 0.1, 'noise'));
      const { y, h, noiseVariance, source } = blind.demodulate(received, MANY, null, { mean, variance });
      expect(source).toBe('estimated');
      expect(meanPower(h!.map((value, i) => value - (i % 2 === 0 ? 0.6 : -0.8)))).toBeLessThan(0.01);
      expect(Math.abs(meanPower(subtract(y, multiply(h!, symbols))) / noiseVariance[0]! - 1)).toBeLessThan(0.2);
      expect(() => blind.demodulate(received, MANY, null)).toThrow(WaveformError);
    });

    it('refuses samples of another number of symbols', () => {
      const samples = modem.modulate(unitSymbols(10));
      expect(() => modem.demodulate(samples.subarray(2), 10, { taps: null, noiseVariance: 0 })).toThrow(ArgumentError);
    });

    it('refuses what is no complex vector', () => {
      expect(() => modem.modulate(new Float32Array(3))).toThrow(/pairs/);
      expect(() => modem.demodulate(new Float32Array(3), 1, null)).toThrow(/pairs/);
    });
  });
}
