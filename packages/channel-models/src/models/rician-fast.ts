import { dbToPower } from '@semcast/core';
import { z } from 'zod';
import { drawRician, kFactorDbSchema } from '../gains.js';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({ kFactorDb: kFactorDbSchema });

/** Flat Rician fading, one gain a symbol: y_k = h_k·z_k + n_k. */
export const ricianFast = {
  name: 'rician-fast',
  optionsSchema,
  kFactor: ({ kFactorDb }) => dbToPower(kFactorDb),
  create: ({ kFactorDb }) => ({
    drawFading: (coordinates, sampleCount) => drawRician(coordinates, sampleCount, 1, kFactorDb),
  }),
} as const satisfies ChannelModel<typeof optionsSchema>;
