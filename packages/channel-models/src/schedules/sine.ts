import { z } from 'zod';
import { MAX_SNR_DB, MIN_SNR_DB, snrDbSchema } from '../snr-range.js';
import type { SnrSchedule } from '../schedule.js';

const optionsSchema = z
  .strictObject({
    meanDb: snrDbSchema.default(10).describe('SNR about which it swings, in dB'),
    amplitudeDb: z.number().min(0).max(75).default(10).describe('greatest distance from the mean, in dB'),
    periodFrames: z.number().min(2).max(1e9).default(100).describe('frames of one period'),
    phaseRad: z
      .number()
      .min(-2 * Math.PI)
      .max(2 * Math.PI)
      .default(0)
      .describe('phase at frame 0, in radians'),
  })
  .refine(({ meanDb, amplitudeDb }) => meanDb - amplitudeDb >= MIN_SNR_DB && meanDb + amplitudeDb <= MAX_SNR_DB, {
    message: `the swing must stay within ${MIN_SNR_DB} … ${MAX_SNR_DB} dB`,
    path: ['amplitudeDb'],
  });

/** snr(k) = mean + amplitude·sin(2π·k/period + phase). */
export const sine = {
  name: 'sine',
  optionsSchema,
  example: { meanDb: 10, amplitudeDb: 8, periodFrames: 60 },
  create:
    ({ meanDb, amplitudeDb, periodFrames, phaseRad }) =>
    // The remainder first: sin() of a large argument would lose the phase.
    (frame) =>
      meanDb + amplitudeDb * Math.sin((2 * Math.PI * (frame % periodFrames)) / periodFrames + phaseRad),
} as const satisfies SnrSchedule<typeof optionsSchema>;
