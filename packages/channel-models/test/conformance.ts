import { randomFor, type Tap } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import {
  addNoise,
  applyTaps,
  createChannel,
  MAX_SNR_DB,
  MIN_SNR_DB,
  parseChannelConfig,
  type Channel,
  type ChannelModel,
  type FadingProcess,
  type FrameCoordinates,
  type ImpairedFrame,
  type SnrSchedule,
} from '../src/index.js';
import { bytesOf, correlation, estimateMean } from './statistics.js';

const COORDINATES = { seed: 11, stream: 'conformance', frame: 5 };

/** Unit-power complex Gaussian symbols, as a codec sends them. */
export function symbols(count: number, frame = 0): Float32Array {
  const values = new Float32Array(2 * count);
  randomFor({ seed: 3, stream: 'symbols', frame, purpose: 'symbols' }).fillNormal(values, Math.SQRT1_2);
  return values;
}

/** The taps that a frame meets. */
export function drawFading(
  process: FadingProcess,
  coordinates: FrameCoordinates,
  sampleCount: number,
): readonly Tap[] | null {
  return process.drawFading(randomFor({ ...coordinates, purpose: 'channel/fading' }), sampleCount);
}

/** The noise that a frame meets, alone. */
export function drawNoise(coordinates: FrameCoordinates, sampleCount: number, noiseVariance: number): Float32Array {
  return addNoise(new Float32Array(2 * sampleCount), coordinates, noiseVariance);
}

/** A frame of 100 symbols or a few more through a channel, as text that is equal when every bit is. */
function sendAsText(channel: Channel, frame: number): string {
  const received = channel.impairFrame(symbols(100 + (frame % 7)), { stream: 'cam', frame }) as ImpairedFrame;
  return `${bytesOf(received.samples)} ${tapsAsText(received.channel.taps)}`;
}

function tapsAsText(taps: readonly Tap[] | null): string | null {
  return taps === null ? null : taps.map(({ delay, gains }) => `${delay} ${bytesOf(gains.values)}`).join();
}

