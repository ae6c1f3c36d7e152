import { z } from 'zod';
import { drawRayleigh, wholeFrame } from '../gains.js';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({});

/** Flat Rayleigh fading, one gain a frame: y = h·z + n. */
export const rayleighSlow = {
  name: 'rayleigh-slow',
  optionsSchema,
  kFactor: () => 0,
  create: () => ({
    drawFading: (coordinates, sampleCount) => drawRayleigh(coordinates, sampleCount, wholeFrame(sampleCount)),
  }),
} as const satisfies ChannelModel<typeof optionsSchema>;
