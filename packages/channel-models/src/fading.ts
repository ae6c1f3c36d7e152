import { randomFor, type ComplexVector } from '@semcast/core';
import { SamplesError } from './errors.js';
import { gainCount } from './gains.js';
import type { FadingProcess, Gains } from './model.js';

/** What a draw of a channel belongs to: the experiment's seed, and a frame's identity. */
export interface FrameCoordinates {
  /** Integer from 0 to 2^53 - 1. */
  readonly seed: number;
  readonly stream: string;
  /** Integer from 0 to 2^53 - 1. */
  readonly frame: number;
}

/** The gains that frame (seed, stream, frame) meets; null where the gain is always 1. */
export function drawFading(process: FadingProcess, coordinates: FrameCoordinates, sampleCount: number): Gains | null {
  return process.drawFading(randomFor({ ...coordinates, purpose: 'channel/fading' }), sampleCount);
}

/**
 * W_h(z) = h⊙z: multiply each sample by its gain.
 *
 * @param samples complex samples
 * @param gains null means a gain of 1
 * @param out where the result goes; may be `samples` itself
 * @throws SamplesError when the samples are no complex vector, or the gains are not those of so many samples
 */
export function applyFading(
  samples: ComplexVector,
  gains: Gains | null,
  out: ComplexVector = new Float32Array(samples.length),
): ComplexVector {
  const sampleCount = complexCount(samples);
  if (out.length !== samples.length) {
    throw new SamplesError(`${samples.length} values can't be written over ${out.length}`);
  }
  if (gains === null) {
    if (out !== samples) {
      out.set(samples);
    }
    return out;
  }
  const { coherence, values } = gains;
  if (values.length !== 2 * gainCount(sampleCount, coherence)) {
    throw new SamplesError(`${values.length / 2} gains of coherence ${coherence} don't fit ${sampleCount} samples`);
  }
  for (let block = 0, i = 0; block < values.length; block += 2) {
    const gainI = values[block]!;
    const gainQ = values[block + 1]!;
    const end = Math.min(i + 2 * coherence, samples.length);
    for (; i < end; i += 2) {
      const sampleI = samples[i]!;
      const sampleQ = samples[i + 1]!;
      out[i] = gainI * sampleI - gainQ * sampleQ;
      out[i + 1] = gainI * sampleQ + gainQ * sampleI;
    }
  }
  return out;
}

/** The number of complex samples in a vector. */
export function complexCount(samples: ComplexVector): number {
  if (samples.length % 2 !== 0) {
    throw new SamplesError(`${samples.length} values are no complex vector: I and Q must come in pairs`);
  }
  return samples.length / 2;
}
