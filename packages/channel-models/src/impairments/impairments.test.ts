import { meanPower } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import { symbols } from '../../test/conformance.js';
import { bytesOf, estimateMean, parts } from '../../test/statistics.js';
import {
  createChannel,
  gaussianTail,
  parseChannelConfig,
  type ChannelConfigInput,
  type ImpairedFrame,
  type ImpairmentConfigInput,
} from '../index.js';
import { integrate } from '../qpsk.js';

const RATE = 1e6;

/** What impairments make of samples without fading or, as good as none, noise. */
function impair(
  impairments: ImpairmentConfigInput[],
  samples: Float32Array,
  config: Partial<ChannelConfigInput> = {},
  id = { stream: 'cam', frame: 0 },
): Float32Array {
  const snr = { name: 'constant', snrDb: 100 } as const;
  const channel = createChannel(parseChannelConfig({ snr, sampleRateHz: RATE, impairments, ...config }));
  return (channel.impairFrame(samples, id) as ImpairedFrame).samples;
}

const ones = (count: number) => new Float32Array(2 * count).map((_, i) => 1 - (i % 2));
const difference = (a: Float32Array, b: Float32Array) => a.map((value, i) => value - b[i]!);
const toDb = (ratio: number) => 10 * Math.log10(ratio);

describe('cfo', () => {
  it('turns sample k by 2π·offset·k/sampleRate, exactly', () => {
    const out = impair([{ name: 'cfo', offsetHz: -1234 }], ones(20_000));
    for (let k = 0; k < 20_000; k += 97) {
      const phase = (2 * Math.PI * -1234 * k) / RATE;
      expect(out[2 * k]).toBeCloseTo(Math.cos(phase), 4);
      expect(out[2 * k + 1]).toBeCloseTo(Math.sin(phase), 4);
    }
  });

  it('two offsets are one of their sum', () => {
    const samples = symbols(500);
    const two = impair(
      [
        { name: 'cfo', offsetHz: 300 },
        { name: 'cfo', offsetHz: 500 },
      ],
      samples,
    );
    const one = impair([{ name: 'cfo', offsetHz: 800 }], samples);
    expect(meanPower(difference(one, two))).toBeLessThan(1e-10);
  });
});

describe('phase-noise', () => {
  it('turns by a Wiener phase: E[y_k] = exp(-π·linewidth·k/sampleRate)', () => {
    const frames = 4000;
    const lag = 200;
    const real = new Float64Array(frames);
    for (let frame = 0; frame < frames; frame++) {
      const out = impair([{ name: 'phase-noise', linewidthHz: 1000 }], ones(lag + 1), {}, { stream: 'p', frame });
      expect(out[0]).toBeCloseTo(1, 3);
      expect(meanPower(out)).toBeCloseTo(1, 3);
      real[frame] = out[2 * lag]!;
    }
    const { mean, standardError } = estimateMean(real);
    expect(Math.abs(mean - Math.exp((-Math.PI * 1000 * lag) / RATE))).toBeLessThan(5 * standardError);
  });
});

describe('timing-offset', () => {
  it('begins so many samples late or early, with silence for what there is none of', () => {
    const samples = symbols(40);
    const late = impair([{ name: 'timing-offset', samples: 3 }], samples);
    expect(meanPower(difference(late.slice(0, 74), samples.slice(6)))).toBeLessThan(1e-8);
    expect(meanPower(late.slice(74))).toBeLessThan(1e-8);
    const early = impair([{ name: 'timing-offset', samples: -5 }], samples);
    expect(meanPower(early.slice(0, 10))).toBeLessThan(1e-8);
    expect(meanPower(difference(early.slice(10), samples.slice(0, 70)))).toBeLessThan(1e-8);
    expect(meanPower(impair([{ name: 'timing-offset', samples: 4000 }], samples))).toBeLessThan(1e-8);
  });

  it.each([0.5, 0.25, -1.7])('shifts a tone by %d samples, whatever its frequency up to 0.8 of Nyquist', (offset) => {
    for (const frequency of [0, 0.1, -0.3, 0.4]) {
      const tone = (shift: number) =>
        new Float32Array(400).map((_, i) => {
          const phase = 2 * Math.PI * frequency * (Math.floor(i / 2) + shift);
          return i % 2 === 0 ? Math.cos(phase) : Math.sin(phase);
        });
      const out = impair([{ name: 'timing-offset', samples: offset }], tone(0));
      // Away from the ends, where the interpolator reaches into silence.
      expect(toDb(meanPower(difference(out, tone(offset)).slice(40, -40)))).toBeLessThan(-68);
    }
  });
});

