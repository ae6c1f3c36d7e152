export {
  channelChangeSchema,
  channelConfigSchema,
  createChannel,
  DEFAULT_SAMPLE_RATE_HZ,
  NOISE_REFERENCES,
  parseChannelConfig,
  type Channel,
  type ChannelConfig,
  type ChannelConfigInput,
  type FrameId,
  type ImpairedFrame,
  type ImpairOutcome,
  type NoiseReference,
} from './channel.js';
export { ChannelConfigError, OptionError, SamplesError, TraceError } from './errors.js';
export { applyTaps, type FrameCoordinates } from './fading.js';
export { frequencyResponse } from './frequency-response.js';
export type { Impair, Impairment, ImpairmentContext, ImpairmentStage } from './impairment.js';
export {
  createImpairment,
  impairmentNames,
  impairments,
  impairmentsConfigSchema,
  type ImpairmentConfig,
  type ImpairmentConfigInput,
  type ImpairmentName,
} from './impairment-registry.js';
export { isFrameLost } from './loss.js';
export { mergeChannelConfig } from './merge.js';
export type { ChannelModel, FadingProcess } from './model.js';
export { addNoise } from './noise.js';
export { channelPresetNames, channelPresets, type ChannelPreset, type ChannelPresetName } from './presets.js';
export { berRician, gaussianTail } from './qpsk.js';
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
