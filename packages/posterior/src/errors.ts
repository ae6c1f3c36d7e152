import { SemcastError } from '@semcast/core';

/** A noise schedule was asked for that doesn't exist: no steps, or σ that don't fall. */
export class ScheduleError extends SemcastError {
  override readonly name = 'ScheduleError';

  constructor(message: string) {
    super('E_SCHEDULE', message, {
      remedy: 'ask for 1 to 1000 steps from a larger sigma down to a smaller one above 0',
    });
  }
}

/** A sampler's name or its options were refused; the message names each key that was wrong. */
export class SamplerOptionsError extends SemcastError {
  override readonly name = 'SamplerOptionsError';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super('E_SAMPLER_OPTIONS', message, {
      ...options,
      remedy: 'correct the named keys; docs/samplers.md lists samplers and their options',
    });
  }
}

/** What was received doesn't fit together: shapes, channels, or figures that mean nothing. */
export class ObservationError extends SemcastError {
  override readonly name = 'ObservationError';

  constructor(message: string) {
    super('E_OBSERVATION', message, { remedy: 'check that both sides agree on bundle, rate and image size' });
  }
}

/** A network gave something else than what a sampler asked for, or isn't there. */
export class EvaluationError extends SemcastError {
  override readonly name = 'EvaluationError';

  constructor(message: string) {
    super('E_EVALUATION', message, { remedy: 'check the graphs of the bundle, and what the runner hands back' });
  }
}

/** Values stopped being finite on the way. */
export class DivergenceError extends SemcastError {
  override readonly name = 'DivergenceError';

  constructor(message: string) {
    super('E_DIVERGED', message, { remedy: 'lower eta, stepSize or learningRate, or take more steps' });
  }
}