describe('clipping', () => {
  it('limits magnitudes to the ratio, keeps phases, and leaves the power 1 - exp(-ratio²) of Gaussian samples', () => {
    const samples = symbols(200_000);
    const out = impair([{ name: 'clipping', ratio: 1.2 }], samples);
    const limit = 1.2 * Math.sqrt(meanPower(samples));
    let highest = 0;
    for (let i = 0; i < 2000; i += 2) {
      highest = Math.max(highest, Math.hypot(out[i]!, out[i + 1]!));
      const cross = out[i]! * samples[i + 1]! - out[i + 1]! * samples[i]!;
      expect(Math.abs(cross)).toBeLessThan(1e-3);
    }
    expect(highest).toBeCloseTo(limit, 3);
    // E[min(u, c)] of an exponential u of mean 1 is 1 - e^-c.
    expect(Math.abs(meanPower(out) / meanPower(samples) - (1 - Math.exp(-(1.2 ** 2))))).toBeLessThan(0.005);
  });

  it('acts before the fading: N0 by the power that is sent is that of the clipped frame', () => {
    const config = { snr: { name: 'constant', snrDb: 10 }, noiseReference: 'measured' } as const;
    const channel = (impairments: ImpairmentConfigInput[]) =>
      createChannel(parseChannelConfig({ ...config, impairments }));
    const n0 = (impairments: ImpairmentConfigInput[]) =>
      (channel(impairments).impairFrame(symbols(5000), { stream: 'a', frame: 0 }) as ImpairedFrame).channel
        .noiseVariance;
    expect(n0([{ name: 'clipping', ratio: 1 }]) / n0([])).toBeCloseTo(1 - Math.exp(-1), 1);
  });
});

describe('adc', () => {
  /** Signal to error of a converter that is told its full scale, for Gaussian samples. */
  const signalToErrorDb = (bits: number, fullScale: number) => {
    const samples = symbols(200_000);
    const out = impair([{ name: 'adc', bits, fullScale }], samples);
    return toDb(meanPower(samples) / meanPower(difference(out, samples)));
  };

  it.each([
    [4, 5],
    [6, 5],
    [8, 5.5],
    [10, 6],
  ])(
    'of %i bits and full scale %d has the signal to quantisation noise ratio 3·4^bits/fullScale²',
    (bits, fullScale) => {
      expect(Math.abs(signalToErrorDb(bits, fullScale) - toDb((3 * 4 ** bits) / fullScale ** 2))).toBeLessThan(0.1);
    },
  );

  it('of two bits has the error of the integral over the Gaussian density', () => {
    const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
    const level = (x: number) => Math.min(1, Math.max(-2, Math.floor(x))) + 0.5;
    const error = 2 * integrate((x) => (x - level(x)) ** 2 * density(x), 0, 8, 80_000);
    expect(Math.abs(signalToErrorDb(2, 2) + toDb(error))).toBeLessThan(0.1);
  });

  it('has 2^bits levels, and keeps silence', () => {
    const out = impair([{ name: 'adc', bits: 3, fullScale: 2 }], symbols(2000));
    expect(new Set(out).size).toBe(8);
    expect(meanPower(impair([{ name: 'adc' }], new Float32Array(0)))).toBe(0);
  });

  it('acts behind the noise', () => {
    const channel = createChannel(parseChannelConfig({ impairments: [{ name: 'adc', bits: 1 }, { name: 'cfo' }] }));
    const { samples } = channel.impairFrame(symbols(300), { stream: 'a', frame: 0 }) as ImpairedFrame;
    expect(new Set(samples).size).toBe(2);
  });
});

