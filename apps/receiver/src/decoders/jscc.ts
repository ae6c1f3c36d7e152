import { z } from 'zod';
import type { Decoder } from './decoder.js';

const optionsSchema = z.strictObject({});

/** The codec's own decoder: one pass, x̂ = D(ẑ), conditioned on the CSNR after equalisation. */
export const jscc = {
  name: 'jscc',
  summary: "one pass of the codec's decoder",
  optionsSchema,
  graphs: ['decoder'],
  decode: async ({ latent, csnrDb, cbr, width, height }, { codec }, _options, { signal }) => {
    const image = await codec.decode(latent, { csnrDb: csnrDb.estimated, cbr, width, height }, { signal });
    return { image, steps: 0 };
  },
} as const satisfies Decoder<typeof optionsSchema>;
