export { DivergenceError, EvaluationError, ObservationError, SamplerOptionsError, ScheduleError } from './errors.js';
export type {
  DecoderEvaluation,
  DecoderResult,
  DenoiserEvaluation,
  DenoiserResult,
  EncoderVjpEvaluation,
  EncoderVjpResult,
  Evaluation,
  EvaluationRequest,
  EvaluationResult,
  EvaluationResults,
  PosteriorStepEvaluation,
  PosteriorStepResult,
  ResultOf,
  SamplerGraph,
  SamplerPart,
  SamplerResult,
  SamplerRun,
} from './evaluation.js';
export type { Denoise, SamplerContext } from './evaluator.js';
export {
  checkObservation,
  gainOf,
  measurementNorm,
  measurementResidual,
  symbolCount,
  type ComplexGain,
  type KnownChannel,
  type Observation,
  type Reception,
} from './observation.js';
export { MAX_SIGMA, MIN_STEPS } from './options.js';
export { optionsSchemaOf, presetNames, type OptionsSchema } from './presets.js';
export { configureSampler, samplerNames, samplers, type ConfiguredSampler, type SamplerName } from './registry.js';
export { samplerRandom, type EvaluationCounts, type Sampler } from './sampler.js';
export {
  ddpm,
  ddpmSigma,
  karras,
  MAX_STEPS,
  scheduleNames,
  schedules,
  type ScheduleName,
  type ScheduleOptions,
  type SigmaSchedule,
} from './schedules.js';
export { solverNames, solvers, type Solver, type SolverName, type SolverStep } from './solvers.js';
export { stepRequests } from './step-requests.js';
