import type { Forecast } from './forecast.js';
import type { FrameState } from './frame-state.js';
import type { RefusalReason } from './plan.js';
import type { StreamState } from './stream-clocks.js';

/** Why a frame can't be admitted. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly detail: string;
  /** Frames in the order of service, any of which would have to go for it to be admitted. */
  readonly displaceable: readonly FrameState[];
  /** Its stream is within its share: it is admitted even where none of those can go. */
  readonly yields: boolean;
}

interface AdmissionLimits {
  readonly maxFrames: number;
  readonly maxBacklogMs: number;
  readonly safety: number;
  readonly workers: number;
  /** The part of the machine that the newcomer's stream may have. */
  readonly shareOfMachine: number;
}

/**
 * Why a frame can't be admitted beside those that are, even if all get their fewest steps; undefined if it can.
 *
 * The backlog is charged to streams: one that has no more than its share of it is never refused for what others hold.
 * And a frame may not demand more than that share, because it would occupy its worker for that long. Both shares shrink
 * as streams come, so what is admitted in all stays below maxBacklogMs·(1 + 1/2 + … + 1/n) for n streams of equal
 * shares.
 *
 * @param forecast of all frames, the newcomer among them, at their fewest steps
 * @param broken those that were going to miss their deadline before the newcomer came: they are no reason
 */
export function whyRefused(
  newcomer: FrameState,
  forecast: Forecast,
  broken: ReadonlySet<FrameState>,
  nowMs: number,
  { maxFrames, maxBacklogMs, safety, workers, shareOfMachine }: AdmissionLimits,
): Refusal | undefined {
  const { service } = forecast.outlook;
  if (service.length > maxFrames) {
    const detail = `${maxFrames} frames are waiting or running already`;
    return { reason: 'queue-full', detail, displaceable: service, yields: false };
  }
  const { minSteps, profile } = newcomer;
  const soloMs = profile.known ? newcomer.soloMs(minSteps) : 0;
  if (nowMs >= newcomer.deadlineMs || nowMs + soloMs > newcomer.deadlineMs) {
    const leftMs = Math.max(0, Math.floor(newcomer.deadlineMs - nowMs));
    const detail = `the deadline is ${leftMs} ms away, and ${minSteps} steps take ${Math.ceil(soloMs)} ms`;
    return { reason: 'deadline', detail, displaceable: [], yields: false };
  }
  const shareMs = maxBacklogMs * shareOfMachine;
  const ownMs = newcomer.workMs(minSteps) / workers;
  // A frame of one pass has no steps to give up, and costs that were not measured are no reason to refuse.
  if (minSteps > 0 && profile.known && ownMs > shareMs) {
    const detail =
      `its fewest steps, ${minSteps}, need ${Math.ceil(ownMs)} ms of this receiver, ` +
      `and the share of its stream is ${Math.floor(shareMs)} ms`;
    return { reason: 'too-many-steps', detail, displaceable: [], yields: false };
  }
  // The newcomer must be in time with care, the others by the mean.
  const first = service.findIndex(
    (each, i) => !broken.has(each) && forecast.missesDeadline(i, each === newcomer ? safety : 1),
  );
  if (first >= 0) {
    const detail =
      service[first] === newcomer
        ? 'the frames ahead leave too little time before the deadline'
        : 'another frame would miss its deadline';
    // Only those ahead of it, or that frame itself, make a difference.
    return { reason: 'queue-full', detail, displaceable: service.slice(0, first + 1), yields: false };
  }
  const backlogMs = fewestWorkMs(service) / workers;
  // A single frame may take any time.
  if (backlogMs <= maxBacklogMs || service.length === 1) {
    return undefined;
  }
  const streamMs = fewestWorkMs(newcomer.stream.line) / workers;
  const detail =
    `all frames need ${Math.ceil(backlogMs)} ms even at their fewest steps, and those of its stream ` +
    `${Math.ceil(streamMs)} ms of that, where its share is ${Math.floor(shareMs)} ms`;
  return { reason: 'queue-full', detail, displaceable: service, yields: streamMs <= shareMs };
}

/**
 * The frame to displace for a newcomer. It belongs to the client that holds the most work, if without that frame this
 * client still holds no less than the newcomer's, and to the client's stream that holds the most; it is the frame there
 * that would be served last and hasn't begun. Where no other client has one, the streams of the newcomer's own
 * client are compared in the same way, by what they hold for their weight. Undefined if there is none.
 */
export function whomToDisplace(newcomer: FrameState, displaceable: readonly FrameState[]): FrameState | undefined {
  const { stream } = newcomer;
  const lasts = lastOfStreams(displaceable).filter((each) => each.stream !== stream);
  const others = lasts.filter((each) => each.stream.client !== stream.client);
  return (
    heaviest(others, fewestWorkMs(framesOf(stream.client.streams)), (each) => framesOf(each.stream.client.streams)) ??
    heaviest(
      lasts.filter((each) => each.stream.client === stream.client),
      fewestWorkMs(stream.line) / stream.weight,
      (each) => each.stream.line,
      (each) => each.stream.weight,
    )
  );
}

/** For each stream, the last in service among the frames that may be displaced; the last of all first. */
function lastOfStreams(displaceable: readonly FrameState[]): FrameState[] {
  const lasts = new Map<StreamState, FrameState>();
  for (const frame of displaceable.toReversed()) {
    const { stream, started, inJob, purpose } = frame;
    // A stream without another frame would be forgotten, and couldn't be restored.
    if (!started && !inJob && purpose !== 'closing' && stream.line.length > 1 && !lasts.has(stream)) {
      lasts.set(stream, frame);
    }
  }
  return [...lasts.values()];
}

/** Of frames whose company would keep at least `leastMs` for its weight without them, the one whose company, then stream, keeps most. */
function heaviest(
  candidates: readonly FrameState[],
  leastMs: number,
  companyOf: (frame: FrameState) => readonly FrameState[],
  weightOf: (frame: FrameState) => number = () => 1,
): FrameState | undefined {
  let found: FrameState | undefined;
  let foundMs = [-Infinity, -Infinity] as const;
  for (const frame of candidates) {
    const ownMs = frame.workMs(frame.fewestSteps);
    const leftMs = [
      (fewestWorkMs(companyOf(frame)) - ownMs) / weightOf(frame),
      (fewestWorkMs(frame.stream.line) - ownMs) / frame.stream.weight,
    ] as const;
    const more = leftMs[0] > foundMs[0] || (leftMs[0] === foundMs[0] && leftMs[1] > foundMs[1]);
    if (leftMs[0] >= leastMs && more) {
      found = frame;
      foundMs = leftMs;
    }
  }
  return found;
}

function framesOf(streams: Iterable<StreamState>): FrameState[] {
  return Array.from(streams).flatMap(({ line }) => line);
}

/** Work of frames at their fewest steps. */
function fewestWorkMs(frames: readonly FrameState[]): number {
  let sum = 0;
  for (const frame of frames) {
    sum += frame.workMs(frame.fewestSteps);
  }
  return sum;
}
