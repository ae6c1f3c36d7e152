import type { FrameState } from './frame-state.js';

/** Rounding must not take a step away. */
const EPSILON = 1e-6;
/** Weight of the newest offer in the average of how full it is. */
const OFFER_WEIGHT = 0.25;
/** Previews are not forecast to take more of the machine than this, so that forecasts stay finite. */
const MOST_PREVIEW_SHARE = 0.8;
/** Shares that differ from one group of frames to the next; those further back get the last one. */
const MAX_SHARES = 4;

export interface StepGrantsOptions {
  readonly workers: number;
  readonly buckets: readonly number[];
  readonly safety: number;
  readonly maxFrames: number;
  readonly reduceAboveFrames: number;
}

/** What the workers are doing. */
export interface MachineState {
  readonly nowMs: number;
  /** How long a run of a frame takes when groups take turns, by the share of frames that are under way. */
  readonly cycleMs: (share: number) => number;
  /** How long each will be busy with its job; rising. */
  readonly busyMs: readonly number[];
  /** Share of their time that previews took of late. */
  readonly previewShare: number;
}

/**
 * How many steps each frame can have so that all are on time.
 *
 * A forecast of when each frame is done: frames, in the order of service, each occupy one of L lanes for as long as its
 * work takes, where L is the number of rows that can be under way at a time (or of frames, if there are fewer), and a
 * lane has 1/L of the machine. On a CPU a lane is a worker. On a GPU it is a row of the batch; where several groups
 * take turns, a run takes no longer than until all had theirs, and a frame no longer than it takes to run all kinds of
 * frames ahead of it, one kind after another, and then this one. What that leaves over until a frame's deadline is its
 * slack.
 *
 * Beyond their fewest steps, frames are granted equal shares of what they ask for, as large as no slack forbids: the
 * greatest share s for which every frame i has s·(Σ_{j ahead of i} x_j/W + x_i) ≤ slack_i, where x is the work of
 * the steps between fewest and most, and W the workers. Frames up to the one that sets the share get it; those behind
 * get theirs from what is left (max-min fairness).
 *
 * Frames that have begun keep what they were granted, as a sampler spaces its steps for their number. Only when frames
 * with a deadline would miss it although nobody else gets more than the fewest, those are cut as well, by equal shares.
 * A frame without a deadline sets shares by the wait until it begins, and by nothing else.
 */
export class StepGrants {
  readonly #options: StepGrantsOptions;
  readonly #lanes: Float64Array;
  #free: Float64Array = new Float64Array(0);
  #busyMs: readonly number[] = [];
  #slowdown = 1;
  #laneScale = 1;
  #cycleMs = 0;
  #forecasts = 0;
  #startMs = 0;
  /** The greatest share while the scheduler fills up: from 1 down to 0 at the most frames there may be. */
  #room = 1;

  constructor(options: StepGrantsOptions) {
    this.#options = options;
    this.#lanes = new Float64Array(options.workers * options.buckets.at(-1)!);
  }

  /**
   * A frame has been offered, while so many were admitted.
   *
   * Steps fall as the scheduler fills up, as offers see it: by how full it was for the last few, not by how full it is
   * when the next step is granted, which is just after a batch of frames has left. An empty scheduler forgets.
   */
  noteOffer(frames: number): void {
    const { maxFrames, reduceAboveFrames } = this.#options;
    const room = Math.min(1, (maxFrames - frames) / Math.max(1, maxFrames - reduceAboveFrames));
    this.#room = frames === 0 ? 1 : this.#room + OFFER_WEIGHT * (room - this.#room);
  }

