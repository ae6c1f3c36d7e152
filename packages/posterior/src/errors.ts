import { errorClass } from '@semcast/core';

/** A noise schedule was asked for that doesn't exist: no steps, or σ that don't fall. */
export class ScheduleError extends errorClass(
  'ScheduleError',
  'E_SCHEDULE',
  'ask for 1 to 1000 steps from a larger sigma down to a smaller one above 0',
) {}

/** A sampler's name or its options were refused; the message names each key that was wrong. */
export class SamplerOptionsError extends errorClass(
  'SamplerOptionsError',
  'E_SAMPLER_OPTIONS',
  'correct the named keys; docs/samplers.md lists samplers and their options',
) {}

/** What was received doesn't fit together: shapes, channels, or figures that mean nothing. */
export class ObservationError extends errorClass(
  'ObservationError',
  'E_OBSERVATION',
  'check that both sides agree on bundle, rate and image size',
) {}

/** A network gave something else than what a sampler asked for, or isn't there. */
export class EvaluationError extends errorClass(
  'EvaluationError',
  'E_EVALUATION',
  'check the graphs of the bundle, and what the runner hands back',
) {}

/** Values stopped being finite on the way. */
export class DivergenceError extends errorClass(
  'DivergenceError',
  'E_DIVERGED',
  'lower eta, stepSize or learningRate, or take more steps',
) {}
