import { z } from 'zod';
import { DIGITAL_FORMATS } from './codings.js';

/** The decoder whose frames are digital: a stream that asks for it is encoded so. */
export const DIGITAL_DECODER = 'digital';

/** Options of the digital link, as they travel in a frame's head. */
export const digitalOptionsSchema = z.strictObject({
  designSnrDb: z
    .number()
    .min(-50)
    .max(100)
    .optional()
    .describe('CSNR in dB that the link is designed for; default: that for which the encoder of jscc would prepare'),
  format: z.enum(DIGITAL_FORMATS).default('avif').describe('image format of the picture'),
  effort: z.int().min(0).max(9).default(4).describe('of the image encoder: more is better and slower'),
});
export type DigitalOptions = z.output<typeof digitalOptionsSchema>;
