import { meanPower } from '@semcast/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { symbols } from '../test/conformance.js';
import { bytesOf, correlation, estimateMean } from '../test/statistics.js';
import {
  applyTaps,
  ChannelConfigError,
  channelModelNames,
  createChannel,
  isFrameLost,
  MAX_SNR_DB,
  MIN_SNR_DB,
  NOISE_REFERENCES,
  parseChannelConfig,
  SamplesError,
  type Channel,
  type ChannelModelName,
  type FrameCoordinates,
  type ImpairedFrame,
  type NoiseReference,
} from './index.js';

interface ImpairOptions extends Partial<FrameCoordinates> {
  readonly model?: ChannelModelName;
  readonly samples: Float32Array;
  readonly snrDb?: number;
  readonly loss?: number;
  readonly noiseReference?: NoiseReference;
}

/** Send a frame through a channel that is configured so; the default is AWGN at 10 dB. */
function impair({
  model: name = 'awgn',
  samples,
  snrDb = 10,
  seed = 1,
  stream = 'cam',
  frame = 0,
  ...rest
}: ImpairOptions) {
  const config = parseChannelConfig({ model: { name }, snr: { name: 'constant', snrDb }, seed, ...rest });
  return createChannel(config).impairFrame(samples, { stream, frame });
}

function arrive(options: ImpairOptions): ImpairedFrame {
  const outcome = impair(options);
  expect(outcome.lost).toBe(false);
  return outcome as ImpairedFrame;
}

const lostFrames = (probability: number, frames: number, id: { seed?: number; stream?: string } = {}) =>
  Float64Array.from({ length: frames }, (_, frame) =>
    Number(isFrameLost({ seed: 9, stream: 'cam', ...id, frame }, probability)),
  );

/** A frame through a channel, as text that is equal when every bit is. */
function send(channel: Channel, frame: number): string {
  const outcome = channel.impairFrame(symbols(60, frame), { stream: 'cam', frame });
  return outcome.lost ? 'lost' : `${outcome.snrDb} ${bytesOf(outcome.samples)}`;
}

describe('the definition of SNR', () => {
  it.each([-5, 0, 3, 10, 20])('at %d dB the noise measured has power N0 = 10^(-snr/10) per complex symbol', (snrDb) => {
    const samples = symbols(200_000);
    const received = arrive({ samples, snrDb });
    const noise = received.samples.map((value, i) => value - samples[i]!);
    expect(received.channel.noiseVariance).toBeCloseTo(10 ** (-snrDb / 10), 12);
    // mean|n|² of n complex samples has the standard error N0/√n.
    expect(Math.abs(meanPower(noise) / received.channel.noiseVariance - 1)).toBeLessThan(5 / Math.sqrt(200_000));
  });

  it('is not the 3 dB kinder one of real symbols', () => {
    const samples = symbols(200_000);
    const noise = arrive({ samples, snrDb: 0 }).samples.map((value, i) => value - samples[i]!);
    expect(meanPower(noise)).toBeGreaterThan(0.9);
  });

  it('refers by default to nominal unit power, whatever the power of the frame', () => {
    const loud = symbols(50_000).map((x) => 3 * x);
    const power = meanPower(loud);
    const nominal = arrive({ samples: loud });
    expect(nominal.channel.noiseVariance).toBeCloseTo(0.1, 12);
    expect(nominal.measuredSnrDb).toBeCloseTo(10 + 10 * Math.log10(power), 9);
    const measured = arrive({ samples: loud, noiseReference: 'measured' });
    expect(measured.channel.noiseVariance).toBeCloseTo(0.1 * power, 12);
    expect(measured.measuredSnrDb).toBeCloseTo(10, 9);
  });

  it('refers to the power before the fading, so that a fade is a fade also under measured power', () => {
    const samples = symbols(1000);
    const received = arrive({ model: 'rayleigh-slow', samples, noiseReference: 'measured' });
    expect(received.channel.noiseVariance).toBeCloseTo(0.1 * meanPower(samples), 12);
    const gain = received.channel.taps![0]!.gains.values;
    const gainDb = 10 * Math.log10(gain[0]! ** 2 + gain[1]! ** 2);
    expect(received.measuredSnrDb).toBeCloseTo(10 + gainDb, 4);
  });

  it('… and none at all under received power: no frame ever fades', () => {
    const samples = symbols(1000);
    for (let frame = 0; frame < 20; frame++) {
      const received = arrive({ model: 'rayleigh-slow', samples, frame, noiseReference: 'received' });
      const gain = received.channel.taps![0]!.gains.values;
      const power = (gain[0]! ** 2 + gain[1]! ** 2) * meanPower(samples);
      expect(received.channel.noiseVariance / (0.1 * power)).toBeCloseTo(1, 5);
      expect(received.measuredSnrDb).toBeCloseTo(10, 9);
    }
  });

  it('a silent or empty frame meets nominal noise and has no SNR to measure', () => {
    for (const noiseReference of NOISE_REFERENCES) {
      const silent = arrive({ samples: new Float32Array(2000), noiseReference });
      expect(silent.channel.noiseVariance).toBeCloseTo(0.1, 12);
      expect(silent.measuredSnrDb).toBeNull();
      expect(meanPower(silent.samples)).toBeGreaterThan(0.05);
      const empty = arrive({ model: 'rayleigh-slow', samples: new Float32Array(0), noiseReference });
      expect(empty).toMatchObject({ measuredSnrDb: null, channel: { noiseVariance: silent.channel.noiseVariance } });
      expect(empty.samples.length).toBe(0);
      expect(empty.channel.taps![0]!.gains.values.length).toBe(0);
    }
  });
});

