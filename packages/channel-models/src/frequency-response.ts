import { checkGains, createFft, type Tap } from '@semcast/core';

/** Moments of a frame that are looked at where gains change. */
const MAX_MOMENTS = 16;

/**
 * The power that a channel passes at each frequency, mean|Σ_l h_l(k)·e^(-i2πf·d_l)|² over the samples k of a frame, for
 * f = i/points - 1/2 cycles a sample. Where gains change, over 16 samples evenly apart.
 *
 * @param taps null means a gain of 1
 * @param points an even number
 * @throws ArgumentError when the gains of a tap aren't those of so many samples
 */
export function frequencyResponse(taps: readonly Tap[] | null, sampleCount: number, points: number): Float64Array {
  const power = new Float64Array(points);
  if (taps === null) {
    return power.fill(1);
  }
  for (const { gains } of taps) {
    checkGains(gains, sampleCount);
  }
  const blocks = Math.max(...taps.map(({ gains }) => gains.values.length / 2));
  const moments = Math.min(blocks, MAX_MOMENTS);
  const fft = createFft(points);
  const response = new Float64Array(2 * points);
  for (let moment = 0; moment < moments; moment++) {
    const sample = Math.floor(((moment + 0.5) * sampleCount) / moments);
    response.fill(0);
    for (const { delay, gains } of taps) {
      const gain = 2 * Math.floor(sample / gains.coherence);
      const at = 2 * (delay % points);
      response[at]! += gains.values[gain]!;
      response[at + 1]! += gains.values[gain + 1]!;
    }
    fft.forward(response);
    for (let i = 0; i < points; i++) {
      const bin = 2 * ((i + Math.ceil(points / 2)) % points);
      power[i]! += (response[bin]! ** 2 + response[bin + 1]! ** 2) / moments;
    }
  }
  return power;
}
