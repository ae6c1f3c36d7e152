/** The version of the prefix, the heads and the handshake. */
export const PROTOCOL_VERSION = 4;

/** Bytes before the head: magic, version, kind, two lengths, checksum. */
export const PREFIX_BYTES = 16;

/** The longest head, padding included. A real one has a few hundred bytes. */
export const MAX_HEAD_BYTES = 64 * 1024;

/**
 * The longest payload by default: 64 MiB hold the samples of a 4096×4096 image at a bandwidth
 * ratio of 1/12 as cf32 (32 MiB), together with one channel gain for each of them.
 */
export const DEFAULT_MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
