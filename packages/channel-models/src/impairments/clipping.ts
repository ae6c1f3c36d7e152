import { meanPower } from '@semcast/core';
import { z } from 'zod';
import type { Impairment } from '../impairment.js';

const optionsSchema = z.strictObject({
  ratio: z
    .number()
    .min(0.1)
    .max(100)
    .default(1.5)
    .describe("largest magnitude that passes, in multiples of the frame's RMS magnitude"),
});

/**
 * Clipping by the transmitter's amplifier: |z| is limited to ratio·√mean|z|², its phase stays.
 *
 * Power is not made up for: the SNR of a clipped frame is lower.
 */
export const clipping = {
  name: 'clipping',
  stage: 'before-fading',
  optionsSchema,
  create:
    ({ ratio }) =>
    (samples) => {
      const limit = ratio * Math.sqrt(meanPower(samples));
      for (let i = 0; i < samples.length; i += 2) {
        const magnitude = Math.hypot(samples[i]!, samples[i + 1]!);
        if (magnitude > limit) {
          samples[i]! *= limit / magnitude;
          samples[i + 1]! *= limit / magnitude;
        }
      }
      return samples;
    },
} as const satisfies Impairment<typeof optionsSchema>;