describe('limits', () => {
  it('takes SNRs up to both limits and none beyond', () => {
    const samples = symbols(4);
    expect(arrive({ samples, snrDb: MIN_SNR_DB }).channel.noiseVariance).toBeCloseTo(1e5, 6);
    const clean = arrive({ samples, snrDb: MAX_SNR_DB }).samples;
    expect(Math.max(...clean.map((x, i) => Math.abs(x - samples[i]!)))).toBeLessThan(1e-4);
    for (const snrDb of [MIN_SNR_DB - 0.01, MAX_SNR_DB + 0.01, NaN, Infinity]) {
      expect(() => impair({ samples, snrDb })).toThrow(ChannelConfigError);
    }
    for (const loss of [-0.1, 1.1, NaN]) {
      expect(() => impair({ samples, loss })).toThrow(ChannelConfigError);
    }
  });

  it('refuses samples that are not finite, with the code E_SAMPLES, and what is no complex vector', () => {
    for (const bad of [
      [1, NaN],
      [Infinity, 0],
      [0, 0, 0, -Infinity],
      [1e30, 0],
    ]) {
      for (const model of ['awgn', 'rayleigh-slow'] as const) {
        expect(() => impair({ model, samples: Float32Array.from(bad) })).toThrow(SamplesError);
      }
    }
    expect(() => impair({ samples: Float32Array.of(NaN, 1) })).toThrow(expect.objectContaining({ code: 'E_SAMPLES' }));
    expect(() => impair({ samples: new Float32Array(1) })).toThrow('I and Q must come in pairs');
    // Large, but an ordinary number: it passes.
    expect(arrive({ samples: Float32Array.of(1e14, 0) }).samples[0]).toBe(Math.fround(1e14));
  });
});

