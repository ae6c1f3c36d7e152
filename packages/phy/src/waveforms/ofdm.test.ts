import { meanPower, randomFor, type ChannelState, type ComplexVector } from '@semcast/core';
import { describe, expect, it } from 'vitest';
import {
  add,
  applyTaps,
  complexNormal,
  constantTap,
  gainsOn,
  meanProduct,
  multiply,
  subtract,
  unitSymbols,
} from '../../test/signals.js';
import { createClipping } from '../clipping.js';
import { createModem, equalise, estimateCsnrDb, WaveformError, type Demodulated } from '../index.js';
import { PilotEstimation } from './ofdm-pilots.js';

const db = (ratio: number): number => 10 * Math.log10(ratio);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Symbols over a channel, received by a modem of these options. */
function transmit(
  options: Readonly<Record<string, unknown>>,
  symbols: ComplexVector,
  channelOf: (sampleCount: number) => ChannelState,
  frame = 0,
): Demodulated & { readonly channel: ChannelState } {
  const modem = createModem('ofdm', options);
  const sent = modem.modulate(symbols);
  const channel = channelOf(sent.length / 2);
  const noise = complexNormal(sent.length / 2, channel.noiseVariance, 'noise', frame);
  const received = add(channel.taps === null ? sent : applyTaps(sent, channel), noise);
  return { ...modem.demodulate(received, symbols.length / 2, channel), channel };
}

/** The error of each symbol, y - h·z. */
const errorOf = ({ y, h }: Demodulated, symbols: ComplexVector): ComplexVector =>
  subtract(y, h === null ? symbols : multiply(h, symbols));

/** mean|y - h·z|² over the mean of what noiseVariance says. */
const misfitRatio = (demodulated: Demodulated, symbols: ComplexVector): number =>
  meanPower(errorOf(demodulated, symbols)) / mean([...demodulated.noiseVariance]);

const threePaths = (samples: number) => [
  constantTap(0, samples, 0.7, 0.2),
  constantTap(3, samples, -0.3, 0.4),
  constantTap(7, samples, 0.1, -0.35),
];

