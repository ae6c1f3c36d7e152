import { z } from 'zod';
import type { ChannelModel } from '../model.js';

const optionsSchema = z.strictObject({});

/** Additive white Gaussian noise alone: y = z + n. */
export const awgn = {
  name: 'awgn',
  optionsSchema,
  kFactor: () => Infinity,
  create: () => ({ drawFading: () => null }),
} as const satisfies ChannelModel<typeof optionsSchema>;
