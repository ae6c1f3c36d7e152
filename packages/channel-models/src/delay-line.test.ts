import type { Tap } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import {
  correlation,
  estimateMean,
  kolmogorovStatistic,
  KOLMOGOROV_LIMIT,
  rayleighCdf,
  riceCdf,
} from '../test/statistics.js';
import {
  ChannelConfigError,
  channelModelConfigSchema,
  createChannelModel,
  parseChannelConfig,
  type ChannelModelConfigInput,
} from './index.js';
import { onSampleGrid } from './delay-line.js';
import { integrate } from './qpsk.js';

const RATE = 10e6;

const modelOf = (config: ChannelModelConfigInput, sampleRateHz = RATE) =>
  createChannelModel(channelModelConfigSchema.parse(config), sampleRateHz);

/** J0(x) from its integral, 1/π ∫ cos(x·sin θ) dθ over 0 … π. */
const besselJ0 = (x: number) => integrate((theta) => Math.cos(x * Math.sin(theta)), 0, Math.PI) / Math.PI;

/** The gain of a tap at a sample. */
const gainAt = ({ gains: { coherence, values } }: Tap, sample: number): [number, number] => {
  const i = 2 * Math.floor(sample / coherence);
  return [values[i]!, values[i + 1]!];
};

/** Mean |h_l|² of each delay, and its standard error, over frames of a stream each. */
function powerDelayProfile(config: ChannelModelConfigInput, frames: number, sampleRateHz = RATE) {
  const model = modelOf(config, sampleRateHz);
  const powers = new Map<number, number[]>();
  for (let frame = 0; frame < frames; frame++) {
    for (const tap of model.drawFading({ seed: 5, stream: `s${frame}`, frame }, 1)!) {
      const [i, q] = gainAt(tap, 0);
      const found = powers.get(tap.delay) ?? [];
      powers.set(tap.delay, found);
      found.push(i * i + q * q);
    }
  }
  return [...powers].map(([delay, values]) => ({ delay, ...estimateMean(values) }));
}

describe('the exponential profile', () => {
  it.each([0, 200])('falls by 1/e in `decay` samples and has power 1 in all, at a Doppler of %d Hz', (maxDopplerHz) => {
    const profile = powerDelayProfile({ name: 'tdl-exp', taps: 8, decay: 4, maxDopplerHz }, 2000);
    const total = Array.from({ length: 8 }, (_, l) => Math.exp(-l / 4)).reduce((a, b) => a + b);
    expect(profile.map(({ delay }) => delay)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const { delay, mean, standardError } of profile) {
      expect(Math.abs(mean - Math.exp(-delay / 4) / total)).toBeLessThan(5 * standardError);
    }
  });
});

describe('the tables of TR 38.901', () => {
  // A delay spread of 100 samples: hardly two paths share one.
  const FINE = { delaySpreadNs: 100, sampleRateHz: 1e9 };

  it.each([
    ['tdl-a', 23, 9.6586],
    ['tdl-b', 22, 4.7834],
    ['tdl-c', 21, 8.6523],
    ['tdl-d', 13, 12.525],
    ['tdl-e', 13, 20.6519],
  ] as const)('%s has %i delays, the longest of %d delay spreads, and the RMS delay spread', (name, count, longest) => {
    const profile = powerDelayProfile({ name, delaySpreadNs: FINE.delaySpreadNs }, 3000, FINE.sampleRateHz);
    expect(profile.length).toBe(count);
    expect(profile.at(-1)!.delay).toBe(Math.round(100 * longest));
    const total = profile.reduce((sum, { mean }) => sum + mean, 0);
    const moment = (power: number) =>
      profile.reduce((sum, { delay, mean }) => sum + mean * (delay / FINE.sampleRateHz) ** power, 0) / total;
    const spreadNs = 1e9 * Math.sqrt(moment(2) - moment(1) ** 2);
    expect(Math.abs(spreadNs / FINE.delaySpreadNs - 1)).toBeLessThan(0.03);
  });

  it.each([
    ['tdl-d', 13.3, 0],
    ['tdl-d', 13.3, 50],
    ['tdl-e', 22, 0],
    ['tdl-e', 22, 50],
  ] as const)(
    'the first tap of %s is Rician with K = %d dB, at a Doppler of %d Hz',
    (name, kFactorDb, maxDopplerHz) => {
      const model = modelOf({ name, delaySpreadNs: FINE.delaySpreadNs, maxDopplerHz }, FINE.sampleRateHz);
      const k = 10 ** (kFactorDb / 10);
      const first = Float64Array.from({ length: 5000 }, (_, frame) => {
        const [tap] = model.drawFading({ seed: 2, stream: `s${frame}`, frame }, 1)!;
        return Math.hypot(...gainAt(tap!, 0));
      });
      const power = estimateMean(first.map((r) => r * r)).mean;
      expect(
        kolmogorovStatistic(
          first.map((r) => r / Math.sqrt(power)),
          riceCdf(k),
        ),
      ).toBeLessThan(KOLMOGOROV_LIMIT);
      // Rice's moments: E|h|⁴/(E|h|²)² = (2 + 4K + K²)/(1 + K)².
      const fourth = estimateMean(first.map((r) => r ** 4 / power ** 2));
      expect(Math.abs(fourth.mean - (2 + 4 * k + k * k) / (1 + k) ** 2)).toBeLessThan(5 * fourth.standardError);
    },
  );
});

