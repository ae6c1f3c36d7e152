export {
  channelConfigSchema,
  createChannel,
  parseChannelConfig,
  type Channel,
  type ChannelConfig,
  type ChannelConfigInput,
  type FrameId,
} from './channel.js';
export { ChannelConfigError, SamplesError, TraceError } from './errors.js';
export { applyFading, drawFading, type FrameCoordinates } from './fading.js';
export { MAX_COHERENCE_SAMPLES } from './gains.js';
export {
  impair,
  MAX_SNR_DB,
  MIN_SNR_DB,
  noiseReferences,
  type ImpairedFrame,
  type ImpairOptions,
  type ImpairOutcome,
  type NoiseReference,
} from './impair.js';
export { isFrameLost } from './loss.js';
export type { ChannelModel, FadingProcess, Gains } from './model.js';
export { addNoise, drawNoise } from './noise.js';
export {
  channelModelConfigSchema,
  channelModelNames,
  channelModels,
  createChannelModel,
  type ChannelModelConfig,
  type ChannelModelConfigInput,
  type ChannelModelName,
} from './registry.js';
export type { ScheduleCoordinates, SnrAt, SnrSchedule } from './schedule.js';
export {
  createSnrSchedule,
  snrScheduleConfigSchema,
  snrScheduleNames,
  snrSchedules,
  type SnrScheduleConfig,
  type SnrScheduleConfigInput,
  type SnrScheduleName,
} from './schedule-registry.js';
export { MAX_TRACE_CHARACTERS, parseTrace, traceAt, type SnrTrace } from './trace.js';
