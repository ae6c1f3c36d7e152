import { SemcastError } from '@semcast/core';

/** The options of a scheduler were refused; the message names each key that was wrong. */
export class SchedulerOptionsError extends SemcastError {
  override readonly name = 'SchedulerOptionsError';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super('E_SCHEDULER_OPTIONS', message, { ...options, remedy: 'correct the named options' });
  }
}

/** A frame was offered that can't be scheduled whatever the load: contradictory figures, or admitted already. */
export class FrameOfferError extends SemcastError {
  override readonly name = 'FrameOfferError';

  constructor(message: string) {
    super('E_FRAME_OFFER', message, { remedy: 'offer each frame once, with steps and evaluations that exist' });
  }
}

/** The runner said something that doesn't follow from what it was told: a job that isn't running, a second request. */
export class SchedulerStateError extends SemcastError {
  override readonly name = 'SchedulerStateError';

  constructor(message: string) {
    super('E_SCHEDULER_STATE', message, {
      remedy: 'complete or fail each planned job once, and answer each answered frame with one request or finish',
    });
  }
}
