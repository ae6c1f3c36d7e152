import type { FrameState } from './frame-state.js';
import type { WorkProfile } from './work-profiles.js';

/** Previews are not forecast to take more of the machine than this, so that forecasts stay finite. */
const MOST_PREVIEW_SHARE = 0.8;

/** The state of the workers. */
export interface MachineState {
  readonly nowMs: number;
  readonly workers: number;
  /** Rows that can be under way at a time. */
  readonly rowsAtOnce: number;
  /** How long a run of a frame takes when groups take turns, by the share of frames that are under way. */
  readonly cycleMs: (share: number) => number;
  /** How long each will be busy with its job; rising. */
  readonly busyMs: readonly number[];
  /** Share of their time that previews took recently. */
  readonly previewShare: number;
}

/**
 * The frames of a moment on the machine of that moment, for which to {@link forecast}.
 *
 * Frames, in the order of service, each occupy one of L lanes for as long as their work takes, where L is the number of
 * rows that can be under way at a time (or of frames, if there are fewer), and a lane has 1/L of the machine. On a CPU a
 * lane is a worker. On a GPU it is a row of the batch; where several groups take turns, a run takes no longer than until
 * all had theirs, and a frame no longer than it takes to run all kinds of frames ahead of it, one kind after another,
 * and then this one.
 */
export class Outlook {
  readonly service: readonly FrameState[];
  readonly lanes: number;
  /**
   * When steps can begin: previews go ahead of all, those that wait now, and those still to come, as many as recently.
   */
  readonly startMs: number;
  /** How long each worker will be busy; rising. */
  readonly busyMs: readonly number[];
  /** Workers, less those that previews take. */
  readonly stepWorkers: number;
  readonly #workers: number;
  readonly #slowdown: number;
  readonly #cycleMs: number;

  /** @param service frames in the order of service */
  constructor(
    service: readonly FrameState[],
    { nowMs, workers, rowsAtOnce, busyMs, previewShare, cycleMs }: MachineState,
  ) {
    this.service = service;
    this.busyMs = busyMs;
    this.lanes = Math.max(1, Math.min(rowsAtOnce, service.length));
    this.#workers = workers;
    this.#cycleMs = cycleMs(this.lanes / Math.max(1, service.length));
    this.#slowdown = 1 / (1 - Math.min(previewShare, MOST_PREVIEW_SHARE));
    this.stepWorkers = workers / this.#slowdown;
    let previewsMs = 0;
    for (const frame of service) {
      previewsMs += frame.preview('workMs');
    }
    this.startMs = nowMs + previewsMs / workers;
  }

  /** How long a step of the frame occupies a lane. */
  stepMs({ profile }: FrameState): number {
    const { sequenceMs, workMs, rounds } = profile.costs.step;
    return this.#laneMs(sequenceMs, workMs, rounds);
  }

  /** How long what follows its steps does. */
  closingMs(frame: FrameState): number {
    return this.#laneMs(frame.closing('sequenceMs'), frame.closing('workMs'), frame.closing('rounds'));
  }

  /** @param stepsOf how many steps each frame gets in all; `i` is its position in the order of service */
  forecast(stepsOf: (frame: FrameState, i: number) => number): Forecast {
    const free = Float64Array.from({ length: this.lanes }, (_, lane) => this.busyMs[lane % this.busyMs.length]!);
    const ahead = new Map<WorkProfile, { workMs: number; sequenceMs: number }>();
    const startsInMs = new Float64Array(this.service.length);
    const finishesInMs = new Float64Array(this.service.length);
    let aheadMs = this.busyMs[0]!;
    for (const [i, frame] of this.service.entries()) {
      let lane = 0;
      for (let other = 1; other < free.length; other++) {
        if (free[other]! < free[lane]!) {
          lane = other;
        }
      }
      const steps = stepsOf(frame, i);
      const sequenceMs = frame.sequenceMs(steps);
      const inLaneMs = free[lane]! + this.closingMs(frame) + frame.stepsToRun(steps) * this.stepMs(frame);
      const inTurnMs = aheadMs + this.#slowdown * sequenceMs;
      startsInMs[i] = Math.min(free[lane]!, aheadMs);
      finishesInMs[i] = Math.min(inLaneMs, inTurnMs);
      free[lane] = Math.max(free[lane]!, finishesInMs[i]);
      // By how much longer those behind wait if this frame, and all before it of its kind, go first whenever they can.
      const kind = ahead.get(frame.profile) ?? { workMs: 0, sequenceMs: 0 };
      ahead.set(frame.profile, kind);
      const before = Math.max(kind.sequenceMs, kind.workMs);
      kind.workMs += frame.workMs(steps) / this.#workers;
      kind.sequenceMs = Math.max(kind.sequenceMs, sequenceMs);
      aheadMs += this.#slowdown * (Math.max(kind.sequenceMs, kind.workMs) - before);
    }
    return new Forecast(this, startsInMs, finishesInMs);
  }

  /** The lane's share of the machine's time, but no longer than its runs take if every group has its turn. */
  #laneMs(sequenceMs: number, workMs: number, rounds: number): number {
    const sharedMs = (this.lanes / this.#workers) * workMs;
    return this.#slowdown * Math.max(sequenceMs, Math.min(sharedMs, this.#cycleMs * rounds));
  }
}

/** When each frame begins and is done, by its position in the order of service, in ms from the outlook's `startMs`. */
export class Forecast {
  constructor(
    readonly outlook: Outlook,
    readonly startsInMs: Float64Array,
    readonly finishesInMs: Float64Array,
  ) {}

  /** Time left until a frame is due, if this forecast is `safety` times too low. */
  slackMs(i: number, safety: number): number {
    const { hasDeadline, deadlineMs, dueMs } = this.outlook.service[i]!;
    const leftMs = hasDeadline ? deadlineMs - safety * this.finishesInMs[i]! : dueMs - safety * this.startsInMs[i]!;
    return leftMs - this.outlook.startMs;
  }

  /** Whether a frame misses its deadline, if this forecast is `safety` times too low. */
  missesDeadline(i: number, safety = 1): boolean {
    const frame = this.outlook.service[i]!;
    return frame.late || (mustBeInTime(frame) && this.slackMs(i, safety) < 0);
  }
}

export function mustBeInTime(frame: FrameState): boolean {
  return frame.hasDeadline && frame.profile.known && !frame.late;
}
