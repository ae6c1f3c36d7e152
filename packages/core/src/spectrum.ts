import { createFft } from './fft.js';
import { complexCount, type ComplexVector } from './tensor.js';

/**
 * The power spectral density of samples: the mean periodogram of segments that overlap by half, each under a Hann window
 * (Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans. Audio Electroacoust. 15,
 * 1967).
 *
 * @param options.bins the size of a segment, and of the result; even
 * @param options.maxSegments of a longer signal so many are taken, spread over it evenly
 * @returns from -1/2 to 1/2 cycles a sample: value k is at k/bins - 1/2; white samples of power 1 have a mean of 1 in
 *   each. Null when there are fewer samples than bins
 * @throws ArgumentError when the samples are no complex vector
 */
export function powerSpectrum(
  samples: ComplexVector,
  { bins, maxSegments }: { readonly bins: number; readonly maxSegments: number },
): Float64Array | null {
  const room = complexCount(samples) - bins;
  if (room < 0) {
    return null;
  }
  const segments = Math.min(maxSegments, 1 + Math.floor((2 * room) / bins));
  const hann = Float64Array.from({ length: bins }, (_, n) => Math.sin((Math.PI * (n + 0.5)) / bins) ** 2);
  const energy = hann.reduce((sum, weight) => sum + weight * weight, 0);
  const fft = createFft(bins);
  const spectrum = new Float64Array(2 * bins);
  const density = new Float64Array(bins);
  for (let s = 0; s < segments; s++) {
    const start = 2 * Math.round((s * room) / Math.max(1, segments - 1));
    for (let i = 0; i < spectrum.length; i++) {
      spectrum[i] = hann[i >> 1]! * samples[start + i]!;
    }
    fft.forward(spectrum);
    for (let k = 0; k < bins; k++) {
      const bin = 2 * ((k + Math.ceil(bins / 2)) % bins);
      density[k]! += (spectrum[bin]! ** 2 + spectrum[bin + 1]! ** 2) / (segments * energy);
    }
  }
  return density;
}
