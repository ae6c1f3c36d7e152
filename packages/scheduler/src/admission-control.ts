import type { FrameState } from './frame-state.js';
import type { RefusalReason } from './plan.js';
import type { StepGrants } from './step-grants.js';
import type { StreamState } from './stream-clocks.js';

/** Why a frame can't be admitted. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly detail: string;
  /** Frames in the order of service, any of which would have to go for it to be admitted. */
  readonly displaceable: readonly FrameState[];
}

export interface AdmissionLimits {
  readonly maxFrames: number;
  readonly maxBacklogMs: number;
  readonly safety: number;
  readonly workers: number;
}

/**
 * Why a frame can't be admitted beside those that are, even if all get their fewest steps; undefined if it can.
 *
 * @param service all frames, the newcomer among them, in the order of service, forecast at their fewest steps
 */
export function whyRefused(
  newcomer: FrameState,
  service: readonly FrameState[],
  grants: StepGrants,
  nowMs: number,
  { maxFrames, maxBacklogMs, safety, workers }: AdmissionLimits,
): Refusal | undefined {
  if (service.length > maxFrames) {
    const detail = `${maxFrames} frames are waiting or running already`;
    return { reason: 'queue-full', detail, displaceable: service };
  }
  const soloMs = newcomer.profile.known ? newcomer.soloMs(newcomer.minSteps) : 0;
  if (nowMs >= newcomer.deadlineMs || nowMs + soloMs > newcomer.deadlineMs) {
    const leftMs = Math.max(0, Math.floor(newcomer.deadlineMs - nowMs));
    const detail = `the deadline is ${leftMs} ms away, and ${newcomer.minSteps} steps take ${Math.ceil(soloMs)} ms`;
    return { reason: 'deadline', detail, displaceable: [] };
  }
  const backlogMs = fewestWorkMs(service) / workers;
  // One frame alone may take as long as it likes.
  if (backlogMs > maxBacklogMs && service.length > 1) {
    const detail = `the frames ahead need ${Math.ceil(backlogMs)} ms even at their fewest steps`;
    return { reason: 'queue-full', detail, displaceable: service };
  }
  // Who was going to be late anyway is no reason. The newcomer must be in time with care, the others by the mean.
  const first = service.findIndex(
    (each) => !each.broken && grants.missesDeadline(each, each === newcomer ? safety : 1),
  );
  if (first < 0) {
    return undefined;
  }
  const detail =
    service[first] === newcomer
      ? 'the frames ahead leave too little time before the deadline'
      : 'another frame would miss its deadline';
  // Only those ahead of it, or that frame itself, make a difference.
  return { reason: 'queue-full', detail, displaceable: service.slice(0, first + 1) };
}

/**
 * Who has to go instead of a newcomer: of the stream that holds the most work, if without that frame it still holds no
 * less than the newcomer's, the one that would be served last and hasn't begun. Undefined if there is none.
 */
export function whomToDisplace(newcomer: FrameState, displaceable: readonly FrameState[]): FrameState | undefined {
  const ownMs = fewestWorkMs(newcomer.stream.line);
  const seen = new Set<StreamState>([newcomer.stream]);
  let heaviest: FrameState | undefined;
  let heaviestMs = -Infinity;
  for (const last of displaceable.toReversed()) {
    const { stream } = last;
    if (last.started || last.inJob || last.purpose === 'closing' || stream.line.length === 1 || seen.has(stream)) {
      continue;
    }
    seen.add(stream);
    const leftMs = fewestWorkMs(stream.line) - last.workMs(last.fewestSteps);
    if (leftMs >= ownMs && leftMs > heaviestMs) {
      heaviest = last;
      heaviestMs = leftMs;
    }
  }
  return heaviest;
}

/** Work of frames at their fewest steps. */
function fewestWorkMs(frames: readonly FrameState[]): number {
  let sum = 0;
  for (const frame of frames) {
    sum += frame.workMs(frame.fewestSteps);
  }
  return sum;
}
