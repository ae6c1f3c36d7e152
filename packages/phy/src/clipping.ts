import type { ComplexVector } from '@semcast/core';

/** What clipping leaves of complex Gaussian samples of unit power, brought back to unit power: gain·x + d. */
export interface Clipping {
  /** E[x* x_clipped], at most 1. */
  readonly gain: number;
  /** The power of d, which is uncorrelated with x: 1 - gain². */
  readonly distortion: number;
  /** In place. */
  apply(samples: ComplexVector): void;
}

/**
 * Limit the magnitude of samples to `ratio` times their RMS, which is 1, then scale them so that their mean power is 1
 * again: an amplifier is driven up to the same mean power.
 *
 * With complex Gaussian samples, as OFDM has them with many carriers, gain and distortion are those of Bussgang's
 * theorem (Ochiai, Imai, "Performance analysis of deliberately clipped OFDM signals", IEEE Trans. Commun. 50, 2002,
 * equations 12-15): α = 1 - e^(-γ²) + (√π/2)·γ·erfc(γ), mean power 1 - e^(-γ²), γ the ratio.
 *
 * @param ratio above 0; 0: nothing is clipped
 */
export function createClipping(ratio: number): Clipping {
  if (ratio === 0) {
    return { gain: 1, distortion: 0, apply: () => undefined };
  }
  const power = -Math.expm1(-(ratio ** 2));
  const scale = 1 / Math.sqrt(power);
  const gain = scale * (power + ratio * gaussianTail(ratio));
  return {
    gain,
    distortion: Math.max(0, 1 - gain ** 2),
    apply: (samples) => {
      for (let i = 0; i < samples.length; i += 2) {
        const magnitude = Math.hypot(samples[i]!, samples[i + 1]!);
        const factor = magnitude > ratio ? (scale * ratio) / magnitude : scale;
        samples[i]! *= factor;
        samples[i + 1]! *= factor;
      }
    },
  };
}

/** ∫ e^(-r²) dr from `start` on, (√π/2)·erfc(start), by Simpson's rule. */
function gaussianTail(start: number): number {
  const [steps, width] = [400, 6];
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 0 ? 2 : 4;
    sum += weight * Math.exp(-((start + (i * width) / steps) ** 2));
  }
  return (sum * width) / steps / 3;
}
