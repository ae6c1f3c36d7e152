import { type Delivery, FrameDropError } from '@semcast/wire';

/** The longest delay of a timer in Node: 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The time limit of a frame. */
export interface Deadline {
  /** Fires with the delivery's own signal, or with a FrameDropError `deadline` when time is up. */
  readonly signal: AbortSignal;
  /** The frame has ended. */
  stop(): void;
}

/**
 * Start a frame's clock: its result is worthless `deadlineMs` after its arrival here. The time counts from the arrival,
 * because clocks of two machines can't be compared.
 *
 * @param isTimed false where another process times the frame
 */
export function startDeadline({ head, signal }: Pick<Delivery, 'head' | 'signal'>, isTimed = true): Deadline {
  const { deadlineMs } = head;
  if (deadlineMs === undefined || !isTimed) {
    return { signal, stop: () => {} };
  }
  const expiry = new AbortController();
  const timer = setTimeout(
    () => {
      const message = `no result within the ${deadlineMs} ms that the frame had`;
      expiry.abort(new FrameDropError('deadline', `${message}; raise deadlineMs, or send fewer frames at a time`));
    },
    Math.min(deadlineMs, MAX_TIMER_MS),
  );
  return {
    signal: AbortSignal.any([signal, expiry.signal]),
    stop: () => {
      clearTimeout(timer);
    },
  };
}
