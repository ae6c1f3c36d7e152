export { createTransmitter, type TransmitterDependencies, type TransmitterService } from './app.js';
export {
  MAX_IN_FLIGHT,
  transmitterConfigSchema,
  type TransmitterConfig,
  type TransmitterConfigInput,
} from './config.js';
export { decodeResult } from './decode-result.js';
export { encodeFrame, openEncoder, type BundleEncoderOptions, type FrameEncoder } from './encode-frame.js';
export * from './errors.js';
export type { DecoderOptions, FrameRequest } from './frame-request.js';
export { runTransmitter, type TransmitterMessage } from './main.js';
export { modulateFrame, type ModulateOptions, type ModulatedFrame } from './modulate-frame.js';
export {
  summariseOutcome,
  summarisePreview,
  type CompletedFrame,
  type CompletedSummary,
  type CsnrFigures,
  type DroppedFrame,
  type DroppedSummary,
  type FrameOutcome,
  type FrameTimings,
  type OutcomeSummary,
  type PreviewedFrame,
  type PreviewSummary,
  type SentFrame,
} from './outcome.js';
export { DEMO_PHOTOS, listPhotos, type PhotoSource } from './photo-source.js';
export { PICTURE_STAGES, type PictureStage, type StoredFrame, type ShownPicture } from './picture-store.js';
export { openPhoto, readPhoto, type Photo, type PhotoInput, type ReadPhotoOptions } from './read-photo.js';
export type { LinkSummary, TransmitterStatus } from './status.js';
export type { StreamSettings } from './stream-control.js';
export type { StreamTotals, TransmitterEvents } from './transmitter.js';
