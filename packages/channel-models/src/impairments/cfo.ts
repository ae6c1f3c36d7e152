import { z } from 'zod';
import { OptionError } from '../errors.js';
import type { Impairment } from '../impairment.js';
import { rotateSample } from '../rotate.js';

const optionsSchema = z.strictObject({
  offsetHz: z.number().min(-1e9).max(1e9).default(100).describe("the receiver's carrier frequency is off by, in Hz"),
});

/** Carrier frequency offset: y_k = z_k·exp(j2π·offset·k/sampleRate); the phase begins at 0 in every frame. */
export const cfo = {
  name: 'cfo',
  stage: 'before-noise',
  optionsSchema,
  create: ({ offsetHz }, sampleRateHz) => {
    if (Math.abs(offsetHz) > sampleRateHz / 2) {
      throw new OptionError('offsetHz', `must be within ±${sampleRateHz / 2} Hz, half the sample rate`);
    }
    const cycles = offsetHz / sampleRateHz;
    return (samples) => {
      for (let i = 0; i < samples.length; i += 2) {
        rotateSample(samples, i, 2 * Math.PI * (((i / 2) * cycles) % 1));
      }
      return samples;
    };
  },
} as const satisfies Impairment<typeof optionsSchema>;
