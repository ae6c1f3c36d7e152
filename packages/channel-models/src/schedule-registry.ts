import { schemaOfRegistry, type ConfigInputOf, type ConfigOf } from './registry-config.js';
import type { SnrAt, SnrSchedule } from './schedule.js';
import { constant } from './schedules/constant.js';
import { linear } from './schedules/linear.js';
import { randomWalk } from './schedules/random-walk.js';
import { sine } from './schedules/sine.js';
import { trace } from './schedules/trace.js';

/** Every SNR schedule. A new one is a file in `schedules/` and a line here. */
export const snrSchedules = {
  constant,
  linear,
  sine,
  'random-walk': randomWalk,
  trace,
} as const satisfies Record<string, SnrSchedule>;

/** The names of the schedules, in the registry's order. */
export const snrScheduleNames = Object.keys(snrSchedules) as readonly SnrScheduleName[];

export type SnrScheduleName = keyof typeof snrSchedules;

/** `{ name, ...options }` of one schedule, every option filled in. */
export type SnrScheduleConfig = ConfigOf<typeof snrSchedules>;

/** `{ name, ...options }` of one schedule, options optional. */
export type SnrScheduleConfigInput = ConfigInputOf<typeof snrSchedules>;

/** Validates `{ name, ...options }` of any schedule and fills in defaults. */
export const snrScheduleConfigSchema = schemaOfRegistry(snrSchedules);

/** The schedule that a validated configuration names. */
export function createSnrSchedule({ name, ...options }: SnrScheduleConfig): SnrAt {
  const schedule: SnrSchedule = snrSchedules[name];
  return schedule.create(options);
}
