import { randomFor } from '@semcast/core';
import { z } from 'zod';
import { snrDbSchema } from '../snr-range.js';
import type { ScheduleCoordinates, SnrSchedule } from '../schedule.js';

const optionsSchema = z
  .strictObject({
    startDb: snrDbSchema.default(10).describe('SNR of frame 0, in dB'),
    stepDb: z.number().min(0).max(50).default(0.5).describe('standard deviation of one step, in dB'),
    minDb: snrDbSchema.default(0).describe('lowest SNR; the walk is reflected there'),
    maxDb: snrDbSchema.default(20).describe('highest SNR; the walk is reflected there'),
  })
  .refine(({ minDb, maxDb }) => minDb < maxDb, { message: 'must be above minDb', path: ['maxDb'] })
  .refine(({ startDb, minDb, maxDb }) => startDb >= minDb && startDb <= maxDb, {
    message: 'must lie between minDb and maxDb',
    path: ['startDb'],
  });

/**
 * A Gaussian random walk with unit steps, at any frame, without walking there: W(0) = 0, W(k+1) - W(k) ~ N(0, 1)
 * independent.
 *
 * Lévy's construction of Brownian motion, read at the integers: powers of two are reached by W(2b) = W(b) + √b·Z,
 * and the middle of any interval, given its ends, is their mean plus √(length)/2·Z. Each integer is a power of two or
 * the middle of exactly one dyadic interval, so it has a Z of its own, drawn at its own coordinates; at most
 * 2·log2(k) + 1 draws lead to W(k).
 */
export function walkAt(frame: number, coordinates: ScheduleCoordinates): number {
  if (frame === 0) {
    return 0;
  }
  const normalOf = (at: number): number =>
    randomFor({ ...coordinates, frame: at, purpose: 'channel/snr-walk' }).normal();
  let low = 1;
  let lowValue = normalOf(1);
  while (2 * low <= frame) {
    lowValue += Math.sqrt(low) * normalOf(2 * low);
    low *= 2;
  }
  if (low === frame) {
    return lowValue;
  }
  let high = 2 * low;
  let highValue = lowValue + Math.sqrt(low) * normalOf(high);
  for (;;) {
    const middle = low + (high - low) / 2;
    const middleValue = (lowValue + highValue) / 2 + (Math.sqrt(high - low) / 2) * normalOf(middle);
    if (middle === frame) {
      return middleValue;
    }
    if (middle < frame) {
      low = middle;
      lowValue = middleValue;
    } else {
      high = middle;
      highValue = middleValue;
    }
  }
}

/** Fold a number into [low, high] as if both ends were mirrors. */
export function reflect(value: number, low: number, high: number): number {
  const span = high - low;
  const phase = (((value - low) % (2 * span)) + 2 * span) % (2 * span);
  return Math.min(high, Math.max(low, low + (phase <= span ? phase : 2 * span - phase)));
}

/** snr(k) = the walk start + step·W(k), reflected at both limits; each stream walks its own way. */
export const randomWalk = {
  name: 'random-walk',
  optionsSchema,
  example: { startDb: 10, stepDb: 0.5, minDb: 0, maxDb: 20 },
  create:
    ({ startDb, stepDb, minDb, maxDb }) =>
    (frame, coordinates) =>
      reflect(startDb + stepDb * walkAt(frame, coordinates), minDb, maxDb),
} as const satisfies SnrSchedule<typeof optionsSchema>;
