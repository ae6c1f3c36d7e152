export { createTransmitter, type TransmitterService } from './app.js';
export { chooseCsi } from './choose-csi.js';
export {
  DIGITAL_COMPANIONS,
  transmitterConfigSchema,
  type TransmitterConfig,
  type TransmitterConfigInput,
} from './config.js';
export { decodeResult } from './decode-result.js';
export { encodeFrame, openEncoder, type FrameEncoder } from './encode-frame.js';
export type { DecoderOptions } from './frame-request.js';
export { runTransmitter, type TransmitterMessage } from './main.js';
export { modulateFrame, type ModulatedFrame } from './modulate-frame.js';
export { summariseOutcome, summarisePreview } from './outcome.js';
export type {
  CompletedFrame,
  CompletedSummary,
  DroppedFrame,
  DroppedSummary,
  FrameOutcome,
  OutcomeSummary,
  PreviewSummary,
} from './outcome.js';
export { DEMO_PHOTOS, listPhotos } from './photo-source.js';
export { readPhoto } from './read-photo.js';
export type { TransmitterStatus } from './status.js';
export type { StreamSettings } from './stream-control.js';
