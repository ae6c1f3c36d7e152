import { z } from 'zod';
import { drawRayleigh } from '../gains.js';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({});

/** Flat Rayleigh fading, one gain a symbol: y_k = h_k·z_k + n_k. */
export const rayleighFast = {
  name: 'rayleigh-fast',
  optionsSchema,
  kFactor: () => 0,
  create: () => ({
    drawFading: (coordinates, sampleCount) => drawRayleigh(coordinates, sampleCount, 1),
  }),
} as const satisfies ChannelModel<typeof optionsSchema>;