describe('order', () => {
  it('does not matter, to the last bit, for any model, schedule and loss', () => {
    const frames = 12;
    fc.assert(
      fc.property(
        fc.constantFrom(...channelModelNames),
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.shuffledSubarray(Array.from({ length: frames }, (_, k) => k)),
        (name, seed, order) => {
          const config = parseChannelConfig({ model: { name }, snr: { name: 'random-walk' }, loss: 0.2, seed });
          const straight = createChannel(config);
          const expected = Array.from({ length: frames }, (_, frame) => send(straight, frame));
          const shuffled = createChannel(config);
          for (const frame of order) {
            expect(send(shuffled, frame)).toBe(expected[frame]);
            // Sent again, as after a reconnect.
            expect(send(shuffled, frame)).toBe(expected[frame]);
          }
        },
      ),
      { seed: 1, numRuns: 60 },
    );
  });

  it('a frame sent again at another SNR or through another model meets the same draws', () => {
    const samples = symbols(300);
    const at = (options: Partial<ImpairOptions>) => arrive({ samples, ...options });
    const rayleigh = { model: 'rayleigh-slow' } as const;
    expect(bytesOf(at({ ...rayleigh, snrDb: 0 }).channel.taps![0]!.gains.values)).toBe(
      bytesOf(at(rayleigh).channel.taps![0]!.gains.values),
    );
    const noiseAt = (snrDb: number, scale: number) => at({ snrDb }).samples.map((y, i) => (y - samples[i]!) / scale);
    const loud = noiseAt(0, 1);
    const soft = noiseAt(20, 0.1);
    expect(correlation(loud, soft)).toBeGreaterThan(0.999999);
    const faded = at(rayleigh);
    const clean = applyTaps(samples, faded.channel.taps);
    const noise = faded.samples.map((y, i) => y - clean[i]!);
    expect(correlation(noise, noiseAt(10, 1))).toBeGreaterThan(0.999999);
  });
});

describe('loss of whole frames', () => {
  it.each([0.001, 0.1, 0.5, 0.99])('loses a share of %d, each frame for itself', (probability) => {
    const n = 100_000;
    const lost = lostFrames(probability, n);
    const { mean } = estimateMean(lost);
    expect(Math.abs(mean - probability)).toBeLessThan(5 * Math.sqrt((probability * (1 - probability)) / n));
    for (const lag of [1, 2, 7]) {
      expect(Math.abs(correlation(lost.subarray(lag), lost.subarray(0, -lag)))).toBeLessThan(5 / Math.sqrt(n));
    }
    expect(Math.abs(correlation(lost, lostFrames(probability, n, { stream: 'other' })))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(correlation(lost, lostFrames(probability, n, { seed: 10 })))).toBeLessThan(5 / Math.sqrt(n));
  });

  it('loses runs of frames as often as independence says', () => {
    const n = 100_000;
    const lost = lostFrames(0.3, n);
    let pairs = 0;
    for (let frame = 1; frame < n; frame++) {
      pairs += lost[frame]! * lost[frame - 1]!;
    }
    // Overlapping pairs: the variance is below p²(1 + 2p) a pair.
    expect(Math.abs(pairs / n - 0.09)).toBeLessThan(5 * Math.sqrt((0.09 * 1.6) / n));
  });

  it('loses nothing at 0 and everything at 1', () => {
    expect(lostFrames(0, 2000).every((lost) => lost === 0)).toBe(true);
    expect(lostFrames(1, 2000).every((lost) => lost === 1)).toBe(true);
    expect(impair({ samples: symbols(3), loss: 1 })).toEqual({ lost: true });
  });

  it('a frame lost at some probability is lost at every higher one', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (frame, p, q) => {
          const at = (probability: number) => isFrameLost({ seed: 9, stream: 'cam', frame }, probability);
          expect(at(Math.max(p, q)) || !at(Math.min(p, q))).toBe(true);
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  it('says nothing about the noise of the frames that arrive', () => {
    const n = 20_000;
    const first = Float64Array.from(
      { length: n },
      (_, frame) => arrive({ seed: 9, frame, samples: new Float32Array(2) }).samples[0]!,
    );
    expect(Math.abs(correlation(lostFrames(0.5, n), first))).toBeLessThan(5 / Math.sqrt(n));
  });
});