describe('ofdm whose receiver is told the channel', () => {
  it.each([
    { fftSize: 64, prefix: 8 },
    { fftSize: 97, prefix: 7, guard: 9 },
    { fftSize: 600, prefix: 16, pilots: 'comb' },
    { fftSize: 256, prefix: 16, guard: 20, pilots: 'none' },
  ])('is y = h·z exactly where paths lie within the prefix: %o', (options) => {
    const symbols = unitSymbols(3000);
    const demodulated = transmit({ ...options, estimator: 'genie' }, symbols, (count) => ({
      taps: threePaths(count),
      noiseVariance: 0,
    }));
    expect(Math.max(...errorOf(demodulated, symbols).map(Math.abs))).toBeLessThan(1e-5);
    expect(Math.max(...demodulated.noiseVariance)).toBeLessThan(1e-6);
  });

  it.each([0, 8])('has on each carrier the SNR that its gain makes, with %i empty ones at each edge', (guard) => {
    const [fftSize, ofdmSymbols, noiseVariance] = [64, 800, 0.1];
    const used = fftSize - 2 * guard;
    const symbols = unitSymbols(used * ofdmSymbols);
    const options = { fftSize, prefix: 8, guard, estimator: 'genie' };
    const demodulated = transmit(options, symbols, (count) => ({ taps: threePaths(count), noiseVariance }));
    const { symbols: equalised } = equalise(demodulated, 'zf');
    const error = subtract(equalised, symbols);
    const { carriers } = createModem('ofdm', options).tapModel(used);
    const gains = gainsOn(carriers, fftSize, threePaths(1));
    for (let carrier = 0; carrier < used; carrier++) {
      const snr = (gains[2 * carrier]! ** 2 + gains[2 * carrier + 1]! ** 2) / ((noiseVariance * used) / fftSize);
      const errors = error.filter((_, i) => (i >> 1) % used === carrier);
      // A relative standard deviation of 1/√800, and the largest of 64.
      expect(Math.abs(meanPower(errors) * snr - 1)).toBeLessThan(5 / Math.sqrt(ofdmSymbols));
    }
  });

  it('counts what comes later than the prefix as interference, of the power that theory says', () => {
    const [fftSize, prefix, delay] = [64, 8, 20];
    const excess = delay - prefix;
    const symbols = unitSymbols(fftSize * 400);
    const demodulated = transmit({ fftSize, prefix, estimator: 'genie' }, symbols, (count) => ({
      taps: [constantTap(0, count, 0.9, 0), constantTap(delay, count, 0, 0.5)],
      noiseVariance: 0,
    }));
    const interference = 0.25 * (1 - (1 - excess / fftSize) ** 2);
    expect(demodulated.noiseVariance.at(-1)).toBeCloseTo(interference, 6);
    // As often given, of the path's full gain: its missing part and the symbol before.
    expect(interference).toBeCloseTo(0.25 * ((2 * excess) / fftSize - (excess / fftSize) ** 2), 12);
    expect(Math.abs(misfitRatio(demodulated, symbols) - 1)).toBeLessThan(0.03);
    const { re, im } = meanProduct(symbols, errorOf(demodulated, symbols));
    expect(Math.hypot(re, im)).toBeLessThan(4 * Math.sqrt(interference / (symbols.length / 2)));
  });

  it('counts what a path changes within an OFDM symbol as interference', () => {
    const [fftSize, cyclesPerSymbol] = [64, 0.2];
    const symbols = unitSymbols(fftSize * 400);
    const demodulated = transmit({ fftSize, prefix: 0, pilots: 'none' }, symbols, (count) => {
      const values = Float32Array.from({ length: 2 * count }, (_, i) => {
        const angle = (2 * Math.PI * cyclesPerSymbol * (i >> 1)) / fftSize;
        return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
      });
      return { taps: [{ delay: 0, gains: { coherence: 1, values } }], noiseVariance: 0 };
    });
    const x = Math.PI * cyclesPerSymbol;
    const kept = (Math.sin(x) / fftSize / Math.sin(x / fftSize)) ** 2;
    expect(meanPower(demodulated.h!)).toBeCloseTo(kept, 6);
    expect(demodulated.noiseVariance[1000]).toBeCloseTo(1 - kept, 6);
    expect(Math.abs(misfitRatio(demodulated, symbols) - 1)).toBeLessThan(0.03);
  });

  it('adds up paths of one delay, and refuses gains of another frame', () => {
    const symbols = unitSymbols(256);
    const modem = createModem('ofdm', { estimator: 'genie' });
    const sent = modem.modulate(symbols);
    const count = sent.length / 2;
    const twice = {
      delay: 2,
      gains: { coherence: 100, values: new Float32Array(2 * Math.ceil(count / 100)).fill(0.25) },
    };
    const split = { taps: [twice, constantTap(2, count, 0.25, 0.25)], noiseVariance: 0 };
    const { h, noiseVariance } = modem.demodulate(applyTaps(sent, split), 256, split);
    expect(Math.abs(meanPower(h!) - 0.5)).toBeLessThan(1e-6);
    expect(Math.max(...noiseVariance)).toBeLessThan(1e-6);
    const other = { taps: [constantTap(0, 10, 1, 0), constantTap(0, 1, 1, 0)], noiseVariance: 0 };
    expect(() => modem.demodulate(sent, 256, other)).toThrow(/gains/);
  });

  it('needs a channel that tells its state, and without pilots takes it for 1 as a single carrier does', () => {
    const symbols = unitSymbols(1000);
    const genie = createModem('ofdm', { estimator: 'genie' });
    expect(() => genie.demodulate(genie.modulate(symbols), 1000, null)).toThrow(WaveformError);
    const bare = createModem('ofdm', { pilots: 'none' });
    const sent = bare.modulate(symbols);
    const received = add(sent, complexNormal(sent.length / 2, 0.2, 'noise'));
    const { h, noiseVariance, source } = bare.demodulate(received, 1000, null);
    expect([h, source]).toEqual([null, 'assumed']);
    expect(db(1 / noiseVariance[0]!)).toBeCloseTo(estimateCsnrDb(received), 9);
  });
});

