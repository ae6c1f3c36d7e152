import { dbToPower } from '@semcast/core';
import { z } from 'zod';
import { coherenceSchema, drawRician, kFactorDbSchema } from '../gains.js';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({ coherence: coherenceSchema, kFactorDb: kFactorDbSchema });

/** Flat Rician fading, one gain for each `coherence` samples: y_k = h_⌊k/coherence⌋·z_k + n_k. */
export const ricianBlock = {
  name: 'rician-block',
  optionsSchema,
  kFactor: ({ kFactorDb }) => dbToPower(kFactorDb),
  create: ({ coherence, kFactorDb }) => ({
    drawFading: (coordinates, sampleCount) => drawRician(coordinates, sampleCount, coherence, kFactorDb),
  }),
} as const satisfies ChannelModel<typeof optionsSchema>;