/** What every channel model must do. Being in the registry is enough to be held to it. */
export function describeChannelModel(key: string, model: ChannelModel): void {
  const process = () => model.create(model.optionsSchema.parse({}));
  const fadingOf = (frame: number, sampleCount: number, stream = COORDINATES.stream) =>
    process().drawFading(randomFor({ ...COORDINATES, stream, frame, purpose: 'fading' }), sampleCount);
  const channelOf = (seed = 11) =>
    createChannel(parseChannelConfig({ model: { name: model.name }, snr: { name: 'constant', snrDb: 6 }, seed }));

  describe(`channel model ${key}`, () => {
    it('is named like its key, and is configured by its name alone', () => {
      expect(model.name).toBe(key);
      expect(key).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      const { config } = channelOf();
      expect(config.model.name).toBe(key);
      expect(parseChannelConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
    });

    it('refuses options that it does not have', () => {
      expect(() => parseChannelConfig({ model: { name: key, noSuchOption: 1 } })).toThrow(/noSuchOption/);
    });

    it.each([0, 1, 2, 255, 256, 257, 1000])(
      'draws taps in order, of as many gains as %i samples need',
      (sampleCount) => {
        const taps = fadingOf(0, sampleCount);
        if (taps === null) {
          return;
        }
        for (const { delay, gains } of taps) {
          expect(Number.isSafeInteger(delay) && delay >= 0).toBe(true);
          expect(Number.isSafeInteger(gains.coherence) && gains.coherence >= 1).toBe(true);
          expect(gains.values.length).toBe(2 * Math.ceil(sampleCount / gains.coherence));
          expect(gains.values.every(Number.isFinite)).toBe(true);
        }
        const delays = taps.map(({ delay }) => delay);
        expect(delays).toEqual([...new Set(delays)].sort((a, b) => a - b));
        const samples = symbols(sampleCount);
        expect(applyTaps(samples, taps).length).toBe(samples.length);
      },
    );

    it('draws equal taps from equal sources, and others for another frame or stream', () => {
      const reference = tapsAsText(fadingOf(5, 300));
      expect(tapsAsText(fadingOf(5, 300))).toBe(reference);
      const others = [fadingOf(6, 300), fadingOf(5, 300, 'other')].map(tapsAsText);
      // A channel that never fades has no gains, wherever it is asked; any other has others everywhere.
      expect(others.map((other) => other === reference)).toEqual(others.map(() => reference === null));
    });

    it('has unit mean power: E Σ|h|² = 1, and E[h] = 0 where there is fading', () => {
      const frames = 20_000;
      const power = new Float64Array(frames);
      const sums = [new Float64Array(frames), new Float64Array(frames)] as const;
      for (let frame = 0; frame < frames; frame++) {
        const taps = fadingOf(frame, 8);
        if (taps === null) {
          return;
        }
        for (const {
          gains: { values },
        } of taps) {
          for (let i = 0; i < values.length; i += 2) {
            power[frame]! += (2 * (values[i]! ** 2 + values[i + 1]! ** 2)) / values.length;
            sums[0][frame]! += (2 * values[i]!) / values.length;
            sums[1][frame]! += (2 * values[i + 1]!) / values.length;
          }
        }
      }
      const { mean, standardError } = estimateMean(power);
      expect(Math.abs(mean - 1)).toBeLessThan(5 * standardError);
      for (const part of sums) {
        const estimate = estimateMean(part);
        expect(Math.abs(estimate.mean)).toBeLessThan(5 * estimate.standardError);
      }
      // Power from one frame to the next is independent.
      expect(Math.abs(correlation(power.subarray(1), power.subarray(0, -1)))).toBeLessThan(5 / Math.sqrt(frames));
    });

    it('gives y = W_h(z) + n with the taps and the noise it reports, and leaves its input alone', () => {
      const samples = symbols(513);
      const before = bytesOf(samples);
      const id = { stream: 'cam', frame: 9 };
      const received = channelOf().impairFrame(samples, id) as ImpairedFrame;
      expect(bytesOf(samples)).toBe(before);
      const noise = drawNoise({ seed: 11, ...id }, 513, received.channel.noiseVariance);
      const rebuilt = applyTaps(samples, received.channel.taps);
      const error = received.samples.map((value, i) => value - rebuilt[i]! - noise[i]!);
      expect(Math.max(...error.map(Math.abs))).toBeLessThan(1e-5);
      expect(received.channel.noiseVariance).toBeCloseTo(10 ** -0.6, 12);
      expect(received.snrDb).toBe(6);
    });

    it('gives byte-identical frames in whatever order, however often, whatever was sent between', () => {
      const frames = [0, 1, 2, 3, 2 ** 32, Number.MAX_SAFE_INTEGER];
      const forwards = channelOf();
      const backwards = channelOf();
      const first = new Map(frames.map((frame) => [frame, sendAsText(forwards, frame)]));
      for (const frame of frames.toReversed()) {
        backwards.impairFrame(symbols(9), { stream: 'other', frame: 77 });
        expect(sendAsText(backwards, frame)).toBe(first.get(frame));
        expect(sendAsText(forwards, frame)).toBe(first.get(frame));
      }
      expect(new Set(first.values()).size).toBe(frames.length);
      expect(sendAsText(channelOf(12), 0)).not.toBe(first.get(0));
    });

    it('meets the configured SNR on average over its fading', () => {
      const frames = 4000;
      const channel = channelOf();
      const samples = new Float32Array(128).fill(Math.SQRT1_2);
      const power = new Float64Array(frames);
      const noise = new Float64Array(frames);
      for (let frame = 0; frame < frames; frame++) {
        const received = channel.impairFrame(samples, { stream: 'snr', frame }) as ImpairedFrame;
        power[frame] = 10 ** (received.measuredSnrDb! / 10);
        const clean = applyTaps(samples, received.channel.taps);
        for (let i = 0; i < samples.length; i++) {
          noise[frame]! += (received.samples[i]! - clean[i]!) ** 2 / 64;
        }
      }
      const csnr = estimateMean(power);
      expect(Math.abs(csnr.mean - 10 ** 0.6)).toBeLessThan(5 * csnr.standardError + 1e-6);
      const n0 = estimateMean(noise);
      expect(Math.abs(n0.mean - 10 ** -0.6)).toBeLessThan(5 * n0.standardError);
    });
  });
}

/** What every SNR schedule must do. Being in the registry is enough to be held to it. */
export function describeSnrSchedule(key: string, schedule: SnrSchedule): void {
  const create = () => schedule.create(schedule.optionsSchema.parse(schedule.example));

  describe(`SNR schedule ${key}`, () => {
    const frames = [...Array.from({ length: 200 }, (_, k) => k), 2 ** 20 + 1, 2 ** 32, Number.MAX_SAFE_INTEGER];

    it('is named like its key, and has an example that makes a channel', () => {
      expect(schedule.name).toBe(key);
      expect(key).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      const config = parseChannelConfig({ snr: { name: key, ...schedule.example } });
      expect(parseChannelConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
      const channel = createChannel(config);
      const snrDb = channel.snrDbAt({ stream: 'a', frame: 3 });
      expect(channel.impairFrame(symbols(4), { stream: 'a', frame: 3 })).toMatchObject({ lost: false, snrDb });
    });

    it('refuses options that it does not have', () => {
      expect(() => parseChannelConfig({ snr: { name: key, ...schedule.example, noSuchOption: 1 } })).toThrow(
        /noSuchOption/,
      );
    });

    it('depends on nothing but seed, stream and frame, and stays within what a channel can make', () => {
      const forwards = create();
      const backwards = create();
      const coordinates = { seed: 4, stream: 'cam' };
      const first = new Map(frames.map((frame) => [frame, forwards(frame, coordinates)]));
      for (const frame of frames.toReversed()) {
        backwards(frame, { seed: 5, stream: 'other' });
        const snrDb = backwards(frame, coordinates);
        expect(snrDb).toBe(first.get(frame));
        expect(snrDb >= MIN_SNR_DB && snrDb <= MAX_SNR_DB).toBe(true);
      }
    });
  });
}