describe('ofdm whose receiver estimates the channel', () => {
  const noiseVariance = 0.1;

  it('has by least squares an error of N0 over the power of the pilots, and counts it', () => {
    const [fftSize, guard] = [64, 8];
    const used = fftSize - 2 * guard;
    const symbols = unitSymbols(used);
    const options = { fftSize, prefix: 8, guard };
    const [errors, misfits, told]: number[][] = [[], [], []];
    for (let frame = 0; frame < 500; frame++) {
      const channelOf = (count: number) => ({ taps: threePaths(count), noiseVariance });
      const estimated = transmit({ ...options, estimator: 'ls' }, symbols, channelOf, frame);
      const { h } = transmit({ ...options, estimator: 'genie' }, symbols, channelOf, frame);
      errors!.push(meanPower(subtract(estimated.h!, h!)));
      misfits!.push(meanPower(errorOf(estimated, symbols)));
      told!.push(mean([...estimated.noiseVariance]));
    }
    const perPilot = (noiseVariance * used) / fftSize;
    expect(Math.abs(mean(errors!) / perPilot - 1)).toBeLessThan(0.02);
    expect(Math.abs(mean(misfits!) / (2 * perPilot) - 1)).toBeLessThan(0.02);
    expect(Math.abs(mean(told!) / (2 * perPilot) - 1)).toBeLessThan(0.02);
  });

  it.each(['preamble', 'comb'])('has by LMMSE the error that theory says, and counts it: %s', (pilots) => {
    const [fftSize, taps, decay, pilotSpacing] = [64, 8, 4, 2];
    const count = pilots === 'comb' ? fftSize / pilotSpacing : fftSize;
    const powers = Array.from({ length: taps }, (_, l) => Math.exp(-l / decay));
    const total = powers.reduce((sum, power) => sum + power);
    // The trace of (A/N0 + diag 1/p)⁻¹: pilots at even distances make A a multiple of the identity.
    const theory = powers.reduce((sum, power) => sum + 1 / (count / noiseVariance + total / power), 0);
    const symbols = unitSymbols(count);
    const options = { fftSize, pilots, pilotSpacing, taps, decay };
    const [errors, misfits, told]: number[][] = [[], [], []];
    for (let frame = 0; frame < 600; frame++) {
      const draw = complexNormal(taps, 1, 'taps', frame);
      const channelOf = (samples: number) => ({
        taps: powers.map((power, l) => {
          const scale = Math.sqrt(power / total);
          return constantTap(l, samples, scale * draw[2 * l]!, scale * draw[2 * l + 1]!);
        }),
        noiseVariance,
      });
      const estimated = transmit(options, symbols, channelOf, frame);
      const { h } = transmit({ ...options, estimator: 'genie' }, symbols, channelOf, frame);
      errors!.push(meanPower(subtract(estimated.h!, h!)));
      misfits!.push(meanPower(errorOf(estimated, symbols)));
      told!.push(mean([...estimated.noiseVariance]));
    }
    // By each frame's own estimate of N0, with a standard deviation of 1/√(pilots - taps), which costs a little.
    expect(Math.abs(mean(errors!) / theory - 1)).toBeLessThan(0.04);
    expect(Math.abs(mean(misfits!) / (noiseVariance + theory) - 1)).toBeLessThan(0.03);
    expect(Math.abs(mean(told!) / (noiseVariance + theory) - 1)).toBeLessThan(0.03);
  });

  it.each(['ls', 'lmmse'])(
    'finds carriers between the pilots of a comb, and gains that change with time: %s',
    (estimator) => {
      const options = { fftSize: 120, prefix: 10, guard: 7, pilots: 'comb', pilotSpacing: 5 };
      const modem = createModem('ofdm', options);
      const symbols = unitSymbols(2000);
      const channelOf = (count: number) => {
        const blocks = Math.ceil(count / 130);
        return {
          taps: [0, 4, 7].map((delay) => ({
            delay,
            gains: { coherence: 130, values: complexNormal(blocks, 0.3, `path ${delay}`) },
          })),
          noiseVariance: 0,
        };
      };
      expect(modem.samplesFor(2000) % 130).toBe(0);
      const estimated = transmit({ ...options, estimator }, symbols, channelOf);
      const { h } = transmit({ ...options, estimator: 'genie' }, symbols, channelOf);
      const inside = 2 * 85;
      // The blocks' edges lie on the prefixes', where the symbol before still echoes.
      expect(Math.sqrt(meanPower(subtract(estimated.h!, h!).subarray(inside)))).toBeLessThan(1e-4);
    },
  );

  it.each([
    { pilots: 'preamble', fftSize: 32, taps: 8 },
    { pilots: 'comb', fftSize: 64, pilotSpacing: 4, taps: 8 },
    // The taps can't all be told apart by carriers of a fifth of the band.
    { pilots: 'preamble', fftSize: 128, guard: 51, taps: 8 },
  ])('estimates N0 without bias: %o', ({ pilots, fftSize, taps, ...rest }) => {
    const [frames, ofdmSymbols] = [1500, 2];
    const options = { pilots, fftSize, taps, prefix: 8, estimator: 'genie', ...rest };
    const used = fftSize - 2 * (rest.guard ?? 0);
    const bins = Array.from({ length: used }, (_, i) => (i + (rest.guard ?? 0)) % fftSize).filter(
      (_, i) => pilots !== 'comb' || i % (rest.pilotSpacing ?? 1) === 0,
    );
    expect(createModem('ofdm', options).channelState).toBe('needed');
    const values = Float64Array.from({ length: 2 * bins.length }, (_, i) => (i % 2 === 0 ? 1 : 0));
    const estimation = new PilotEstimation({ fftSize, bins, values }, { taps, decay: 4 });
    const estimates = Array.from({ length: frames }, (_, frame) => {
      let misfit = 0;
      for (let s = 0; s < ofdmSymbols; s++) {
        const noise = Float64Array.from(complexNormal(bins.length, noiseVariance, `pilots ${s}`, frame));
        // A path of delay 3, which every estimate has to find and to leave out.
        for (const [i, bin] of bins.entries()) {
          noise[2 * i]! += Math.cos((2 * Math.PI * 3 * bin) / fftSize);
          noise[2 * i + 1]! -= Math.sin((2 * Math.PI * 3 * bin) / fftSize);
        }
        misfit += estimation.misfit(noise, estimation.match(noise));
      }
      return estimation.noiseVariance(misfit, ofdmSymbols);
    });
    const deviation = 1 / Math.sqrt(frames * ofdmSymbols * (bins.length - taps));
    expect(Math.abs(mean(estimates) / noiseVariance - 1)).toBeLessThan(4 * deviation);
  });

  it.each(['ls', 'lmmse'])('does without noise what it does with little: %s', (estimator) => {
    for (const pilots of ['preamble', 'comb']) {
      const symbols = unitSymbols(1000);
      const channelOf = (count: number) => ({ taps: threePaths(count), noiseVariance: 0 });
      const demodulated = transmit({ pilots, pilotSpacing: 8, estimator }, symbols, channelOf);
      expect(Math.max(...errorOf(demodulated, symbols).map(Math.abs))).toBeLessThan(1e-4);
      expect(equalise(demodulated).csnrDb).toBeGreaterThan(90);
    }
  });
});

