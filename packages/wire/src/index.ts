export { CLOSE_CODES } from './close-codes.js';
export { connectLink, type ClientLink } from './connect-link.js';
export * from './errors.js';
export { decodeFrame, encodeFrame } from './frame.js';
export * from './heads.js';
export { DeliveryCancelled, InboundStreams, type Delivery } from './inbound-streams.js';
export { DEFAULT_MAX_PAYLOAD_BYTES, PROTOCOL_VERSION } from './limits.js';
export type {
  ClientLinkEvents,
  ClientSocketOptions,
  ConnectLinkOptions,
  HelloInput,
  LinkEnd,
  LinkState,
  Masking,
  OutgoingFrame,
  ServerMessage,
  SessionHello,
} from './link-types.js';
export { linkSettings } from './link-settings.js';
export { openLink, type OpenLink } from './open-link.js';
export { bytesToIq, iqPayload, iqToBytes, readIq, SAMPLE_BYTES } from './samples.js';
export {
  serveLinks,
  type Refusal,
  type ServedLinks,
  type ServeLinksOptions,
  type ServerSession,
  type UpgradeRoutes,
} from './serve-links.js';
export { SharedBytes } from './shared-bytes.js';
