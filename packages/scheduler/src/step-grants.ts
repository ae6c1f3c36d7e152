import { mustBeInTime, Outlook, type Forecast, type MachineState } from './forecast.js';
import type { FrameState } from './frame-state.js';

/** Rounding must not take a step away. */
const EPSILON = 1e-6;
/** Weight of the newest offer in the average of how full it is. */
const OFFER_WEIGHT = 0.25;
/** Shares that differ from one group of frames to the next; those further back get the last one. */
const MAX_SHARES = 4;

/**
 * How many steps each frame can have so that all are on time.
 *
 * The time between a {@link Forecast} and a frame's deadline is its slack. Beyond their fewest steps, frames are
 * granted equal shares of what they ask for, as large as no slack forbids: the greatest share s for which every frame i
 * has s·(Σ_{j ahead of i} x_j/W + x_i) ≤ slack_i, where x is the work of the steps between fewest and most, and W the
 * workers. Frames up to the one that sets the share get it; those behind get theirs from what is left (max-min
 * fairness).
 *
 * Frames that have begun keep what they were granted, as a sampler spaces its steps for their number. Only when frames
 * with a deadline would miss it although nobody else gets more than the fewest, those are cut as well, by equal shares.
 * A frame without a deadline sets shares by the wait until it begins, and by nothing else.
 */
export class StepGrants {
  readonly #options: { readonly safety: number; readonly maxFrames: number };
  /** The greatest share while the scheduler fills up: from 1 down to 0 at the most frames there may be. */
  #room = 1;

  constructor(options: { readonly safety: number; readonly maxFrames: number }) {
    this.#options = options;
  }

  /**
   * A frame has been offered, while so many were admitted.
   *
   * Steps fall as the scheduler fills up, from half of the most frames on, as offers see it: by how full it was for the last few, not by how full it is
   * when the next step is granted, which is just after a batch of frames has left. An empty scheduler forgets.
   */
  noteOffer(frames: number): void {
    const { maxFrames } = this.#options;
    const room = Math.min(1, (maxFrames - frames) / Math.ceil(maxFrames / 2));
    this.#room = frames === 0 ? 1 : this.#room + OFFER_WEIGHT * (room - this.#room);
  }

  /**
   * @param service frames in the order of service
   * @returns the steps of each
   */
  grant(service: readonly FrameState[], machine: MachineState): readonly number[] {
    const outlook = new Outlook(service, machine);
    const { safety } = this.#options;
    const steps = service.map((frame) => Math.max(mostSteps(frame, outlook, safety), frame.fewestSteps));
    const planned = outlook.forecast((frame, i) => (frame.started ? steps[i]! : frame.fewestSteps));
    // Steps are granted with care, but taken back only when the mean says so.
    const cuts = service.some((frame, i) => !frame.late && planned.missesDeadline(i));
    share(steps, planned, { takesPart: waits, constrains, safety, limit: cuts ? 0 : this.#room });
    if (cuts) {
      const fewest = outlook.forecast((frame) => frame.fewestSteps);
      share(steps, fewest, { takesPart: begun, constrains: mustBeInTime, safety: 1, limit: 1 });
    }
    return steps;
  }
}

/** The steps that a frame could have if it were alone. */
function mostSteps(frame: FrameState, outlook: Outlook, safety: number): number {
  if (frame.purpose === 'closing' || frame.late) {
    return 0;
  }
  if (frame.granted !== undefined || frame.maxSteps === frame.minSteps || !mustBeInTime(frame)) {
    return frame.granted ?? frame.maxSteps;
  }
  const leftMs = frame.deadlineMs - outlook.startMs - outlook.busyMs[0]! - safety * outlook.closingMs(frame);
  return Math.min(frame.maxSteps, Math.floor(leftMs / (safety * outlook.stepMs(frame)) + EPSILON));
}

/**
 * Cut the steps of the frames that take part to `fewest + share·(steps - fewest)`, the greatest equal shares, up to
 * `limit`, that leave all frames that constrain their slack.
 */
function share(
  steps: number[],
  forecast: Forecast,
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
  const { outlook } = forecast;
  const { service, lanes, stepWorkers } = outlook;
  let grantedMs = 0;
  let from = 0;
  for (let block = 1; from < service.length; block++) {
    let blockShare = limit;
    let to = service.length;
    let toMs = 0;
    let blockMs = 0;
    for (let i = from; i < service.length; i++) {
      const frame = service[i]!;
      const extra = takesPart(frame) ? steps[i]! - frame.fewestSteps : 0;
      const extraMs = extra * frame.profile.costs.step.workMs;
      if (constrainsShares(frame)) {
        // The first frames have a lane each at once, whatever the others do.
        const queued = i >= lanes;
        const own = frame.hasDeadline ? extra * outlook.stepMs(frame) : 0;
        const aheadMs = (queued ? blockMs / stepWorkers : 0) + own;
        const slackMs = forecast.slackMs(i, safety) - (queued ? (safety * grantedMs) / stepWorkers : 0);
        if (aheadMs > 0 && slackMs < blockShare * safety * aheadMs) {
          blockShare = Math.max(0, slackMs / (safety * aheadMs));
          to = i + 1;
          toMs = blockMs + extraMs;
        }
      }
      blockMs += extraMs;
    }
    if (block === MAX_SHARES) {
      to = service.length;
    }
    grantedMs += blockShare * (to === service.length ? blockMs : toMs);
    for (; from < to; from++) {
      const frame = service[from]!;
      if (takesPart(frame)) {
        const fewest = frame.fewestSteps;
        steps[from] = fewest + Math.floor(blockShare * (steps[from]! - fewest) + EPSILON);
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

function constrains(frame: FrameState): boolean {
  return !frame.hasDeadline || mustBeInTime(frame);
}
