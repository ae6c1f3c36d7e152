export { CostEstimator } from './cost-estimator.js';
export { FrameOfferError, SchedulerOptionsError, SchedulerStateError } from './errors.js';
export { MAX_EVALUATIONS, MAX_STEPS } from './frame.js';
export type { Evaluations, FrameKey, FrameOffer, FrameRequest, ImageSize, Purpose } from './frame.js';
export {
  parseSchedulerOptions,
  schedulerOptionsSchema,
  type SchedulerOptions,
  type SchedulerOptionsInput,
} from './options.js';
export type { Admission, AnsweredFrame, Job, JobRow, Plan, RefusalReason, SchedulerStats } from './plan.js';
export { StepScheduler } from './step-scheduler.js';
