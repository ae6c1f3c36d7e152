import { SemcastError } from '@semcast/core';
import { CLOSE_CODES } from './close-codes.js';

/** The close code that stands for "the connection broke without one". */
const ABNORMAL_END = 1006;

interface WireErrorOptions {
  readonly remedy: string;
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

/** A message broke the format; every parser failure is one of these. */
export class FrameError extends WireError {
  override readonly name: string = 'FrameError';
}

/** The message ends before its own lengths say. */
export class FrameTruncated extends FrameError {
  override readonly name = 'FrameTruncated';

  constructor(message: string) {
    super('E_FRAME_TRUNCATED', CLOSE_CODES.badFrame, message, {
      remedy: 'send every message whole: prefix, head and payload in one binary WebSocket message',
    });
  }
}

/** The message goes on after its own lengths say. */
export class FrameOverlong extends FrameError {
  override readonly name = 'FrameOverlong';

  constructor(message: string) {
    super('E_FRAME_OVERLONG', CLOSE_CODES.badFrame, message, {
      remedy: 'send one message per WebSocket message, and nothing after its payload',
    });
  }
}

/** The head or the payload is longer than this side takes. */
export class FrameTooLarge extends FrameError {
  override readonly name = 'FrameTooLarge';

  constructor(message: string, options: { closeCode?: number; cause?: unknown } = {}) {
    super('E_FRAME_TOO_LARGE', options.closeCode ?? CLOSE_CODES.badFrame, message, {
      remedy: 'send smaller images or fewer channel uses, or raise maxPayloadBytes on the side that refuses',
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
  }
}

/** The first two bytes are not `SC`. */
export class BadMagic extends FrameError {
  override readonly name = 'BadMagic';

  constructor(message: string) {
    super('E_FRAME_MAGIC', CLOSE_CODES.badFrame, message, {
      remedy: 'check that both ends speak the semcast wire protocol: every message starts with the bytes 53 43 ("SC")',
    });
  }
}

/** The peer speaks another version of the protocol. */
export class BadVersion extends FrameError {
  override readonly name = 'BadVersion';

  constructor(message: string) {
    super('E_FRAME_VERSION', CLOSE_CODES.badProtocol, message, {
      remedy: 'run the same release of semcast on both ends',
    });
  }
}

/** The checksum doesn't match the bytes. */
export class BadChecksum extends FrameError {
  override readonly name = 'BadChecksum';

  constructor(message: string) {
    super('E_FRAME_CHECKSUM', CLOSE_CODES.badFrame, message, {
      remedy: 'something between the two ends changes bytes, or a buffer was reused before it had been sent',
    });
  }
}

/** The kind of message is unknown. */
export class BadKind extends FrameError {
  override readonly name = 'BadKind';

  constructor(message: string) {
    super('E_FRAME_KIND', CLOSE_CODES.badFrame, message, {
      remedy: 'send only the kinds 1 to 9 that docs/adr/0001-wire-format.md lists',
    });
  }
}

/** The head is not valid MessagePack, or not what its kind asks for. */
export class BadHead extends FrameError {
  override readonly name = 'BadHead';
  /** Which frame it was, where that much could be read: it can then be dropped by name, and the link kept. */
  readonly frame: { readonly stream: string; readonly frame: number } | undefined;

  constructor(
    message: string,
    options: { frame?: { stream: string; frame: number } | undefined; cause?: unknown } = {},
  ) {
    super('E_FRAME_HEAD', CLOSE_CODES.badFrame, message, {
      remedy: 'send a head with the fields that docs/adr/0001-wire-format.md lists for this kind, and no others',
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.frame = options.frame;
  }
}

/** The payload is not as long as the head says. */
export class BadPayload extends FrameError {
  override readonly name = 'BadPayload';
  /** As in {@link BadHead}. */
  readonly frame: { readonly stream: string; readonly frame: number } | undefined;

  constructor(message: string, options: { frame?: { stream: string; frame: number } | undefined } = {}) {
    super('E_FRAME_PAYLOAD', CLOSE_CODES.badFrame, message, {
      remedy: 'make the payload exactly as long as the sample, gain or pixel counts in the head say',
    });
    this.frame = options.frame;
  }
}

/** A text message came where only binary ones are spoken. */
export class TextMessage extends FrameError {
  override readonly name = 'TextMessage';

  constructor() {
    super('E_FRAME_TEXT', CLOSE_CODES.badFrame, 'a text message arrived; this link carries binary messages only', {
      remedy: 'send binary WebSocket messages in the semcast format; this is no JSON interface',
    });
  }
}

/** A well-formed message of a kind that has no place here. */
export class UnexpectedMessage extends FrameError {
  override readonly name = 'UnexpectedMessage';

  constructor(message: string) {
    super('E_FRAME_UNEXPECTED', CLOSE_CODES.badFrame, message, {
      remedy: 'start with one hello, wait for the welcome, then send frame, ack and bye only',
    });
  }
}

/** The hello carries no token or a wrong one. */
export class BadToken extends WireError {
  override readonly name = 'BadToken';

  constructor(message: string) {
    super('E_TOKEN', CLOSE_CODES.badToken, message, { remedy: 'give both ends the same token' });
  }
}

/** A connection was opened and no hello came. */
export class HelloTimeout extends WireError {
  override readonly name = 'HelloTimeout';

  constructor(timeoutMs: number) {
    super('E_HELLO_TIMEOUT', CLOSE_CODES.helloTimeout, `no hello arrived within ${timeoutMs} ms`, {
      remedy: 'send the hello as the first message right after connecting',
    });
  }
}

/** The stream was connected anew, by a client of the same run. */
export class LinkReplaced extends WireError {
  override readonly name = 'LinkReplaced';

  constructor(stream: string) {
    super('E_LINK_REPLACED', CLOSE_CODES.replaced, `stream "${stream}" connected again, and the newest link wins`, {
      remedy: 'give every transmitter a journal of its own: a copy of one is the same run of the same stream',
    });
  }
}

/** The stream has a link already, and this hello isn't the one to take it over. */
export class StreamTaken extends WireError {
  override readonly name = 'StreamTaken';

  constructor(stream: string, { byOwnRun }: { readonly byOwnRun: boolean }) {
    const [whose, remedy] = byOwnRun
      ? ['by a later hello', 'nothing to do: this hello was late, and its sender has connected again since']
      : [
          'by another run',
          'give every transmitter a stream id of its own; a link that a lost one left behind is gone in half a minute',
        ];
    super('E_STREAM_TAKEN', CLOSE_CODES.streamTaken, `stream "${stream}" is linked already, ${whose}`, { remedy });
  }
}

/** The server holds as many sessions as it may. */
export class TooManySessions extends WireError {
  override readonly name = 'TooManySessions';

  constructor(maxSessions: number) {
    super('E_TOO_MANY_SESSIONS', CLOSE_CODES.tooManySessions, `all ${maxSessions} sessions are taken`, {
      remedy: 'try again later, raise maxSessions, or add a server',
    });
  }
}

/** The server can't serve now, but may soon. */
export class TryAgain extends WireError {
  override readonly name = 'TryAgain';

  constructor(message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super('E_TRY_AGAIN', CLOSE_CODES.tryAgain, message, {
      remedy: options.remedy ?? 'nothing to do if it comes back: clients connect again by themselves',
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
  }
}

/** The peer takes its messages more slowly than they are made. */
export class SlowReader extends WireError {
  override readonly name = 'SlowReader';

  constructor(bufferedBytes: number) {
    super('E_SLOW_READER', CLOSE_CODES.slowReader, `${bufferedBytes} bytes wait for a peer that doesn't read them`, {
      remedy: 'read faster or ask for fewer credits; finished results are sent again after reconnecting',
    });
  }
}

/** This end's own code threw while it handled a message; the cause is for its log, not for the wire. */
export class ServiceFailed extends WireError {
  override readonly name = 'ServiceFailed';

  constructor(cause: unknown) {
    super('E_SERVICE_FAILED', CLOSE_CODES.internalError, 'this end failed inside while it handled a message', {
      remedy: "look at the service's log",
      cause,
    });
  }
}

/** What the peer said in its `error` message: its code and its words. */
export class PeerError extends WireError {
  override readonly name = 'PeerError';

  constructor(code: string, closeCode: number, message: string, remedy: string) {
    super(code, closeCode, message, remedy === '' ? {} : { remedy });
  }
}

/** The address of the peer can't be used. */
export class BadLinkUrl extends WireError {
  override readonly name = 'BadLinkUrl';

  constructor(url: string, cause?: unknown) {
    super('E_LINK_URL', CLOSE_CODES.badFrame, `"${url}" is no WebSocket address`, {
      remedy: 'write ws://HOST:PORT (or wss:// behind TLS), without a fragment',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** The peer answered the upgrade request with an HTTP status instead. */
export class UpgradeRefused extends WireError {
  override readonly name = 'UpgradeRefused';
  readonly status: number;

  constructor(url: string, status: number) {
    super('E_LINK_UPGRADE', CLOSE_CODES.tryAgain, `${url} answered with HTTP status ${status} instead of a link`, {
      remedy: 'check the address: host, port and path must be those of a semcast channel or receiver',
    });
    this.status = status;
  }
}

/** Nobody answers at the address. */
export class LinkUnreachable extends WireError {
  override readonly name = 'LinkUnreachable';

  constructor(url: string, { cause, remedy }: { cause?: unknown; remedy?: string } = {}) {
    const why = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : '';
    super('E_LINK_UNREACHABLE', CLOSE_CODES.tryAgain, `${url} can't be reached${why}`, {
      remedy: remedy ?? 'check that the service runs, and its host and port',
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** The peer accepted the connection, then went silent. */
export class LinkTimeout extends WireError {
  override readonly name = 'LinkTimeout';

  constructor(message: string) {
    super('E_LINK_TIMEOUT', CLOSE_CODES.tryAgain, message, {
      remedy: 'check that the peer is alive and that nothing between holds messages back',
    });
  }
}

/** An established link ended without anybody saying why. */
export class LinkLost extends WireError {
  override readonly name = 'LinkLost';

  constructor(message: string, options: { closeCode?: number; cause?: unknown } = {}) {
    super('E_LINK_LOST', options.closeCode ?? ABNORMAL_END, message, {
      remedy: 'nothing to do if it comes back: clients connect again by themselves',
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
  }
}

/** The peer broke the WebSocket protocol underneath ours. */
export class BrokenWebSocket extends FrameError {
  override readonly name = 'BrokenWebSocket';

  constructor(cause: Error) {
    super('E_FRAME_WEBSOCKET', CLOSE_CODES.badFrame, `the peer broke the WebSocket protocol: ${cause.message}`, {
      remedy: 'connect with a WebSocket client, and check that no proxy between changes bytes',
      cause,
    });
  }
}

/** The link is closed, so nothing can be sent on it. */
export class LinkClosed extends WireError {
  override readonly name = 'LinkClosed';

  constructor(message: string, options: WireErrorOptions & { closeCode?: number }) {
    super('E_LINK_CLOSED', options.closeCode ?? CLOSE_CODES.goingAway, message, options);
  }
}

/** More frames wait to be sent than the outbox holds. */
export class OutboxFull extends WireError {
  override readonly name = 'OutboxFull';

  constructor(maxWaiting: number) {
    super('E_OUTBOX_FULL', CLOSE_CODES.tryAgain, `${maxWaiting} frames already wait for a credit`, {
      remedy: 'await each send() before the next, or raise maxWaiting',
    });
  }
}

/** The same frame number was given twice, and the first is unresolved. */
export class DuplicateFrame extends WireError {
  override readonly name = 'DuplicateFrame';

  constructor(frame: number) {
    super('E_FRAME_DUPLICATE', CLOSE_CODES.badFrame, `frame ${frame} is already on its way`, {
      remedy: 'number the frames of a stream 0, 1, 2, … and use no number twice',
    });
  }
}

/** The registry of streams is full of connected ones. */
export class TooManyStreams extends WireError {
  override readonly name = 'TooManyStreams';

  constructor(maxStreams: number) {
    super('E_TOO_MANY_STREAMS', CLOSE_CODES.tooManySessions, `all ${maxStreams} streams are taken`, {
      remedy: 'try again later, raise maxStreams, or add a server',
    });
  }
}
