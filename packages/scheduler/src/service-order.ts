import type { FrameState } from './frame-state.js';
import type { StreamClocks } from './stream-clocks.js';

/**
 * The order in which frames are served while they have something to run.
 *
 * Fair queueing by finish: a frame's tag is its stream's virtual time, plus the work that this stream still needs up to
 * the end of this frame, at its stream's pace. The tag stays where it is while the frame runs, so frames are finished one after another
 * rather than all at the end, and a frame of a stream that had less goes first, at the next step. Tags are rounded down
 * to windows; within one, the earliest deadline goes first. So a deadline puts a stream ahead of its fair share by a
 * window and the remainder of a frame, and no more.
 *
 * Frames that can't be on time any more come last, in the same order: they must not make others late as well.
 */
export class ServiceOrder {
  readonly #workers: number;
  /** Kept sorted from plan to plan: little changes in between. */
  #sorted: FrameState[] = [];

  constructor({ workers }: { readonly workers: number }) {
    this.#workers = workers;
  }

  add(frame: FrameState): void {
    this.#sorted.push(frame);
    const { line } = frame.stream;
    let at = line.length;
    while (at > 0 && byDue(frame, line[at - 1]!) < 0) {
      at -= 1;
    }
    line.splice(at, 0, frame);
  }

  remove(frame: FrameState): void {
    this.#sorted.splice(this.#sorted.indexOf(frame), 1);
    frame.stream.line.splice(frame.stream.line.indexOf(frame), 1);
  }

  /** Every frame, in no particular order. */
  get frames(): readonly FrameState[] {
    return this.#sorted;
  }

  /** Sort the frames for this moment; costs must have been refreshed. */
  sort(streams: StreamClocks, windowMs: number, nowMs: number): FrameState[] {
    for (const stream of streams.values()) {
      const pace = streams.paceOf(stream);
      let startMs = stream.virtualMs - streams.virtualMs;
      for (const frame of stream.line) {
        const workMs = frame.workMs(frame.steps);
        const endsSoon = frame.started && frame.hasDeadline && workMs <= windowMs;
        const endMs = startMs + pace * Math.min(workMs, windowMs);
        frame.round = endsSoon ? 0 : Math.max(0, Math.ceil(endMs / windowMs) - 1);
        startMs += pace * workMs;
      }
    }
    this.#sorted.sort((a, b) => a.round - b.round || byDue(a, b));
    return this.#lateLast(nowMs);
  }

  /**
   * A frame is late if it misses its deadline at its fewest steps even in the best case: all workers wholly busy with
   * those ahead of it, and no wait between its steps. Late frames take nothing from those behind them.
   */
  #lateLast(nowMs: number): FrameState[] {
    const inTime: FrameState[] = [];
    const late: FrameState[] = [];
    let aheadMs = 0;
    for (const frame of this.#sorted) {
      const workMs = aheadMs + frame.workMs(frame.fewestSteps);
      const finishMs = Math.max(workMs / this.#workers, frame.sequenceMs(frame.fewestSteps));
      frame.late = frame.hasDeadline && frame.profile.known && nowMs + finishMs > frame.deadlineMs;
      if (frame.late) {
        late.push(frame);
      } else {
        aheadMs = workMs;
        inTime.push(frame);
      }
    }
    return late.length === 0 ? inTime : inTime.concat(late);
  }
}

function byDue(a: FrameState, b: FrameState): number {
  // Not a difference: two frames without a deadline that are due at Infinity would give NaN.
  return a.dueMs < b.dueMs ? -1 : a.dueMs > b.dueMs ? 1 : a.sequence - b.sequence;
}