  /** Whether a frame misses its deadline, by the newest forecast, taken to be `safety` times too low. */
  missesDeadline(frame: FrameState, safety = 1): boolean {
    return frame.late || (mustBeInTime(frame) && this.#slackMs(frame, safety) < 0);
  }

  /** Forecast when each frame is done at the fewest steps of all. */
  forecastFewest(service: readonly FrameState[], machine: MachineState): void {
    this.#occupyLanes(service, machine);
    this.#forecast(service, (frame) => frame.fewestSteps);
  }

  /** Set `steps` of every frame. */
  grant(service: readonly FrameState[], machine: MachineState): void {
    this.#occupyLanes(service, machine);
    const { safety } = this.#options;
    for (const frame of service) {
      frame.steps = Math.max(this.#mostSteps(frame, machine), frame.fewestSteps);
    }
    this.#forecast(service, (frame) => (frame.started ? frame.steps : frame.fewestSteps));
    // Steps are granted with care, but taken back only when the mean says so.
    if (!service.some((frame) => !frame.late && this.missesDeadline(frame))) {
      this.#share(service, { takesPart: waits, constrains, safety, limit: this.#room });
      return;
    }
    this.#share(service, { takesPart: waits, constrains, safety, limit: 0 });
    this.#forecast(service, (frame) => frame.fewestSteps);
    this.#share(service, { takesPart: begun, constrains: mustBeInTime, safety: 1, limit: 1 });
  }

  /** What a frame could have if it were alone. */
  #mostSteps(frame: FrameState, { busyMs }: MachineState): number {
    if (frame.purpose === 'closing' || frame.late) {
      return 0;
    }
    if (frame.granted !== undefined || frame.maxSteps === frame.minSteps || !mustBeInTime(frame)) {
      return frame.granted ?? frame.maxSteps;
    }
    const { safety } = this.#options;
    const leftMs = frame.deadlineMs - this.#startMs - busyMs[0]! - safety * this.#closingMs(frame);
    return Math.min(frame.maxSteps, Math.floor(leftMs / (safety * this.#stepMs(frame)) + EPSILON));
  }

  #occupyLanes(service: readonly FrameState[], { nowMs, busyMs, previewShare, cycleMs }: MachineState): void {
    const { workers } = this.#options;
    this.#free = this.#lanes.subarray(0, Math.max(1, Math.min(this.#lanes.length, service.length)));
    this.#cycleMs = cycleMs(this.#free.length / Math.max(1, service.length));
    this.#busyMs = busyMs;
    this.#slowdown = 1 / (1 - Math.min(previewShare, MOST_PREVIEW_SHARE));
    this.#laneScale = this.#free.length / workers;
    // Previews go ahead of all steps: those that wait now, and those still to come, as many as of late.
    let previewsMs = 0;
    for (const frame of service) {
      previewsMs += frame.preview('workMs');
    }
    this.#startMs = nowMs + previewsMs / workers;
  }

  /** How long a step of the frame occupies a lane. */
  #stepMs({ profile }: FrameState): number {
    const { sequenceMs, workMs, rounds } = profile.costs.step;
    return this.#laneMs(sequenceMs, workMs, rounds);
  }

  /** How long what follows its steps does. */
  #closingMs(frame: FrameState): number {
    return this.#laneMs(frame.closing('sequenceMs'), frame.closing('workMs'), frame.closing('rounds'));
  }

  /** The lane's share of the machine's time, but no longer than its runs take if every group has its turn. */
  #laneMs(sequenceMs: number, workMs: number, rounds: number): number {
    return this.#slowdown * Math.max(sequenceMs, Math.min(this.#laneScale * workMs, this.#cycleMs * rounds));
  }

