import { DIGITAL_DECODER, digitalOptionsSchema } from '@semcast/digital';
import type { Decoder } from './decoder.js';

/** An image file over a channel code: both of the field, and neither of the bundle. */
export const digital = {
  name: DIGITAL_DECODER,
  summary: 'an image file over NR LDPC and QAM, of as many channel uses: the digital link to compare with',
  optionsSchema: digitalOptionsSchema,
  graphs: [],
  code: 'digital',
} as const satisfies Decoder<typeof digitalOptionsSchema>;
