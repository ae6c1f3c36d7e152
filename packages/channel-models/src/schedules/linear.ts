import { z } from 'zod';
import { snrDbSchema } from '../snr-range.js';
import type { SnrSchedule } from '../schedule.js';

const optionsSchema = z.strictObject({
  fromDb: snrDbSchema.default(20).describe('SNR of frame 0, in dB'),
  toDb: snrDbSchema.default(0).describe('SNR of the last frame of the sweep, in dB'),
  frames: z.int().min(2).default(200).describe('frames of one sweep, both ends included'),
  atEnd: z.enum(['hold', 'repeat', 'return']).default('hold').describe('stay at the end, start again, or come back'),
});

/**
 * A sweep in equal steps: snr(k) = from + (to - from)·k/(frames - 1), k = 0 … frames - 1.
 *
 * After it the last value holds (`hold`), the sweep starts again (`repeat`) or is run back and forth (`return`, each
 * end once).
 */
export const linear = {
  name: 'linear',
  optionsSchema,
  example: { fromDb: 20, toDb: 0, frames: 100, atEnd: 'return' },
  create: ({ fromDb, toDb, frames, atEnd }) => {
    const steps = frames - 1;
    const positionAt = {
      hold: (frame: number) => Math.min(frame, steps),
      repeat: (frame: number) => frame % frames,
      return: (frame: number) => steps - Math.abs(steps - (frame % (2 * steps))),
    }[atEnd];
    return (frame) => {
      const share = positionAt(frame) / steps;
      // Weighted, so that both ends are met exactly.
      return fromDb * (1 - share) + toDb * share;
    };
  },
} as const satisfies SnrSchedule<typeof optionsSchema>;
