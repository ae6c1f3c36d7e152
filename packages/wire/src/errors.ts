import { SemcastError } from '@semcast/core';
import { CLOSE_CODES } from './close-codes.js';
import type { DropReason } from './heads.js';

/** The close code that stands for "the connection broke without one". */
export const ABNORMAL_END = 1006;

const { badFrame, tryAgain } = CLOSE_CODES;

/**
 * Each code of {@link FrameError}: the code that a link is closed with because of it, and what to do. docs/errors.md
 * says what each means.
 */
export const FRAME_FAULTS = {
  E_FRAME_TRUNCATED: [badFrame, 'send every message whole: prefix, head and payload in one binary WebSocket message'],
  E_FRAME_OVERLONG: [badFrame, 'send one message per WebSocket message, and nothing after its payload'],
  E_FRAME_TOO_LARGE: [
    badFrame,
    'send smaller images or fewer channel uses, or raise maxPayloadBytes on the side that refuses',
  ],
  E_FRAME_MAGIC: [
    badFrame,
    'check that both ends speak the semcast wire protocol: every message starts with the bytes 53 43 ("SC")',
  ],
  E_FRAME_VERSION: [CLOSE_CODES.badProtocol, 'run the same release of semcast on both ends'],
  E_FRAME_CHECKSUM: [
    badFrame,
    'something between the two ends changes bytes, or a buffer was reused before it had been sent',
  ],
  E_FRAME_KIND: [badFrame, 'send only the kinds 1 to 9 that docs/adr/0001-wire-format.md lists'],
  E_FRAME_HEAD: [
    badFrame,
    'send a head with the fields that docs/adr/0001-wire-format.md lists for this kind, and no others',
  ],
  E_FRAME_PAYLOAD: [badFrame, 'make the payload exactly as long as the sample, gain or pixel counts in the head say'],
  E_FRAME_TEXT: [badFrame, 'send binary WebSocket messages in the semcast format; this is no JSON interface'],
  E_FRAME_UNEXPECTED: [badFrame, 'start with one hello, wait for the welcome, then send frame, ack and bye only'],
  E_FRAME_WEBSOCKET: [badFrame, 'connect with a WebSocket client, and check that no proxy between changes bytes'],
} as const satisfies Readonly<Record<string, readonly [closeCode: number, remedy: string]>>;

/** The same for {@link LinkError}. */
export const LINK_FAULTS = {
  E_TOKEN: [CLOSE_CODES.badToken, 'give both ends the same token'],
  E_HELLO_TIMEOUT: [CLOSE_CODES.helloTimeout, 'send the hello as the first message right after connecting'],
  E_LINK_REPLACED: [
    CLOSE_CODES.replaced,
    'give every transmitter a journal of its own: a copy of one is the same run of the same stream',
  ],
  E_STREAM_TAKEN: [
    CLOSE_CODES.streamTaken,
    'give every transmitter a stream id of its own; a link that a lost one left behind is gone in half a minute',
  ],
  E_TOO_MANY_SESSIONS: [
    CLOSE_CODES.tooManySessions,
    'try again later, raise maxSessions (of a receiver: maxStreams), or add a server',
  ],
  E_TRY_AGAIN: [tryAgain, 'nothing to do if it comes back: clients connect again by themselves'],
  E_SLOW_READER: [
    CLOSE_CODES.slowReader,
    'read faster or ask for fewer credits; finished results are sent again after reconnecting',
  ],
  E_SERVICE_FAILED: [CLOSE_CODES.internalError, "look at the service's log"],
  E_LINK_URL: [badFrame, 'write ws://HOST:PORT (or wss:// behind TLS), without a fragment'],
  E_LINK_UPGRADE: [tryAgain, 'check the address: host, port and path must be those of a semcast channel or receiver'],
  E_LINK_UNREACHABLE: [tryAgain, 'check that the service runs, and its host and port'],
  E_LINK_TIMEOUT: [tryAgain, 'check that the peer is alive and that nothing between holds messages back'],
  E_LINK_LOST: [ABNORMAL_END, 'nothing to do if it comes back: clients connect again by themselves'],
  E_LINK_CLOSED: [CLOSE_CODES.goingAway, 'connect again to send more'],
  E_OUTBOX_FULL: [tryAgain, 'await each send() before the next, or raise maxWaiting'],
  E_FRAME_DUPLICATE: [badFrame, 'number the frames of a stream 0, 1, 2, … and use no number twice'],
} as const satisfies Readonly<Record<string, readonly [closeCode: number, remedy: string]>>;

export type FrameFault = keyof typeof FRAME_FAULTS;
export type LinkFault = keyof typeof LINK_FAULTS;

/** Differences from the table. */
interface FaultOptions {
  readonly closeCode?: number;
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** Base of this package's errors. `closeCode` is the code with which a link is closed because of it. */
export class WireError extends SemcastError {
  override readonly name: string = 'WireError';
  readonly closeCode: number;

  constructor(code: string, closeCode: number, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(code, message, options);
    this.closeCode = closeCode;
  }
}

/** A message broke the format, or has no place here; every parser failure is one of these. */
export class FrameError extends WireError {
  override readonly name = 'FrameError';
  declare readonly code: FrameFault;
  /** Which frame it was, where that much could be read: it can then be dropped by name, and the link kept. */
  readonly frame: { readonly stream: string; readonly frame: number } | undefined;

  constructor(
    code: FrameFault,
    message: string,
    options: Omit<FaultOptions, 'remedy'> & { readonly frame?: FrameError['frame'] } = {},
  ) {
    const [closeCode, remedy] = FRAME_FAULTS[code];
    super(code, options.closeCode ?? closeCode, message, { remedy, cause: options.cause });
    this.frame = options.frame;
  }
}

/** A link can't be had, or can't go on; or a frame can't be sent on it. */
export class LinkError extends WireError {
  override readonly name = 'LinkError';
  declare readonly code: LinkFault;

  constructor(code: LinkFault, message: string, options: FaultOptions = {}) {
    const [closeCode, remedy] = LINK_FAULTS[code];
    super(code, options.closeCode ?? closeCode, message, { remedy: options.remedy ?? remedy, cause: options.cause });
  }
}

/** `E_LINK_UPGRADE`: the peer answered the upgrade request with an HTTP status instead. */
export class UpgradeRefused extends LinkError {
  readonly status: number;

  constructor(url: string, status: number) {
    super('E_LINK_UPGRADE', `${url} answered with HTTP status ${status} instead of a link`);
    this.status = status;
  }
}

/** The peer's `error` message: its code and its text. */
export class PeerError extends WireError {
  override readonly name = 'PeerError';

  constructor(code: string, closeCode: number, message: string, remedy: string) {
    super(code, closeCode, message, remedy === '' ? {} : { remedy });
  }
}

/** This end's own code threw while it handled a message; the cause is for its log, not for the wire. */
export function serviceFailed(cause: unknown): LinkError {
  return new LinkError('E_SERVICE_FAILED', 'this end failed inside while it handled a message', { cause });
}

/** `E_FRAME_DROPPED`: a frame ends without a result; `reason` is what its sender and the metrics are told. */
export class FrameDropError extends SemcastError {
  override readonly name = 'FrameDropError';
  readonly reason: DropReason;

  constructor(reason: DropReason, detail: string, options: { cause?: unknown } = {}) {
    super('E_FRAME_DROPPED', detail, options);
    this.reason = reason;
  }
}
