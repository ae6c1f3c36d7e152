import { z } from 'zod';
import { snrDbSchema } from '../impair.js';
import type { SnrSchedule } from '../schedule.js';

const optionsSchema = z.strictObject({ snrDb: snrDbSchema.default(10).describe('the SNR of every frame, in dB') });

/** The same SNR for every frame. */
export const constant = {
  name: 'constant',
  summary: 'the same SNR for every frame',
  optionsSchema,
  example: { snrDb: 10 },
  create:
    ({ snrDb }) =>
    () =>
      snrDb,
} as const satisfies SnrSchedule<typeof optionsSchema>;