describe('the grid of samples', () => {
  it('merges paths of one sample, in order of delay, with power 1 in all', () => {
    const paths = [
      { delay: 3.4, scattered: 1, lineOfSight: 0 },
      { delay: 0, scattered: 0, lineOfSight: 4 },
      { delay: 2.6, scattered: 2, lineOfSight: 0 },
      { delay: 0.4, scattered: 1, lineOfSight: 0 },
    ];
    expect(onSampleGrid(paths)).toEqual([
      { delay: 0, scattered: 0.125, lineOfSight: 0.5 },
      { delay: 3, scattered: 0.375, lineOfSight: 0 },
    ]);
  });

  it('leaves one flat path where the delay spread is far below a sample', () => {
    const taps = modelOf({ name: 'tdl-c', delaySpreadNs: 1 }).drawFading({ seed: 1, stream: 'a', frame: 0 }, 10)!;
    expect(taps.map(({ delay }) => delay)).toEqual([0]);
  });
});

describe('Doppler', () => {
  const maxDopplerHz = 500;
  const frameIntervalMs = 1;
  const model = modelOf({ name: 'tdl-exp', taps: 2, decay: 1, maxDopplerHz, frameIntervalMs });
  const STREAMS = 2000;

  /** E[h(t)·h*(t + τ)]/E|h|² of tap 0 over streams, t the middle of the frame's first gain. */
  function autocorrelation(frames: number, samples: number) {
    const products = [new Float64Array(STREAMS), new Float64Array(STREAMS)] as const;
    let power = 0;
    for (let stream = 0; stream < STREAMS; stream++) {
      const at = (frame: number) => model.drawFading({ seed: 3, stream: `s${stream}`, frame }, samples + 1)![0]!;
      const [aI, aQ] = gainAt(at(7), 0);
      const [bI, bQ] = gainAt(at(7 + frames), samples);
      products[0][stream] = aI * bI + aQ * bQ;
      products[1][stream] = aQ * bI - aI * bQ;
      power += (aI * aI + aQ * aQ) / STREAMS;
    }
    return products.map((part) => {
      const { mean, standardError } = estimateMean(part);
      return { mean: mean / power, standardError: standardError / power };
    });
  }

  it.each([
    ['within a frame', 0, 0.4e-3],
    ['within a frame', 0, 0.9e-3],
    ['from a frame to the next', 1, 0],
    ['from a frame to the next', 1, 0.6e-3],
    ['over five frames', 5, 0.2e-3],
  ])('%s the gains have the autocorrelation J0(2π·f_D·τ): %i frames and %d s', (_, frames, seconds) => {
    const { coherence } = model.drawFading({ seed: 3, stream: 'a', frame: 0 }, 10_000)![0]!.gains;
    const samples = coherence * Math.round((seconds * RATE) / coherence);
    const tau = (frames * frameIntervalMs) / 1000 + samples / RATE;
    const [real, imaginary] = autocorrelation(frames, samples);
    expect(Math.abs(real!.mean - besselJ0(2 * Math.PI * maxDopplerHz * tau))).toBeLessThan(5 * real!.standardError);
    expect(Math.abs(imaginary!.mean)).toBeLessThan(5 * imaginary!.standardError);
  });

  it('goes on from frame to frame: the end of one is the beginning of the next', () => {
    // 10,000 samples are 1 ms, the interval: gains of both frames lie on one smooth curve.
    const gains = [0, 1].flatMap((frame) => [
      ...model.drawFading({ seed: 8, stream: 'cam', frame }, 10_000)![0]!.gains.values,
    ]);
    const perFrame = gains.length / 4;
    const step = (k: number) => Math.hypot(gains[2 * k + 2]! - gains[2 * k]!, gains[2 * k + 3]! - gains[2 * k + 1]!);
    const steps = Array.from({ length: 2 * perFrame - 1 }, (_, k) => step(k));
    expect(steps[perFrame - 1]!).toBeLessThan(1.5 * Math.max(steps[perFrame - 2]!, steps[perFrame]!));
    expect(Math.max(...steps)).toBeLessThan(0.1);
  });

  it('gives Rayleigh gains of uniform phase, paths that tell nothing of each other, over time its very power', () => {
    const draws = Array.from({ length: 10_000 }, (_, stream) =>
      model.drawFading({ seed: 4, stream: `s${stream}`, frame: 2 }, 1)!,
    );
    const power = 1 / (1 + Math.exp(-1));
    const first = draws.map((taps) => gainAt(taps[0]!, 0));
    const magnitude = Float64Array.from(first, ([i, q]) => Math.hypot(i, q) / Math.sqrt(power));
    expect(kolmogorovStatistic(magnitude, rayleighCdf)).toBeLessThan(KOLMOGOROV_LIMIT);
    const turns = Float64Array.from(first, ([i, q]) => Math.atan2(q, i) / (2 * Math.PI) + 0.5);
    expect(kolmogorovStatistic(turns, (turn) => turn)).toBeLessThan(KOLMOGOROV_LIMIT);
    const second = draws.map((taps) => gainAt(taps[1]!, 0));
    for (const [p, q] of [
      [0, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      const parts = [first.map((gain) => gain[p]), second.map((gain) => gain[q])] as const;
      expect(Math.abs(correlation(...parts))).toBeLessThan(5 / Math.sqrt(draws.length));
    }
    const long = Array.from({ length: 400 }, (_, frame) =>
      gainAt(model.drawFading({ seed: 4, stream: 'long', frame: 37 * frame }, 1)![0]!, 0),
    );
    expect(Math.abs(estimateMean(long.map(([i, q]) => i * i + q * q)).mean / power - 1)).toBeLessThan(0.2);
  });

  it('holds a gain while nothing turns by more than a hundredth of a cycle', () => {
    const coherenceOf = (doppler: number) =>
      modelOf({ name: 'tdl-exp', maxDopplerHz: doppler }).drawFading({ seed: 1, stream: 'a', frame: 0 }, 1000)![0]!
        .gains.coherence;
    expect(coherenceOf(100)).toBe(1000);
    expect(coherenceOf(389)).toBe(257);
    expect(coherenceOf(0)).toBe(1000);
  });

  it('turns the line of sight at 0.7 of the maximum', () => {
    const line = modelOf({ name: 'tdl-e', delaySpreadNs: 1000, maxDopplerHz, frameIntervalMs });
    const phases = [0, 1].map((frame) => {
      const [i, q] = gainAt(line.drawFading({ seed: 1, stream: 'a', frame }, 1)![0]!, 0);
      return Math.atan2(q, i) / (2 * Math.PI);
    });
    const cycles = (((phases[1]! - phases[0]!) % 1) + 1) % 1;
    // 0.7·500 Hz for 1 ms is 0.35 cycles; what is scattered is 22 dB below.
    expect(Math.abs(cycles - 0.35)).toBeLessThan(0.05);
  });
});

describe('options that can’t be', () => {
  it.each<[object, RegExp]>([
    [{ model: { name: 'tdl-exp', taps: 0 } }, /model\.taps/],
    [{ model: { name: 'tdl-exp', taps: 65 } }, /model\.taps/],
    [{ model: { name: 'tdl-exp', taps: 2.5 } }, /model\.taps/],
    [{ model: { name: 'tdl-exp', decay: 0 } }, /model\.decay/],
    [{ model: { name: 'tdl-exp', decay: NaN } }, /model\.decay/],
    [{ model: { name: 'tdl-a', delaySpreadNs: -1 } }, /model\.delaySpreadNs/],
    [{ model: { name: 'tdl-a', delaySpreadNs: NaN } }, /model\.delaySpreadNs/],
    [{ model: { name: 'tdl-a', maxDopplerHz: -1 } }, /model\.maxDopplerHz/],
    [{ model: { name: 'tdl-a', frameIntervalMs: 0 } }, /model\.frameIntervalMs/],
    [{ model: { name: 'tdl-a', delaySpreadNs: 1e5 } }, /at most 42407[\s\S]*model\.delaySpreadNs/],
    [{ model: { name: 'tdl-exp', maxDopplerHz: 20_000 } }, /at most 12500[\s\S]*model\.maxDopplerHz/],
    [{ sampleRateHz: 0 }, /sampleRateHz/],
    [{ sampleRateHz: Infinity }, /sampleRateHz/],
    [{ impairments: { name: 'cfo' } }, /impairments/],
    [{ impairments: [{ name: 'rain' }] }, /'cfo' \| 'phase-noise'[\s\S]*impairments\[0\]\.name/],
    [
      { impairments: [{ name: 'adc' }, { name: 'cfo', offsetHz: 6e6 }] },
      /within ±5000000 Hz[\s\S]*impairments\[1\]\.offsetHz/,
    ],
    [{ impairments: Array.from({ length: 17 }, () => ({ name: 'adc' })) }, /impairments/],
    [{ preset: 'moon' }, /'indoor' \| 'pedestrian'|"indoor"\|"pedestrian"[\s\S]*preset/],
  ])('%j is refused, and the key named', (config, message) => {
    expect(() => parseChannelConfig(config)).toThrow(ChannelConfigError);
    expect(() => parseChannelConfig(config)).toThrow(message);
  });

  it('take the limits that are named', () => {
    expect(parseChannelConfig({ model: { name: 'tdl-exp', maxDopplerHz: 12_500 } }).model.name).toBe('tdl-exp');
    expect(parseChannelConfig({ model: { name: 'tdl-a', delaySpreadNs: 42_407 } }).model.name).toBe('tdl-a');
  });
});
