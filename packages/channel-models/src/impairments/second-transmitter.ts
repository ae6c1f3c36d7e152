import { complexCount, dbToPower, randomFor } from '@semcast/core';
import { z } from 'zod';
import { applyTaps } from '../fading.js';
import type { Impairment } from '../impairment.js';

const optionsSchema = z.strictObject({
  sirDb: z
    .number()
    .min(-60)
    .max(60)
    .default(10)
    .describe('unit signal power over that of the other transmitter, in dB, both as means over the fading'),
  signal: z
    .enum(['gaussian', 'qpsk'])
    .default('gaussian')
    .describe('what the other transmitter sends, a symbol a sample'),
});

/** Another transmitter on the same frequency: y = z + √(1/SIR)·W_h'(z'), h' an independent draw of the channel's model. */
export const secondTransmitter = {
  name: 'second-transmitter',
  stage: 'before-noise',
  optionsSchema,
  create:
    ({ sirDb, signal }) =>
    (samples, { coordinates, purpose, model }) => {
      const amplitude = Math.sqrt(dbToPower(-sirDb) / 2);
      const random = randomFor({ ...coordinates, purpose });
      const sent = new Float32Array(samples.length);
      if (signal === 'qpsk') {
        for (let i = 0; i < sent.length; i++) {
          sent[i] = random.uniform() < 0.5 ? amplitude : -amplitude;
        }
      } else {
        random.fillNormal(sent, amplitude);
      }
      // No stream has such a name, so this one's fading is that of nobody else.
      const other = { ...coordinates, stream: `${coordinates.stream} ${purpose}` };
      const heard = applyTaps(sent, model.drawFading(other, complexCount(samples)));
      for (let i = 0; i < samples.length; i++) {
        samples[i]! += heard[i]!;
      }
      return samples;
    },
} as const satisfies Impairment<typeof optionsSchema>;
