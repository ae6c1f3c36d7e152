import { meanPower } from '@semcast/core';
import { z } from 'zod';
import type { Impairment } from '../impairment.js';

const optionsSchema = z.strictObject({
  bits: z.int().min(1).max(16).default(8).describe('bits of each of I and Q'),
  fullScale: z
    .number()
    .min(0.1)
    .max(100)
    .default(4)
    .describe("largest value of a part, in multiples of the RMS of the frame's parts: an ideal gain control"),
});

/**
 * Analogue-to-digital conversion of I and Q: clipped at ±A and rounded to 2^bits levels, Δ = 2A/2^bits apart (mid-rise).
 *
 * What isn't clipped has the error Δ²/12 a part: with A = fullScale·RMS a signal to quantisation noise ratio of
 * 3·4^bits/fullScale².
 */
export const adc = {
  name: 'adc',
  stage: 'after-noise',
  optionsSchema,
  create:
    ({ bits, fullScale }) =>
    (samples) => {
      const limit = fullScale * Math.sqrt(meanPower(samples) / 2);
      if (limit === 0) {
        return samples;
      }
      const step = (2 * limit) / 2 ** bits;
      const highest = 2 ** (bits - 1) - 1;
      for (let i = 0; i < samples.length; i++) {
        const level = Math.min(highest, Math.max(-highest - 1, Math.floor(samples[i]! / step)));
        samples[i] = (level + 0.5) * step;
      }
      return samples;
    },
} as const satisfies Impairment<typeof optionsSchema>;
