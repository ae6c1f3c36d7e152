import { dbToPower } from '@semcast/core';
import { z } from 'zod';
import { drawRician, kFactorDbSchema, wholeFrame } from '../gains.js';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({ kFactorDb: kFactorDbSchema });

/** Flat Rician fading, one gain a frame: y = h·z + n. */
export const ricianSlow = {
  name: 'rician-slow',
  optionsSchema,
  kFactor: ({ kFactorDb }) => dbToPower(kFactorDb),
  create: ({ kFactorDb }) => ({
    drawFading: (coordinates, sampleCount) => drawRician(coordinates, sampleCount, wholeFrame(sampleCount), kFactorDb),
  }),
} as const satisfies ChannelModel<typeof optionsSchema>;
