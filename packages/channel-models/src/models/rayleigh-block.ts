import { z } from 'zod';
import { coherenceSchema, drawRayleigh } from '../gains.js';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({ coherence: coherenceSchema });

/** Flat Rayleigh fading, one gain for each `coherence` samples: y_k = h_⌊k/coherence⌋·z_k + n_k. */
export const rayleighBlock = {
  name: 'rayleigh-block',
  optionsSchema,
  kFactor: () => 0,
  create: ({ coherence }) => ({
    drawFading: (coordinates, sampleCount) => drawRayleigh(coordinates, sampleCount, coherence),
  }),
} as const satisfies ChannelModel<typeof optionsSchema>;
