import { errorClass } from '@semcast/core';

/** The options of a scheduler were refused; the message names each key that was wrong. */
export class SchedulerOptionsError extends errorClass(
  'SchedulerOptionsError',
  'E_SCHEDULER_OPTIONS',
  'correct the named options',
) {}

/** A frame was offered that can't be scheduled whatever the load: contradictory figures, or admitted already. */
export class FrameOfferError extends errorClass(
  'FrameOfferError',
  'E_FRAME_OFFER',
  'offer each frame once, with steps and evaluations that exist',
) {}

/** The runner said something that doesn't follow from what it was told: a job that isn't running, a second request. */
export class SchedulerStateError extends errorClass(
  'SchedulerStateError',
  'E_SCHEDULER_STATE',
  'complete or fail each planned job once, and answer each answered frame with one request or finish',
) {}
