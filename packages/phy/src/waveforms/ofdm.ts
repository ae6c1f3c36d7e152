import {
  complexCount,
  createFft,
  csnrDbToNoiseVariance,
  exponentialProfile,
  randomFor,
  type ChannelState,
  type ComplexVector,
} from '@semcast/core';
import type { SymbolStatistics, TapModel } from '../blind.js';
import { createClipping } from '../clipping.js';
import { WaveformError } from '../errors.js';
import { estimateCsnrDb } from '../estimate.js';
import { carriersOf, ofdmOptionsSchema, type OfdmOptions } from './ofdm-options.js';
import { PilotEstimation, type PilotPattern, type TapEstimator } from './ofdm-pilots.js';
import { pathsOf, symbolPaths } from './ofdm-paths.js';
import { checkSampleCount, demodulateBlindly, type Demodulated, type Modem, type Waveform } from './waveform.js';

/**
 * OFDM with a cyclic prefix: z_k on carriers of an inverse Fourier transform.
 *
 * Samples have unit mean power, so each used carrier has fftSize/used times that of a sample, and received samples'
 * noise N0 is N0·used/fftSize for each symbol. Carriers that the last OFDM symbol has too many carry random QPSK. With
 * `pilots: preamble` a known OFDM symbol comes first, with `comb` every `pilotSpacing`-th used carrier is known; both
 * are QPSK of the power of the data. Clipped samples are brought back to unit mean power; what clipping does on average
 * is divided out, and its distortion counts as noise, taken to be spread over all carriers.
 *
 * Without pilots a channel that isn't told is taken for 1, as by a single carrier.
 */
export const ofdm = {
  name: 'ofdm',
  optionsSchema: ofdmOptionsSchema,
  create: (options): Modem => new OfdmModem(options),
} as const satisfies Waveform<typeof ofdmOptionsSchema>;

class OfdmModem implements Modem {
  readonly channelState: Modem['channelState'];
  readonly blind: boolean;
  readonly weighsSymbols: boolean;
  readonly equaliser: Modem['equaliser'];
  readonly #options: OfdmOptions;
  readonly #dataBins: readonly number[];
  readonly #pilots: PilotPattern;
  readonly #fft;
  readonly #clipping;
  /** Samples of an OFDM symbol with its prefix. */
  readonly #length: number;
  /** Symbols' power on a carrier, over that of samples. */
  readonly #concentration: number;
  /** The known OFDM symbols before the data. */
  readonly #preambles: 0 | 1;

  constructor(options: OfdmOptions) {
    const { fftSize, prefix, pilots, estimator, equaliser, clipping } = options;
    const { pilotBins, dataBins, used } = carriersOf(options);
    this.blind = estimator === 'blind';
    this.weighsSymbols = estimator !== 'ls';
    this.channelState = this.blind
      ? 'ignored'
      : pilots === 'none'
        ? 'used'
        : estimator === 'genie'
          ? 'needed'
          : 'ignored';
    this.equaliser = equaliser;
    this.#options = options;
    this.#dataBins = dataBins;
    this.#fft = createFft(fftSize);
    this.#clipping = createClipping(clipping);
    this.#length = fftSize + prefix;
    this.#concentration = fftSize / used;
    this.#preambles = pilots === 'preamble' ? 1 : 0;
    const values = qpsk(pilotBins.length, pilots);
    this.#pilots = { fftSize, bins: pilotBins, values };
  }

