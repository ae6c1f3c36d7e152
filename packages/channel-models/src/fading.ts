import { checkGains, complexCount, type ComplexVector, type DrawCoordinates, type Tap } from '@semcast/core';

/** What a draw of a channel belongs to: the experiment's seed, and a frame's identity. */
export type FrameCoordinates = Omit<DrawCoordinates, 'purpose'>;

/**
 * W_h(z): each sample is the sum over the taps of what was sent `delay` samples before, times the tap's gain. What the
 * delays would put behind the last sample is cut off.
 *
 * @param samples complex samples; left as they are
 * @param taps null means a gain of 1
 * @throws ArgumentError when the samples are no complex vector, or the gains of a tap not those of so many
 */
export function applyTaps(samples: ComplexVector, taps: readonly Tap[] | null): ComplexVector {
  const sampleCount = complexCount(samples);
  if (taps === null) {
    return samples.slice();
  }
  const out = new Float32Array(samples.length);
  for (const { delay, gains } of taps) {
    checkGains(gains, sampleCount);
    const { coherence, values } = gains;
    const offset = 2 * delay;
    for (let block = 0, start = 0; block < values.length; block += 2, start += 2 * coherence) {
      const gainI = values[block]!;
      const gainQ = values[block + 1]!;
      const end = Math.min(start + 2 * coherence, samples.length);
      for (let i = Math.max(start, offset); i < end; i += 2) {
        const sampleI = samples[i - offset]!;
        const sampleQ = samples[i - offset + 1]!;
        out[i]! += gainI * sampleI - gainQ * sampleQ;
        out[i + 1]! += gainI * sampleQ + gainQ * sampleI;
      }
    }
  }
  return out;
}
