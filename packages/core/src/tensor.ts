import { ArgumentError } from './errors.js';

/** A dense float32 array in row-major order, as networks take and give it. */
export interface Tensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/**
 * Complex samples, interleaved I, Q, I, Q, … (`cf32`): sample k is data[2k] + j·data[2k+1].
 * A plain Float32Array, so that it travels over sockets and threads without a copy.
 */
export type ComplexVector = Float32Array;

/** The number of entries of a tensor of these dimensions. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((size, dim) => size * dim, 1);
}

/**
 * Pair data with its dimensions.
 *
 * @throws ArgumentError when the data doesn't have exactly as many entries as the dimensions say.
 */
export function tensor(data: Float32Array, dims: readonly number[]): Tensor {
  if (data.length !== sizeOf(dims)) {
    throw new ArgumentError(`a tensor of shape [${dims.join(', ')}] needs ${sizeOf(dims)} values, not ${data.length}`);
  }
  return { data, dims };
}

/**
 * The number of complex samples in a vector.
 *
 * @throws ArgumentError when I and Q don't come in pairs
 */
export function complexCount(samples: ComplexVector): number {
  if (samples.length % 2 !== 0) {
    throw new ArgumentError(`${samples.length} values are no complex vector: I and Q must come in pairs`);
  }
  return samples.length / 2;
}

/** Mean of |x|² over complex samples; 0 for none. */
export function meanPower(samples: ComplexVector): number {
  let sum = 0;
  // An indexed loop: the iterator protocol costs seven times as much on a typed array.
  for (let i = 0; i < samples.length; i++) {
    sum += samples[i]! * samples[i]!;
  }
  return samples.length === 0 ? 0 : (2 * sum) / samples.length;
}

/** An 8-bit picture: R, G, B interleaved, rows from the top; data has 3·width·height bytes. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
