import { meanPower, randomFor, type Tap } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import {
  addNoise,
  applyTaps,
  createChannel,
  DEFAULT_SAMPLE_RATE_HZ,
  MAX_SNR_DB,
  MIN_SNR_DB,
  parseChannelConfig,
  type Channel,
  type ChannelModel,
  type FrameCoordinates,
  type ImpairedFrame,
  type Impairment,
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
export function describeChannelModel(key: string, model: ChannelModel, options: Record<string, unknown> = {}): void {
  const process = () => model.create(model.optionsSchema.parse(options), DEFAULT_SAMPLE_RATE_HZ);
  const fadingOf = (frame: number, sampleCount: number, stream = COORDINATES.stream) =>
    process().drawFading({ ...COORDINATES, stream, frame }, sampleCount);
  const channelOf = (seed = 11) =>
    createChannel(
      parseChannelConfig({ model: { name: model.name, ...options }, snr: { name: 'constant', snrDb: 6 }, seed }),
    );

  describe(`channel model ${key} ${JSON.stringify(options)}`, () => {
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

    it('has unit mean power and its K factor, and E[h] = 0 where there is fading', () => {
      const k = model.kFactor(model.optionsSchema.parse(options));
      expect(fadingOf(0, 1) === null).toBe(k === Infinity);
      const streams = 6000;
      const power = new Float64Array(streams);
      const flat = new Float64Array(streams);
      const sums = [new Float64Array(streams), new Float64Array(streams)] as const;
      for (let stream = 0; stream < streams; stream++) {
        const taps = fadingOf(3, 1, String(stream));
        if (taps === null) {
          return;
        }
        for (const { gains } of taps) {
          const [i, q] = gains.values as unknown as [number, number];
          power[stream]! += i * i + q * q;
          sums[0][stream]! += i;
          sums[1][stream]! += q;
        }
        flat[stream] = sums[0][stream]! ** 2 + sums[1][stream]! ** 2;
      }
      const { mean, standardError } = estimateMean(power);
      expect(Math.abs(mean - 1)).toBeLessThan(5 * standardError);
      for (const part of sums) {
        const estimate = estimateMean(part);
        expect(Math.abs(estimate.mean)).toBeLessThan(5 * estimate.standardError);
      }
      // At any one frequency |h|² has the variance (1 + 2K)/(1 + K)²; 32 sinusoids have a thirty-second less.
      const square = estimateMean(flat.map((p) => (p - 1) ** 2));
      const expected = (1 + 2 * k) / (1 + k) ** 2;
      expect(Math.abs(square.mean - expected)).toBeLessThan(5 * square.standardError + expected / 32);
      // One stream tells nothing of another.
      expect(Math.abs(correlation(power.subarray(1), power.subarray(0, -1)))).toBeLessThan(5 / Math.sqrt(streams));
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
        backwards.impairFrame(symbols(99), { stream: 'other', frame: 77 });
        expect(sendAsText(backwards, frame)).toBe(first.get(frame));
        expect(sendAsText(forwards, frame)).toBe(first.get(frame));
      }
      expect(new Set(first.values()).size).toBe(frames.length);
      expect(sendAsText(channelOf(12), 0)).not.toBe(first.get(0));
    });

    it('meets the configured SNR on average over its fading', () => {
      const frames = 1000;
      const channel = channelOf();
      const samples = symbols(64);
      const sentPower = meanPower(samples);
      const power = new Float64Array(frames);
      const noise = new Float64Array(frames);
      for (let frame = 0; frame < frames; frame++) {
        const received = channel.impairFrame(samples, { stream: `snr${frame}`, frame }) as ImpairedFrame;
        power[frame] = 10 ** (received.measuredSnrDb! / 10);
        const clean = applyTaps(samples, received.channel.taps);
        for (let i = 0; i < samples.length; i++) {
          noise[frame]! += (received.samples[i]! - clean[i]!) ** 2 / 64;
        }
      }
      const csnr = estimateMean(power);
      // What the delays put behind the last of 64 samples is missing: at most the share of the longest one.
      const longest = fadingOf(0, 64)?.at(-1)?.delay ?? 0;
      expect(csnr.mean).toBeLessThan(sentPower * 10 ** 0.6 + 5 * csnr.standardError + 1e-6);
      expect(csnr.mean).toBeGreaterThan(
        sentPower * 10 ** 0.6 * (1 - (2 * longest) / 64) - 5 * csnr.standardError - 1e-6,
      );
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

/** What every impairment must do. Being in the registry is enough to be held to it. */
export function describeImpairment(key: string, impairment: Impairment): void {
  const channelOf = (seed = 11, impairments: object[] = [{ name: key }]) =>
    createChannel(parseChannelConfig({ model: { name: 'tdl-exp' }, impairments, seed }));

  describe(`impairment ${key}`, () => {
    it('is named like its key, and is configured by its name alone', () => {
      expect(impairment.name).toBe(key);
      expect(key).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      const { config } = channelOf();
      expect(config.impairments.map(({ name }) => name)).toEqual([key]);
      expect(parseChannelConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
    });

    it('refuses options that it does not have, and says where', () => {
      expect(() => channelOf(0, [{ name: key }, { name: key, noSuchOption: 1 }])).toThrow(
        /noSuchOption[\s\S]*impairments\[1\]/,
      );
    });

    it.each([0, 9, 256, 257])('takes a frame of %i samples, and leaves its input alone', (count) => {
      const samples = symbols(count);
      const before = bytesOf(samples);
      const received = channelOf().impairFrame(samples, { stream: 'cam', frame: 1 }) as ImpairedFrame;
      expect(bytesOf(samples)).toBe(before);
      expect(received.samples.length).toBe(samples.length);
      expect(received.samples.every(Number.isFinite)).toBe(true);
    });

    it('changes the samples, and nothing of what the receiver is told but by the power that was sent', () => {
      const samples = symbols(500);
      const id = { stream: 'cam', frame: 2 };
      const impaired = channelOf().impairFrame(samples, id) as ImpairedFrame;
      const clean = channelOf(11, []).impairFrame(samples, id) as ImpairedFrame;
      // Bursts are rare: over so many frames some come.
      const [impairing, without] = [channelOf(), channelOf(11, [])];
      const frames = Array.from({ length: 500 }, (_, frame) => frame);
      expect(frames.some((frame) => sendAsText(impairing, frame) !== sendAsText(without, frame))).toBe(true);
      expect(tapsAsText(impaired.channel.taps)).toBe(tapsAsText(clean.channel.taps));
      expect(impaired.channel.noiseVariance).toBe(clean.channel.noiseVariance);
    });

    it('gives byte-identical frames in whatever order, and others to another of its name', () => {
      const frames = [0, 1, 2, 3, 2 ** 32, Number.MAX_SAFE_INTEGER];
      const forwards = channelOf();
      const first = new Map(frames.map((frame) => [frame, sendAsText(forwards, frame)]));
      const backwards = channelOf();
      for (const frame of frames.toReversed()) {
        backwards.impairFrame(symbols(99), { stream: 'other', frame: 77 });
        expect(sendAsText(backwards, frame)).toBe(first.get(frame));
        expect(sendAsText(forwards, frame)).toBe(first.get(frame));
      }
    });
  });
}
