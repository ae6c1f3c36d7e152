import { exponentialProfile } from '@semcast/core';
import { z } from 'zod';
import { createDelayLine, onSampleGrid } from '../delay-line.js';
import { dopplerOptions } from '../doppler.js';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({
  taps: z.int().min(1).max(64).default(8).describe('paths, one sample apart'),
  decay: z.number().min(0.01).max(1000).default(4).describe('samples over which the mean power falls to 1/e'),
  ...dopplerOptions,
});

/** Rayleigh paths one sample apart, E|h_l|² ∝ exp(-l/decay), Σ E|h_l|² = 1. */
export const tdlExp = {
  name: 'tdl-exp',
  optionsSchema,
  kFactor: () => 0,
  create: ({ taps, decay, ...doppler }, sampleRateHz) => {
    const paths = Array.from(exponentialProfile({ taps, decay }), (scattered, delay) => ({
      delay,
      scattered,
      lineOfSight: 0,
    }));
    return createDelayLine(onSampleGrid(paths), doppler, sampleRateHz);
  },
} as const satisfies ChannelModel<typeof optionsSchema>;
