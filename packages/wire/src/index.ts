export { backoffDelayMs, type BackoffOptions } from './backoff.js';
export { CLOSE_CODES, retryAfter, type Retry } from './close-codes.js';
export { connectLink } from './connect-link.js';
export * from './errors.js';
export {
  decodeFrame,
  encodeFrame,
  encodeFrameParts,
  joinFrame,
  type EncodedFrame,
  type PayloadSource,
} from './frame.js';
export * from './heads.js';
export {
  DeliveryCancelled,
  InboundStreams,
  type Delivery,
  type InboundStreamsOptions,
  type StreamSession,
} from './inbound-streams.js';
export { Inbox, type InboxOptions, type InboxVerdict } from './inbox.js';
export {
  DEFAULT_MAX_PAYLOAD_BYTES,
  MAX_HEAD_BYTES,
  PREFIX_BYTES,
  PROTOCOL_VERSION,
  type FrameLimits,
} from './limits.js';
export type {
  ClientKind,
  ClientLink,
  ClientLinkEvents,
  ClientSocketOptions,
  ConnectLinkOptions,
  HelloInput,
  LinkEnd,
  LinkState,
  Masking,
  OpenLink,
  OpenLinkOptions,
  OutgoingFrame,
  Refusal,
  ServedLinks,
  ServeLinksOptions,
  ServerKind,
  ServerMessage,
  ServerSession,
  SessionEvents,
  SessionHello,
  SocketOptions,
  UpgradeRoutes,
} from './link-types.js';
export { linkSettings } from './link-settings.js';
export { openLink } from './open-link.js';
export { Outbox, type OutboxFrame, type OutboxOptions, type OutcomeVerdict } from './outbox.js';
export {
  bytesToIq,
  framePayloadBytes,
  iqPayload,
  iqToBytes,
  readIq,
  SAMPLE_BYTES,
  type EncodedSamples,
  type FrameIq,
} from './samples.js';
export { serveLinks } from './serve-links.js';
