import { dbToPower, randomFor } from '@semcast/core';
import { z } from 'zod';
import type { Impairment } from '../impairment.js';

const optionsSchema = z.strictObject({
  probability: z.number().min(0).max(1).default(0.01).describe('probability of a burst'),
  lengthSamples: z
    .int()
    .min(1)
    .max(1 << 24)
    .default(64)
    .describe('samples of a burst, one after another with or without one'),
  powerDb: z.number().min(-60).max(60).default(10).describe('power in a burst over unit signal power, in dB'),
});

/**
 * Bursts of interference: each stretch of `lengthSamples` has, with `probability`, CN(0, power) added to it. The mean
 * power of the interference is probability·power.
 */
export const interference = {
  name: 'interference',
  stage: 'before-noise',
  optionsSchema,
  create:
    ({ probability, lengthSamples, powerDb }) =>
    (samples, { coordinates, purpose }) => {
      const random = randomFor({ ...coordinates, purpose });
      const deviation = Math.sqrt(dbToPower(powerDb) / 2);
      for (let start = 0; start < samples.length; start += 2 * lengthSamples) {
        if (random.uniform() < probability) {
          random.addNormal(samples.subarray(start, start + 2 * lengthSamples), deviation);
        }
      }
      return samples;
    },
} as const satisfies Impairment<typeof optionsSchema>;
