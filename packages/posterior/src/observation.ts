import { tensor, type ComplexVector, type Tensor } from '@semcast/core';
import type { SymbolStatistics, TapModel } from '@semcast/phy';
import { ObservationError } from './errors.js';

/** One complex gain for each symbol, as two planes [C/2, h, w]; values in channels that weren't sent are unused. */
export interface ComplexGain {
  readonly real: Tensor;
  readonly imaginary: Tensor;
}

/** The channel that a frame met, as far as it is known: given, assumed, or estimated by a sampler. */
export interface KnownChannel {
  /** h; null means 1 everywhere. */
  readonly gain: ComplexGain | null;
  /** N0 per complex symbol. */
  readonly noiseVariance: number;
}

/** What was received of one frame, y = h⊙z + n. */
export interface Reception extends KnownChannel {
  /** y as a real latent [C, h, w]: Re of symbol (k, p) in channel 2k, Im in 2k+1; zero in channels that weren't sent. */
  readonly y: Tensor;
  /** c, even: channels 0 … c-1 were sent. */
  readonly activeChannels: number;
}

/**
 * What was received of one frame, y = h⊙E(x) + n with N0 above 0, and what else samplers know of it.
 *
 * They never compute with it, except for the residual: they hand it to the networks with every evaluation.
 */
export interface Observation extends Reception {
  /** The channel SNR that decoder and prior are given, in dB. */
  readonly csnrDb: number;
  /** The channel SNR that the transmitter's encoder was given, in dB: E in the formula is the transmitter's. */
  readonly designCsnrDb: number;
  /** The rate that the networks are given: c / C. */
  readonly rate: number;
  /** x_J, the one-shot decode [3, H, W]. */
  readonly xJ: Tensor;
  /** How taps act on each symbol, in the order of {@link gainOf}, for samplers that estimate the channel; absent where it was told. */
  readonly taps?: TapModel;
  /** Of each symbol, in that order, beside `taps`: the equaliser's, with which x_J was made. */
  readonly statistics?: SymbolStatistics;
}

/** The complex symbols that were sent: c/2·h·w. */
export function symbolCount({ y, activeChannels }: Reception): number {
  return (activeChannels / 2) * y.dims[1]! * y.dims[2]!;
}

/**
 * ‖y - h⊙z‖₂ over the symbols that were sent.
 *
 * @param z a latent [C, h, w]: E(x̂), what the reconstruction would have sent
 */
export function measurementNorm({ data: z }: Tensor, { y, gain, activeChannels }: Reception): number {
  const positions = y.dims[1]! * y.dims[2]!;
  let sum = 0;
  for (let pair = 0; pair < activeChannels / 2; pair++) {
    for (let p = 0; p < positions; p++) {
      const symbol = pair * positions + p;
      const re = symbol + pair * positions;
      const im = re + positions;
      const gainI = gain === null ? 1 : gain.real.data[symbol]!;
      const gainQ = gain === null ? 0 : gain.imaginary.data[symbol]!;
      const errorI = y.data[re]! - (gainI * z[re]! - gainQ * z[im]!);
      const errorQ = y.data[im]! - (gainI * z[im]! + gainQ * z[re]!);
      sum += errorI * errorI + errorQ * errorQ;
    }
  }
  return Math.sqrt(sum);
}

/**
 * The measurement residual ‖y - h⊙E(x̂)‖²/(n·N0).
 *
 * It is mean|y - h⊙E(x̂)|²/N0 over the n symbols that were sent, as docs/definitions.md has it: near 1 when x̂ explains
 * what was received as well as noise allows, above it when x̂ contradicts that, below it when x̂ has fitted the noise.
 *
 * @param norm ‖y - h⊙E(x̂)‖₂ over active symbols: {@link measurementNorm}, or as a network gave it
 */
export function measurementResidual(norm: number, reception: Reception): number {
  return norm ** 2 / (symbolCount(reception) * reception.noiseVariance);
}

/**
 * One gain a symbol, in the order of a latent's symbols (pair of channels by pair, position by position), as planes.
 *
 * @param dims those of the latent, [C, h, w]
 */
export function gainOf(h: ComplexVector, [channels = 0, height = 0, width = 0]: readonly number[]): ComplexGain {
  const planes = [0, 1].map((part) => {
    const plane = new Float32Array((channels / 2) * height * width);
    for (let k = 0; 2 * k < h.length; k++) {
      plane[k] = h[2 * k + part]!;
    }
    return tensor(plane, [channels / 2, height, width]);
  });
  return { real: planes[0]!, imaginary: planes[1]! };
}

/** @throws ObservationError when its parts don't fit together */
export function checkObservation(observation: Observation): void {
  const { y, gain, activeChannels, noiseVariance, csnrDb, designCsnrDb, rate, xJ, taps } = observation;
  const [channels = 0, height = 0, width = 0] = y.dims;
  if (y.dims.length !== 3 || channels < 2 || channels % 2 !== 0 || height < 1 || width < 1) {
    refuse(`there is no latent of shape [${y.dims.join(', ')}]`);
  }
  if (
    !Number.isSafeInteger(activeChannels) ||
    activeChannels < 2 ||
    activeChannels > channels ||
    activeChannels % 2 !== 0
  ) {
    refuse(`${activeChannels} of ${channels} channels can't have been sent: it takes an even number from 2 up`);
  }
  for (const plane of gain === null ? [] : [gain.real, gain.imaginary]) {
    if (plane.dims.join() !== [channels / 2, height, width].join()) {
      refuse(`gains of shape [${plane.dims.join(', ')}] don't fit a latent of shape [${y.dims.join(', ')}]`);
    }
  }
  if (taps !== undefined && taps.carriers.length !== symbolCount(observation)) {
    refuse(`${taps.carriers.length} carriers aren't those of ${symbolCount(observation)} symbols`);
  }
  if (!(noiseVariance > 0 && noiseVariance < Infinity)) {
    refuse(`noise of variance ${noiseVariance} explains nothing`);
  }
  if (!Number.isFinite(csnrDb) || !Number.isFinite(designCsnrDb) || !(rate > 0 && rate <= 1)) {
    refuse(`CSNRs of ${csnrDb} and ${designCsnrDb} dB at a rate of ${rate} mean nothing`);
  }
  if (xJ.dims.length !== 3 || xJ.dims[0] !== 3 || xJ.dims[1]! % height !== 0 || xJ.dims[2]! % width !== 0) {
    refuse(`a decode of shape [${xJ.dims.join(', ')}] doesn't belong to a latent of shape [${y.dims.join(', ')}]`);
  }
}

function refuse(message: string): never {
  throw new ObservationError(message);
}
