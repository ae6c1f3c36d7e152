import type { z } from 'zod';
import type { FrameCoordinates } from './fading.js';

/** Whose SNR is asked for: what a schedule may depend on beside the frame number. */
export type ScheduleCoordinates = Omit<FrameCoordinates, 'frame'>;

/**
 * The SNR of a frame, in dB: a pure function of the frame number (and of seed and stream where it is random).
 *
 * @param frame integer from 0 to 2^53 - 1
 */
export type SnrAt = (frame: number, coordinates: ScheduleCoordinates) => number;

/** An SNR schedule: one file, and one line in `schedule-registry.ts`. */
export interface SnrSchedule<Options extends z.ZodObject = z.ZodObject> {
  /** Its key in the registry; kebab-case. */
  readonly name: string;
  readonly optionsSchema: Options;
  /** Options worth a look: what menus offer first, and what the conformance tests run. */
  readonly example: z.input<Options>;
  /** @throws SemcastError when the options, though of the right form, make no schedule (a broken trace). */
  create(options: z.output<Options>): SnrAt;
}