  samplesFor(symbolCount: number): number {
    return (this.#preambles + this.#ofdmSymbols(symbolCount)) * this.#length;
  }

  modulate(symbols: ComplexVector): ComplexVector {
    const symbolCount = complexCount(symbols);
    const samples = new Float32Array(2 * this.samplesFor(symbolCount));
    const spectrum = new Float64Array(2 * this.#fft.size);
    const perOfdmSymbol = 2 * this.#dataBins.length;
    if (this.#preambles > 0) {
      this.#write(this.#withPilots(spectrum), samples, 0);
    }
    for (let s = 0; s < this.#ofdmSymbols(symbolCount); s++) {
      spectrum.fill(0);
      const some = symbols.subarray(s * perOfdmSymbol, (s + 1) * perOfdmSymbol);
      this.#place(spectrum, this.#dataBins, some.length === perOfdmSymbol ? some : padded(some, perOfdmSymbol));
      if (this.#options.pilots === 'comb') {
        this.#withPilots(spectrum);
      }
      this.#write(spectrum, samples, this.#preambles + s);
    }
    this.#clipping.apply(samples);
    return samples;
  }

  demodulate(
    samples: ComplexVector,
    symbolCount: number,
    channel: ChannelState | null,
    statistics?: SymbolStatistics,
  ): Demodulated {
    checkSampleCount(samples, this.samplesFor(symbolCount));
    if (this.blind) {
      const reception = this.#receptionOf(symbolCount);
      this.#eachSpectrum(samples, symbolCount, (spectrum, s) => this.#take(reception, s, spectrum));
      return demodulateBlindly(reception.y, statistics, this.tapModel(symbolCount));
    }
    if (this.channelState === 'ignored') {
      return this.#demodulateByPilots(samples, symbolCount);
    }
    if (channel === null && this.channelState === 'needed') {
      throw new WaveformError('estimator "genie" needs a channel that tells its state', {
        remedy: 'send with genie channel state (csi), or choose the estimator lmmse or ls',
      });
    }
    return this.#demodulateKnown(samples, symbolCount, channel);
  }

  tapModel(symbolCount: number): TapModel {
    const carriers = Uint16Array.from({ length: symbolCount }, (_, k) => this.#dataBins[k % this.#dataBins.length]!);
    return { fftSize: this.#options.fftSize, carriers, powers: [...exponentialProfile(this.#options)] };
  }

  /** With the channel as it is told; with a gain of 1 and the noise that the power says, where it isn't. */
  #demodulateKnown(samples: ComplexVector, symbolCount: number, channel: ChannelState | null): Demodulated {
    const source = channel === null ? 'assumed' : 'told';
    const sampleNoise = channel?.noiseVariance ?? csnrDbToNoiseVariance(estimateCsnrDb(samples));
    const reception = this.#receptionOf(symbolCount);
    const taps = channel?.taps ?? null;
    if (taps === null) {
      this.#eachSpectrum(samples, symbolCount, (spectrum, s) => this.#take(reception, s, spectrum));
      reception.noiseVariance.fill(this.#noiseOf(sampleNoise, 1));
      return { ...reception, h: null, source };
    }
    const paths = pathsOf(taps, samples.length / 2);
    const { fftSize, prefix } = this.#options;
    const gains = new Float64Array(2 * fftSize);
    let known: Float64Array | undefined;
    this.#eachSpectrum(samples, symbolCount, (spectrum, s) => {
      this.#take(reception, s, spectrum);
      const first = (this.#preambles + s) * this.#length + prefix;
      const { gains: pathGains, interference } = symbolPaths(paths, first, this.#options);
      if (known === undefined || pathGains.some((value, i) => value !== known![i])) {
        known = pathGains;
        gains.fill(0);
        for (const [l, { delay }] of paths.entries()) {
          gains[2 * (delay % fftSize)]! += pathGains[2 * l]!;
          gains[2 * (delay % fftSize) + 1]! += pathGains[2 * l + 1]!;
        }
        this.#fft.forward(gains);
      }
      this.#takeGains(reception, s, gains, (bin) => this.#noiseOf(sampleNoise, powerAt(gains, bin), interference));
    });
    return { ...reception, source };
  }

  #demodulateByPilots(samples: ComplexVector, symbolCount: number): Demodulated {
    const { pilots, estimator: kind, fftSize } = this.#options;
    const reception = this.#receptionOf(symbolCount);
    const pattern = pilots === 'preamble' ? this.#sentPreamble() : this.#sentComb();
    const estimation = new PilotEstimation(pattern, this.#options);
    const received = new Float64Array(pattern.values.length);
    const matches: Float64Array[] = [];
    let misfit = 0;
    const takePilots = (spectrum: Float64Array): void => {
      for (const [i, bin] of pattern.bins.entries()) {
        received[2 * i] = spectrum[2 * bin]!;
        received[2 * i + 1] = spectrum[2 * bin + 1]!;
      }
      const match = estimation.match(received);
      matches.push(match);
      misfit += estimation.misfit(received, match);
    };
    if (pilots === 'preamble') {
      takePilots(this.#readSpectrum(samples, 0));
    }
    this.#eachSpectrum(samples, symbolCount, (spectrum, s) => {
      this.#take(reception, s, spectrum);
      if (pilots === 'comb') {
        takePilots(spectrum);
      }
    });
    const noise = estimation.noiseVariance(misfit, matches.length);
    const estimator =
      kind === 'ls' && pilots === 'preamble'
        ? perCarrier(pattern, received, noise)
        : estimation.estimator(kind === 'ls' ? 'ls' : 'lmmse', noise);
    for (let s = 0; s < this.#ofdmSymbols(symbolCount); s++) {
      const gains = estimator.gains(matches[pilots === 'comb' ? s : 0]!);
      // A comb's pilots were clipped together with data: their noise has the distortion of the mean carrier in it.
      const distortion = pilots === 'comb' ? this.#clipping.distortion * meanPowerAt(gains, fftSize) : 0;
      const thermal = Math.max(0, noise - distortion);
      this.#takeGains(
        reception,
        s,
        gains,
        (bin) => this.#noiseOf(thermal, powerAt(gains, bin)) + estimator.errorVariance[bin]!,
      );
    }
    return { ...reception, source: 'estimated' };
  }

  /** N of a symbol, from that of samples, the power of its carrier's gain, and interference of a symbol's power. */
  #noiseOf(sampleNoise: number, gainPower: number, interference = 0): number {
    const { gain, distortion } = this.#clipping;
    return ((sampleNoise + gainPower * distortion) / this.#concentration + interference) / gain ** 2;
  }

  /** Those of data. */
  #ofdmSymbols(symbolCount: number): number {
    return Math.ceil(symbolCount / this.#dataBins.length);
  }

  #receptionOf(symbolCount: number) {
    return {
      y: new Float32Array(2 * symbolCount),
      h: new Float32Array(2 * symbolCount),
      noiseVariance: new Float64Array(symbolCount),
    };
  }

  /** The preamble as it is sent, clipped: per carrier, in units of samples. */
  #sentPreamble(): PilotPattern {
    const samples = new Float32Array(2 * this.#length);
    this.#write(this.#withPilots(new Float64Array(2 * this.#fft.size)), samples, 0);
    this.#clipping.apply(samples);
    const spectrum = this.#readSpectrum(samples, 0);
    const { fftSize, bins } = this.#pilots;
    return {
      fftSize,
      bins,
      values: Float64Array.from(bins.flatMap((bin) => [spectrum[2 * bin]!, spectrum[2 * bin + 1]!])),
    };
  }

  #sentComb(): PilotPattern {
    const scale = this.#clipping.gain * Math.sqrt(this.#concentration);
    return { ...this.#pilots, values: this.#pilots.values.map((value) => scale * value) };
  }

  #withPilots(spectrum: Float64Array): Float64Array {
    this.#place(spectrum, this.#pilots.bins, this.#pilots.values);
    return spectrum;
  }

