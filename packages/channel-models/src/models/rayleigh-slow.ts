import { z } from 'zod';
import { drawRayleighGains, wholeFrame } from '../gains.js';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({});

/** Flat Rayleigh fading, one gain a frame: y = h·z + n. */
export const rayleighSlow = {
  name: 'rayleigh-slow',
  summary: 'Rayleigh fading, one gain a frame',
  optionsSchema,
  create: () => ({
    drawFading: (random, sampleCount) => drawRayleighGains(random, sampleCount, wholeFrame(sampleCount)),
  }),
} as const satisfies ChannelModel<typeof optionsSchema>;
