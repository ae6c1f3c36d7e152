import { z } from 'zod';
import type { Impairment } from '../impairment.js';

/** Taps of the interpolator on either side. */
const REACH = 16;

const optionsSchema = z.strictObject({
  samples: z
    .number()
    .min(-4096)
    .max(4096)
    .default(1)
    .describe('how late the receiver begins, in samples, fractions too; negative is early'),
});

/** Samples of a sinc under a Blackman window, about a moment between `REACH` samples on either side; their sum is 1. */
function interpolator(fraction: number): Float64Array {
  const weights = Float64Array.from({ length: 2 * REACH }, (_, i) => {
    const x = fraction - (i - REACH + 1);
    const turn = (Math.PI * x) / REACH;
    const window = 0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn);
    return window * (Math.sin(Math.PI * x) / (Math.PI * x));
  });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * Timing offset: y_k = z(k + offset). What was before the frame or comes after it is silence.
 *
 * Between samples z is interpolated by a windowed sinc of 32 samples, with an error of -70 dB up to 0.8 of the Nyquist
 * frequency.
 */
export const timingOffset = {
  name: 'timing-offset',
  stage: 'before-noise',
  optionsSchema,
  create: ({ samples: offset }) => {
    const whole = Math.floor(offset);
    const fraction = offset - whole;
    const [weights, first] = fraction === 0 ? [Float64Array.of(1), 0] : [interpolator(fraction), 1 - REACH];
    return (samples) => {
      const out = new Float32Array(samples.length);
      for (const [j, weight] of weights.entries()) {
        const ahead = 2 * (whole + first + j);
        const end = Math.min(samples.length, samples.length - ahead);
        for (let i = Math.max(0, -ahead); i < end; i++) {
          out[i]! += weight * samples[i + ahead]!;
        }
      }
      return out;
    };
  },
} as const satisfies Impairment<typeof optionsSchema>;