  #place(spectrum: Float64Array, bins: readonly number[], values: ArrayLike<number>): void {
    for (let i = 0; i < bins.length; i++) {
      spectrum[2 * bins[i]!] = values[2 * i]!;
      spectrum[2 * bins[i]! + 1] = values[2 * i + 1]!;
    }
  }

  /** A spectrum, of power 1 on each used carrier, as samples behind their prefix. The spectrum is overwritten. */
  #write(spectrum: Float64Array, samples: ComplexVector, ofdmSymbol: number): void {
    this.#fft.inverse(spectrum);
    const scale = Math.sqrt(this.#concentration / this.#fft.size);
    const start = 2 * ofdmSymbol * this.#length;
    const body = start + 2 * this.#options.prefix;
    for (let i = 0; i < spectrum.length; i++) {
      samples[body + i] = scale * spectrum[i]!;
    }
    samples.copyWithin(start, start + spectrum.length, body + spectrum.length);
  }

  /** The unitary transform of an OFDM symbol. */
  #readSpectrum(
    samples: ComplexVector,
    ofdmSymbol: number,
    spectrum: Float64Array = new Float64Array(2 * this.#fft.size),
  ): Float64Array {
    const body = 2 * (ofdmSymbol * this.#length + this.#options.prefix);
    const scale = 1 / Math.sqrt(this.#fft.size);
    for (let i = 0; i < spectrum.length; i++) {
      spectrum[i] = scale * samples[body + i]!;
    }
    this.#fft.forward(spectrum);
    return spectrum;
  }

  /** The spectrum of each OFDM symbol of data, overwritten by the next one. */
  #eachSpectrum(samples: ComplexVector, symbolCount: number, use: (spectrum: Float64Array, s: number) => void): void {
    const spectrum = new Float64Array(2 * this.#fft.size);
    for (let s = 0; s < this.#ofdmSymbols(symbolCount); s++) {
      use(this.#readSpectrum(samples, this.#preambles + s, spectrum), s);
    }
  }

  /** The y of an OFDM symbol's data, as if clipping and the power of carriers had been undone. */
  #take({ y }: { y: Float32Array }, s: number, spectrum: Float64Array): void {
    const scale = 1 / (Math.sqrt(this.#concentration) * this.#clipping.gain);
    let i = 2 * s * this.#dataBins.length;
    for (const bin of this.#dataBins.slice(0, (y.length - i) / 2)) {
      y[i++] = scale * spectrum[2 * bin]!;
      y[i++] = scale * spectrum[2 * bin + 1]!;
    }
  }

  #takeGains(
    { h, noiseVariance }: { h: Float32Array; noiseVariance: Float64Array },
    s: number,
    gains: Float64Array,
    noiseOf: (bin: number) => number,
  ): void {
    let k = s * this.#dataBins.length;
    for (const bin of this.#dataBins.slice(0, noiseVariance.length - k)) {
      h[2 * k] = gains[2 * bin]!;
      h[2 * k + 1] = gains[2 * bin + 1]!;
      noiseVariance[k++] = noiseOf(bin);
    }
  }
}

/** Least squares of each carrier for itself: Y/X, with the error variance N0/|X|². */
function perCarrier({ fftSize, bins, values }: PilotPattern, received: Float64Array, noise: number): TapEstimator {
  const gains = new Float64Array(2 * fftSize);
  const errorVariance = new Float64Array(fftSize);
  for (const [i, bin] of bins.entries()) {
    const [valueI, valueQ] = [values[2 * i]!, values[2 * i + 1]!];
    const power = valueI ** 2 + valueQ ** 2;
    const [receivedI, receivedQ] = [received[2 * i]!, received[2 * i + 1]!];
    gains[2 * bin] = (valueI * receivedI + valueQ * receivedQ) / power;
    gains[2 * bin + 1] = (valueI * receivedQ - valueQ * receivedI) / power;
    errorVariance[bin] = noise / power;
  }
  return { gains: () => gains, errorVariance };
}

/** Symbols of unit power that are the same in every frame. */
function qpsk(count: number, purpose: string): Float64Array {
  const random = randomFor({ seed: 0, stream: 'ofdm', frame: 0, purpose });
  return Float64Array.from({ length: 2 * count }, () => (random.uniform() < 0.5 ? -Math.SQRT1_2 : Math.SQRT1_2));
}

/** Symbols and random QPSK behind them, so that the OFDM symbol has its power. */
function padded(symbols: ComplexVector, length: number): Float64Array {
  const all = qpsk(length / 2, 'padding');
  all.set(symbols);
  return all;
}

function powerAt(gains: Float64Array, bin: number): number {
  return gains[2 * bin]! ** 2 + gains[2 * bin + 1]! ** 2;
}

function meanPowerAt(gains: Float64Array, fftSize: number): number {
  return gains.reduce((sum, value) => sum + value * value, 0) / fftSize;
}