describe('interference', () => {
  it('has its power in bursts of its length, with its probability', () => {
    const count = 200_000;
    const bursts: ImpairmentConfigInput = { name: 'interference', probability: 0.2, lengthSamples: 50, powerDb: 20 };
    const out = impair([bursts], new Float32Array(2 * count));
    const stretches = Float64Array.from({ length: count / 50 }, (_, k) =>
      meanPower(out.subarray(100 * k, 100 * k + 100)),
    );
    const hit = stretches.filter((power) => power > 1);
    expect(Math.abs(hit.length / stretches.length - 0.2)).toBeLessThan(5 * Math.sqrt((0.2 * 0.8) / stretches.length));
    const { mean, standardError } = estimateMean(hit);
    expect(Math.abs(mean - 100)).toBeLessThan(5 * standardError);
  });
});

describe('second-transmitter', () => {
  it.each(['gaussian', 'qpsk'] as const)('adds a %s signal at the SIR, through fading of its own', (signal) => {
    const frames = 3000;
    const power = new Float64Array(frames);
    for (let frame = 0; frame < frames; frame++) {
      const silent = new Float32Array(128);
      const other: ImpairmentConfigInput = { name: 'second-transmitter', sirDb: 6, signal };
      power[frame] = meanPower(impair([other], silent, { model: { name: 'rayleigh-slow' } }, { stream: 'a', frame }));
    }
    const { mean, standardError } = estimateMean(power);
    expect(Math.abs(mean - 10 ** -0.6)).toBeLessThan(5 * standardError);
    // |h|² of slow fading is exponential: its deviation is its mean.
    expect(Math.abs((standardError * Math.sqrt(frames)) / mean - 1)).toBeLessThan(0.15);
  });

  it('sends QPSK where it is told to, and two of them are independent', () => {
    const silent = new Float32Array(2000);
    const qpsk: ImpairmentConfigInput = { name: 'second-transmitter', sirDb: 0, signal: 'qpsk' };
    const one = impair([qpsk], silent);
    expect(Math.max(...parts(one, 0).map((value) => Math.abs(Math.abs(value) - Math.SQRT1_2)))).toBeLessThan(1e-3);
    // Both in phase, opposed, or at right angles: each as often as chance has it.
    const two = parts(impair([qpsk, qpsk], silent), 0).map((value) => Math.abs(value));
    const opposed = two.filter((value) => value < 0.5).length / two.length;
    expect(Math.abs(opposed - 0.5)).toBeLessThan(5 * Math.sqrt(0.25 / two.length));
  });
});

describe('a chain', () => {
  it('is applied in its order within a stage, and a stage after the other', () => {
    const samples = symbols(300);
    const ab = impair(
      [
        { name: 'cfo', offsetHz: 5000 },
        { name: 'timing-offset', samples: 7 },
      ],
      samples,
    );
    const ba = impair(
      [
        { name: 'timing-offset', samples: 7 },
        { name: 'cfo', offsetHz: 5000 },
      ],
      samples,
    );
    expect(meanPower(difference(ab, ba))).toBeGreaterThan(0.01);
    const early = impair([{ name: 'adc' }, { name: 'clipping' }, { name: 'cfo' }], samples);
    const late = impair([{ name: 'clipping' }, { name: 'cfo' }, { name: 'adc' }], samples);
    expect(bytesOf(early)).toBe(bytesOf(late));
  });

  it('turns QPSK’s error rate into that of noise and interference together', () => {
    // 10 dB of noise and 10 dB of Gaussian interference: 7 dB.
    const count = 200_000;
    const sent = symbols(count).map((value) => (value > 0 ? Math.SQRT1_2 : -Math.SQRT1_2));
    const out = impair([{ name: 'second-transmitter', sirDb: 10 }], sent, { snr: { name: 'constant', snrDb: 10 } });
    const wrong = out.filter((value, i) => value > 0 !== sent[i]! > 0).length / out.length;
    const expected = gaussianTail(Math.sqrt(1 / 0.2));
    expect(Math.abs(wrong - expected)).toBeLessThan(5 * Math.sqrt(expected / out.length));
  });
});
