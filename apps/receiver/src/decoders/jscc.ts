import { z } from 'zod';
import type { Decoder } from './decoder.js';

const optionsSchema = z.strictObject({});

/** The codec's own decoder: one pass, x̂ = D(ẑ), conditioned on the CSNR after equalisation. */
export const jscc = {
  name: 'jscc',
  summary: "one pass of the codec's decoder",
  optionsSchema,
  graphs: ['decoder'],
} as const satisfies Decoder<typeof optionsSchema>;
