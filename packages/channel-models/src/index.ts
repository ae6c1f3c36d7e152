export {
  channelConfigSchema,
  createChannel,
  parseChannelConfig,
  type Channel,
  type ChannelConfig,
  type ChannelConfigInput,
  type FrameId,
  type ImpairedFrame,
  type ImpairOutcome,
} from './channel.js';
export { ChannelConfigError, SamplesError, TraceError } from './errors.js';
export { applyTaps, type FrameCoordinates } from './fading.js';
export { isFrameLost } from './loss.js';
export type { ChannelModel, FadingProcess } from './model.js';
export { addNoise } from './noise.js';
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
export { MAX_SNR_DB, MIN_SNR_DB } from './snr-range.js';
export { MAX_TRACE_CHARACTERS, parseTrace, traceAt, type SnrTrace } from './trace.js';
