import { z } from 'zod';
import { drawRicianGains, kFactorDbSchema } from '../gains.js';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({ kFactorDb: kFactorDbSchema });

/** Flat Rician fading, one gain a symbol: y_k = h_k·z_k + n_k. */
export const ricianFast = {
  name: 'rician-fast',
  summary: 'Rician fading (a line of sight), one gain a symbol',
  optionsSchema,
  create: ({ kFactorDb }) => ({
    drawFading: (random, sampleCount) => drawRicianGains(random, sampleCount, 1, kFactorDb),
  }),
} as const satisfies ChannelModel<typeof optionsSchema>;
