export { createReceiver, type ReceiverOptions, type ReceiverService } from './app.js';
export {
  DEFAULT_MAX_IMAGE_PIXELS,
  receiverConfigSchema,
  type ReceiverConfig,
  type ReceiverConfigInput,
} from './config.js';
export type { DecodeContext, DecodedPicture, Decoder, DecoderNetworks, PartialResult } from './decoders/decoder.js';
export { decoders, type DecoderName } from './decoders/registry.js';
export type { ObservedCsnr, Observation } from './demodulate-frame.js';
export { FrameDropError, OutputDirError, UnknownDecoderError } from './errors.js';
export { runReceiver } from './main.js';
export type { ReceiverStatus, StreamStatus } from './status.js';
