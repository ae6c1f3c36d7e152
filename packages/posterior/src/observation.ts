import { ArgumentError, tensor, type Tensor } from '@semcast/core';
import { ObservationError } from './errors.js';

/** One complex gain for each symbol, as two planes [C/2, h, w]; what stands in channels that weren't sent is unused. */
export interface ComplexGain {
  readonly real: Tensor;
  readonly imaginary: Tensor;
}

/**
 * What was received of one frame, y = h⊙E(x) + n, and what is known about it.
 *
 * Samplers never compute with it, except for the residual: they hand it to the networks with every evaluation.
 */
export interface Observation {
  /** y as a real latent [C, h, w]: Re of symbol (k, p) in channel 2k, Im in 2k+1; zero in channels that weren't sent. */
  readonly y: Tensor;
  /** h; null means 1 everywhere. */
  readonly gain: ComplexGain | null;
  /** c, even: channels 0 … c-1 were sent. */
  readonly activeChannels: number;
  /** N0 per complex symbol, above 0. */
  readonly noiseVariance: number;
  /** The channel SNR that decoder and prior are told, in dB. */
  readonly csnrDb: number;
  /** The channel SNR that the transmitter's encoder was told, in dB: E in the formula is the transmitter's. */
  readonly designCsnrDb: number;
  /** The rate that the networks are told: c / C. */
  readonly rate: number;
  /** x_J, the one-shot decode [3, H, W]. */
  readonly xJ: Tensor;
}

/** The complex symbols that were sent: c/2·h·w. */
export function symbolCount({ y, activeChannels }: Observation): number {
  return (activeChannels / 2) * y.dims[1]! * y.dims[2]!;
}

/**
 * The measurement residual ‖y - h⊙E(x̂)‖²/(n·N0), from the norm that a network gave.
 *
 * It is mean|y - h⊙E(x̂)|²/N0 over the n symbols that were sent, as docs/definitions.md has it: near 1 when x̂ explains
 * what was received as well as noise allows.
 *
 * @param measurementNorm ‖y - h⊙E(x̂)‖₂ over active symbols
 */
export function measurementResidual(measurementNorm: number, observation: Observation): number {
  return measurementNorm ** 2 / (symbolCount(observation) * observation.noiseVariance);
}

/**
 * Gains in the layout of a latent [C, h, w] (Re h in channel 2k, Im h in 2k+1, as phy's `gainsToLatent` gives them) as
 * two planes.
 */
export function gainFromLatent(latent: Tensor): ComplexGain {
  const [channels = 0, height = 0, width = 0] = latent.dims;
  if (latent.dims.length !== 3 || channels % 2 !== 0) {
    throw new ArgumentError(`[${latent.dims.join(', ')}] is no latent with pairs of channels`);
  }
  const positions = height * width;
  const planes = [0, 1].map((part) => {
    const plane = new Float32Array((channels / 2) * positions);
    for (let k = 0; k < channels / 2; k++) {
      const from = (2 * k + part) * positions;
      plane.set(latent.data.subarray(from, from + positions), k * positions);
    }
    return tensor(plane, [channels / 2, height, width]);
  });
  return { real: planes[0]!, imaginary: planes[1]! };
}

/** @throws ObservationError when its parts don't fit together */
export function checkObservation({
  y,
  gain,
  activeChannels,
  noiseVariance,
  csnrDb,
  designCsnrDb,
  rate,
  xJ,
}: Observation): void {
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