  #forecast(service: readonly FrameState[], stepsOf: (frame: FrameState) => number): void {
    this.#forecasts += 1;
    const free = this.#free;
    for (let i = 0; i < free.length; i++) {
      free[i] = this.#busyMs[i % this.#busyMs.length]!;
    }
    let aheadMs = this.#busyMs[0]!;
    for (const frame of service) {
      let lane = 0;
      for (let i = 1; i < free.length; i++) {
        if (free[i]! < free[lane]!) {
          lane = i;
        }
      }
      const steps = stepsOf(frame);
      const inLaneMs = free[lane]! + this.#closingMs(frame) + frame.stepsToRun(steps) * this.#stepMs(frame);
      const inTurnMs = aheadMs + this.#slowdown * frame.sequenceMs(steps);
      frame.startsInMs = Math.min(free[lane]!, aheadMs);
      frame.finishesInMs = Math.min(inLaneMs, inTurnMs);
      free[lane] = Math.max(free[lane]!, frame.finishesInMs);
      aheadMs += this.#noteAhead(frame, steps);
    }
  }

  /** By how much longer those behind the frame wait if it, and all before it, go first whenever they can. */
  #noteAhead(frame: FrameState, steps: number): number {
    const { ahead } = frame.profile;
    if (ahead.forecast !== this.#forecasts) {
      ahead.forecast = this.#forecasts;
      ahead.workMs = 0;
      ahead.sequenceMs = 0;
    }
    const before = Math.max(ahead.sequenceMs, ahead.workMs);
    ahead.workMs += frame.workMs(steps) / this.#options.workers;
    ahead.sequenceMs = Math.max(ahead.sequenceMs, frame.sequenceMs(steps));
    return this.#slowdown * (Math.max(ahead.sequenceMs, ahead.workMs) - before);
  }

  /** What the newest forecast, taken to be `safety` times too low, leaves until the frame is due. */
  #slackMs(frame: FrameState, safety: number): number {
    return (
      (frame.hasDeadline ? frame.deadlineMs - safety * frame.finishesInMs : frame.dueMs - safety * frame.startsInMs) -
      this.#startMs
    );
  }

  /**
   * Cut `steps` of the frames that take part to `fewest + share·(steps - fewest)`, the greatest equal shares, up to
   * `limit`, that leave all frames that constrain their slack.
   */
  #share(
    service: readonly FrameState[],
    {
      takesPart,
      constrains: constrainsShares,
      safety,
      limit,
    }: {
      readonly takesPart: (frame: FrameState) => boolean;
      readonly constrains: (frame: FrameState) => boolean;
      readonly safety: number;
      readonly limit: number;
    },
  ): void {
    const workers = this.#options.workers / this.#slowdown;
    const lanes = this.#free.length;
    let grantedMs = 0;
    let from = 0;
    for (let block = 1; from < service.length; block++) {
      let share = limit;
      let to = service.length;
      let toMs = 0;
      let blockMs = 0;
      for (let i = from; i < service.length; i++) {
        const frame = service[i]!;
        const extra = takesPart(frame) ? frame.steps - frame.fewestSteps : 0;
        if (constrainsShares(frame)) {
          // The first frames have a lane each at once, whatever the others do.
          const queued = i >= lanes;
          const own = frame.hasDeadline ? extra * this.#stepMs(frame) : 0;
          const aheadMs = (queued ? blockMs / workers : 0) + own;
          const slackMs = this.#slackMs(frame, safety) - (queued ? (safety * grantedMs) / workers : 0);
          if (aheadMs > 0 && slackMs < share * safety * aheadMs) {
            share = Math.max(0, slackMs / (safety * aheadMs));
            to = i + 1;
            toMs = blockMs + extra * frame.profile.costs.step.workMs;
          }
        }
        blockMs += extra * frame.profile.costs.step.workMs;
      }
      if (block === MAX_SHARES) {
        to = service.length;
      }
      grantedMs += share * (to === service.length ? blockMs : toMs);
      for (; from < to; from++) {
        const frame = service[from]!;
        if (takesPart(frame)) {
          const fewest = frame.fewestSteps;
          frame.steps = fewest + Math.floor(share * (frame.steps - fewest) + EPSILON);
        }
      }
    }
  }
}

function waits(frame: FrameState): boolean {
  return !frame.started;
}

function begun(frame: FrameState): boolean {
  return frame.started;
}

function mustBeInTime(frame: FrameState): boolean {
  return frame.hasDeadline && frame.profile.known && !frame.late;
}

function constrains(frame: FrameState): boolean {
  return !frame.hasDeadline || mustBeInTime(frame);
}
