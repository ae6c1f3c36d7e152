import { SemcastError } from '@semcast/core';
import { z } from 'zod';
import type { SnrSchedule } from '../schedule.js';
import { MAX_TRACE_CHARACTERS, parseTrace, traceAt } from '../trace.js';

const optionsSchema = z.strictObject({
  csv: z
    .string()
    .max(MAX_TRACE_CHARACTERS)
    .superRefine((csv, context) => {
      try {
        parseTrace(csv);
      } catch (error) {
        if (!(error instanceof SemcastError)) {
          throw error;
        }
        context.addIssue({ code: 'custom', message: error.message });
      }
    })
    .describe('text of a CSV file with the header "frame,snr_db" or "snr_db"'),
  loop: z.boolean().default(false).describe('start again after the last row, instead of holding it'),
});

/**
 * A recorded SNR: each row holds until the next.
 *
 * With `loop` the trace starts again one frame after its last row; otherwise that row holds for ever.
 */
export const trace = {
  name: 'trace',
  optionsSchema,
  example: { csv: 'frame,snr_db\n0,18\n20,12\n30,3\n45,9\n60,18\n', loop: true },
  create: ({ csv, loop }) => {
    const rows = parseTrace(csv);
    return (frame) => traceAt(rows, loop ? frame % rows.period : frame);
  },
} as const satisfies SnrSchedule<typeof optionsSchema>;