describe('ofdm on the air', () => {
  it.each([0, 20])('keeps the CSNR of the samples, more where %i carriers at each edge are empty', (guard) => {
    const symbols = unitSymbols(50_000);
    const demodulated = transmit({ guard, estimator: 'genie' }, symbols, () => ({ taps: null, noiseVariance: 0.1 }));
    const { symbols: equalised, csnrDb } = equalise(demodulated);
    const expected = 10 + db(256 / (256 - 2 * guard));
    expect(csnrDb).toBeCloseTo(expected, 9);
    expect(Math.abs(db(1 / meanPower(subtract(equalised, symbols))) - expected)).toBeLessThan(0.1);
  });

  it('fills the last OFDM symbol with what keeps its power, and crops it again', () => {
    const modem = createModem('ofdm', { fftSize: 64, prefix: 4 });
    for (const count of [1, 64, 65]) {
      const symbols = unitSymbols(count);
      const sent = modem.modulate(symbols);
      expect(sent.length / 2).toBe(68 * (1 + Math.ceil(count / 64)));
      expect(Math.abs(meanPower(sent.subarray(-128)) - 1)).toBeLessThan(0.35);
      expect(modem.demodulate(sent, count, null).noiseVariance.length).toBe(count);
    }
  });

  it('has a cyclic prefix', () => {
    const sent = createModem('ofdm', { fftSize: 64, prefix: 5 }).modulate(unitSymbols(64));
    for (const start of [0, 2 * 69]) {
      expect(sent.subarray(start, start + 10)).toEqual(sent.subarray(start + 128, start + 138));
    }
  });

  /** The PAPR in dB that one OFDM symbol in a thousand exceeds. */
  function paprDb(clipping: number): number {
    const ofdmSymbols = 3000;
    const options = { fftSize: 256, prefix: 0, pilots: 'none', clipping };
    const samples = createModem('ofdm', options).modulate(unitSymbols(256 * ofdmSymbols));
    const peaks = Array.from({ length: ofdmSymbols }, (_, s) => {
      let peak = 0;
      for (let i = 512 * s; i < 512 * (s + 1); i += 2) {
        peak = Math.max(peak, samples[i]! ** 2 + samples[i + 1]! ** 2);
      }
      return peak;
    });
    return db(peaks.sort((a, b) => a - b)[Math.floor(0.999 * ofdmSymbols)]!);
  }

  it('has the peaks that theory says, and clipped no higher than asked for', () => {
    // P(peak > γ) = 1 - (1 - e^-γ)^M of complex Gaussian samples.
    const theory = db(-Math.log(1 - 0.999 ** (1 / 256)));
    expect(Math.abs(paprDb(0) - theory)).toBeLessThan(0.4);
    for (const ratio of [0.8, 1, 1.2]) {
      expect(paprDb(ratio)).toBeCloseTo(db(ratio ** 2 / (1 - Math.exp(-(ratio ** 2)))), 4);
    }
  });

  it.each([0.8, 1.2])('has the gain and the distortion of Bussgang when it is clipped at %d', (ratio) => {
    const [samples, clipped] = [complexNormal(200_000, 1, 'samples'), complexNormal(200_000, 1, 'samples')];
    const clipping = createClipping(ratio);
    const { gain, distortion } = clipping;
    clipping.apply(clipped);
    expect(Math.abs(meanPower(clipped) - 1)).toBeLessThan(0.005);
    expect(Math.abs(meanProduct(samples, clipped).re - gain)).toBeLessThan(0.005);
    const rest = subtract(
      clipped,
      samples.map((value) => gain * value),
    );
    expect(Math.abs(meanPower(rest) / distortion - 1)).toBeLessThan(0.02);
  });

  it.each([
    { pilots: 'preamble', estimator: 'genie' },
    { pilots: 'preamble', estimator: 'lmmse' },
    { pilots: 'preamble', estimator: 'ls' },
    { pilots: 'comb', estimator: 'lmmse' },
    { pilots: 'comb', estimator: 'ls', guard: 10 },
  ])('says the truth of gains and noise when it is clipped: %o', (options) => {
    const ratios = Array.from({ length: 30 }, (_, frame) => {
      const symbols = unitSymbols(4000, frame);
      const channelOf = (count: number) => ({ taps: threePaths(count), noiseVariance: 0.01 });
      return misfitRatio(transmit({ ...options, clipping: 1 }, symbols, channelOf, frame), symbols);
    });
    expect(Math.abs(mean(ratios) - 1)).toBeLessThan(0.05);
  });
});

