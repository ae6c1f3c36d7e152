export { createReceiver, type ReceiverOptions, type ReceiverService } from './app.js';
export {
  DEFAULT_MAX_IMAGE_PIXELS,
  MAX_MIN_STEPS,
  receiverConfigSchema,
  type ReceiverConfig,
  type ReceiverConfigInput,
} from './config.js';
export type {
  DecodeContext,
  DecodedPicture,
  Decoder,
  GuidedSteps,
  OneShotDecode,
  PartialResult,
  Refinement,
  RefinementPlan,
} from './decoders/decoder.js';
export { decoderNames, decoders, type DecoderName } from './decoders/registry.js';
export type { DemodulatedFrame, ObservedCsnr } from './demodulate-frame.js';
export { DecoderGraphsError, FrameDropError, OutputDirError, UnknownDecoderError } from './errors.js';
export { runReceiver } from './main.js';
export type { ReceiverStatus, StreamStatus } from './status.js';
