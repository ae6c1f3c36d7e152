import { z } from 'zod';
import { snrDbSchema } from '../snr-range.js';
import type { SnrSchedule } from '../schedule.js';

const optionsSchema = z.strictObject({ snrDb: snrDbSchema.default(10).describe('the SNR of every frame, in dB') });

/** The same SNR for every frame. */
export const constant = {
  name: 'constant',
  optionsSchema,
  example: { snrDb: 10 },
  create:
    ({ snrDb }) =>
    () =>
      snrDb,
} as const satisfies SnrSchedule<typeof optionsSchema>;