describe('options of ofdm', () => {
  const random = randomFor({ seed: 5, stream: 'options', frame: 0, purpose: 'sizes' });

  it.each([
    [{ fftSize: 0 }, 'fftSize'],
    [{ fftSize: -64 }, 'fftSize'],
    [{ fftSize: 64.5 }, 'fftSize'],
    [{ fftSize: Number.NaN }, 'fftSize'],
    [{ fftSize: 1021 }, 'fftSize'],
    [{ fftSize: 64, prefix: 64 }, 'prefix'],
    [{ prefix: -1 }, 'prefix'],
    [{ fftSize: 64, guard: 32 }, 'guard'],
    [{ guard: Number.NaN }, 'guard'],
    [{ pilots: 'all' }, 'pilots'],
    [{ pilotSpacing: 1 }, 'pilotSpacing'],
    [{ fftSize: 64, pilots: 'comb', pilotSpacing: 8 }, 'taps'],
    [{ fftSize: 2, prefix: 0 }, 'taps'],
    [{ clipping: -0.1 }, 'clipping'],
    [{ clipping: Number.NaN }, 'clipping'],
    [{ decay: 0 }, 'decay'],
    [{ estimator: 'oracle' }, 'estimator'],
    [{ equaliser: 'dfe' }, 'equaliser'],
  ])('%o is refused by its name', (options, field) => {
    expect(() => createModem('ofdm', options)).toThrow(WaveformError);
    expect(() => createModem('ofdm', options)).toThrow(new RegExp(`at ${field}\\b`));
  });

  it('works at every size from 2 on', () => {
    for (let fftSize = 2; fftSize < 120; fftSize += 1 + Math.floor(6 * random.uniform())) {
      const modem = createModem('ofdm', { fftSize, prefix: fftSize - 1, taps: 1, estimator: 'genie' });
      const symbols = unitSymbols(2 * fftSize + 1);
      const { y } = modem.demodulate(modem.modulate(symbols), 2 * fftSize + 1, { taps: null, noiseVariance: 0 });
      expect(Math.max(...subtract(y, symbols).map(Math.abs))).toBeLessThan(1e-5);
    }
  });
});
