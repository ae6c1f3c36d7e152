/**
 * One WebSocket that carries semcast messages: encoding and decoding, keepalive, limits, and an end that is reported
 * once and says why. Both ends use it, and add handshakes and meaning.
 */
import { printable, type SemcastError } from '@semcast/core';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { CLOSE_CODES } from './close-codes.js';
import { Emitter } from './emitter.js';
import { ABNORMAL_END, FrameError, LinkError, PeerError, serviceFailed, WireError } from './errors.js';
import { decodeFrame, encodeFrameParts, joinFrame, type EncodedFrame, type PayloadSource } from './frame.js';
import { MAX_TEXT_LENGTH, type ErrorHead, type Heads, type MessageKind, type WireMessage } from './heads.js';
import type { LinkEnd, SocketOptions } from './link-types.js';
import { DEFAULT_MAX_PAYLOAD_BYTES, MAX_HEAD_BYTES, PREFIX_BYTES } from './limits.js';

/** A close frame's reason has at most this many bytes. */
const MAX_REASON_BYTES = 123;
/** More than what two peers' pings and pongs take between two of them. */
const KEEP_ALIVE_BYTES = 1024;
/**
 * A message of more than LONG_BYTES that grows more slowly than this, while two pings are due, isn't waited for: its
 * beginning takes up memory.
 */
const MIN_BYTES_PER_SECOND = 16 * 1024;
const LONG_BYTES = 64 * 1024;
/** Bytes of a ping or pong beside its payload. */
const CONTROL_BYTES = 6;
/** Messages up to this size are sent in one piece: copying them costs less than a second WebSocket frame. */
const JOIN_BYTES = 4 * 1024;
/**
 * Messages up to this size wait for the end of the turn, to leave together; each larger one gets a write of its own.
 */
const CORK_BYTES = 32 * 1024;

/** The limits of a socket with their defaults. */
export function socketLimits(options: SocketOptions): Required<Omit<SocketOptions, 'onTraffic'>> {
  const maxPayloadBytes = options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES;
  return {
    maxPayloadBytes,
    keepAliveMs: options.keepAliveMs ?? 15_000,
    closeTimeoutMs: options.closeTimeoutMs ?? 3000,
    maxBufferedBytes: options.maxBufferedBytes ?? 4 * maxPayloadBytes,
  };
}

/**
 * The limit of message length that ws gets. A little more than the longest that is taken: a payload just above the
 * limit is then refused with a message (E_FRAME_TOO_LARGE), and only one far above it by ws's bare 1009.
 */
export function maxMessageBytes(maxPayloadBytes: number): number {
  return PREFIX_BYTES + MAX_HEAD_BYTES + maxPayloadBytes + 64 * 1024;
}

export interface MessageSocketOptions extends SocketOptions {
  /** An open one, with `binaryType` "fragments". */
  readonly ws: WebSocket;
  /** The connection underneath. */
  readonly stream: Duplex;
  /** Name of the other end, for messages. */
  readonly peer: string;
  /** Kinds that may come. */
  readonly accepts: ReadonlySet<MessageKind>;
  readonly onMessage: (message: WireMessage) => void;
  /** A message that can't be decoded; return true when that is dealt with and the link may go on. */
  readonly onBroken?: (error: FrameError) => boolean;
  /** onMessage threw. */
  readonly onFailure?: (error: unknown) => void;
  /** Bytes that have come of a message which isn't complete; 0 once it is. */
  readonly onUnfinished?: (bytes: number) => void;
  /** Bytes that wait for the peer to read them; 0 at the end. */
  readonly onUnread?: (bytes: number) => void;
  /** This end has begun to close; onEnd follows. */
  readonly onClosing?: () => void;
  readonly onEnd: (end: LinkEnd) => void;
}

/** @typeParam Sends the kinds that its owner may send */
export class MessageSocket<
  Sends extends MessageKind,
  Events extends { [Name in keyof Events]: readonly unknown[] } = {},
> extends Emitter<Events> {
  readonly #ws: WebSocket;
  readonly #stream: Duplex & { readonly bytesRead?: number };
  readonly #options: MessageSocketOptions;
  readonly #limits: ReturnType<typeof socketLimits>;
  #accepts: ReadonlySet<MessageKind>;
  #corked = false;
  /** Why this end closes, from the moment it does. */
  #closing: { readonly code: number; readonly error: WireError | undefined } | undefined;
  /** The error that the peer sent before it closed. */
  #peerError: ErrorHead | undefined;
  /** The error that ws or the socket reported. */
  #failure: Error | undefined;
  #ended = false;
  readonly #keepAlive: NodeJS.Timeout;
  #closeTimer: NodeJS.Timeout | undefined;
  #seenBytes = 0;
  /** A whole message, ping or pong came since the last look. */
  #heard = false;
  #silentTicks = 0;
  /** Bytes that have come since the last whole message. */
  #unfinished = 0;
  /** The same at the last look; undefined where a message has ended since. */
  #seenUnfinished: number | undefined;
  #slowTicks = 0;

  constructor(options: MessageSocketOptions) {
    super();
    this.#options = options;
    this.#ws = options.ws;
    this.#stream = options.stream;
    this.#limits = socketLimits(options);
    this.#accepts = options.accepts;
    // Before ws looks at these bytes, so that a message's own are counted when it is complete.
    this.#stream.prependListener('data', (chunk: Buffer) => {
      // After an error ws keeps nothing of what comes.
      if (this.#failure === undefined) {
        this.#count(this.#unfinished + chunk.length);
      }
    });
    this.#ws.on('message', (data, isBinary) => {
      this.#heard = true;
      this.#seenUnfinished = undefined;
      this.#count(0);
      this.#receive(data, isBinary);
    });
    for (const sign of ['ping', 'pong'] as const) {
      this.#ws.on(sign, (data: Buffer) => {
        this.#heard = true;
        this.#count(Math.max(0, this.#unfinished - data.length - CONTROL_BYTES));
      });
    }
    // Without this listener, an oversized or broken frame would end the process.
    this.#ws.on('error', (error) => {
      this.#failure ??= error;
      this.#count(0);
    });
    this.#ws.on('close', (code, reason) => this.#end(code, printable(reason.toString())));
    this.#keepAlive = setInterval(() => this.#checkAlive(), this.#limits.keepAliveMs);
    this.#keepAlive.unref();
  }

  /** Open in both directions, as far as this end knows. */
  get isOpen(): boolean {
    return this.#closing === undefined && !this.#ended && this.#ws.readyState === this.#ws.OPEN;
  }

  /** Bytes that wait for the peer to read them. */
  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  /** From now on, these kinds may come. */
  accept(kinds: ReadonlySet<MessageKind>): void {
    this.#accepts = kinds;
  }

  /** Send a message; ignored once this end is closing. The payload must not change until it is sent. */
  send<Kind extends Sends>(kind: Kind, head: Heads[Kind], payload?: PayloadSource): void {
    if (this.isOpen) {
      this.sendEncoded(encodeFrameParts(kind, head, payload));
    }
  }

  /**
   * Send an encoded message; `flushed` is called when the operating system has it, or it is lost.
   *
   * A large payload goes as a WebSocket fragment of its own, straight from where it lies: no copy but the one that
   * masking makes.
   */
  sendEncoded(frame: EncodedFrame, flushed?: () => void): void {
    if (!this.isOpen) {
      return;
    }
    if (this.bufferedBytes > this.#limits.maxBufferedBytes) {
      // No error message first: it would wait behind the others.
      const message = `${this.bufferedBytes} bytes wait for a peer that doesn't read them`;
      this.#beginClose(CLOSE_CODES.slowReader, new LinkError('E_SLOW_READER', message));
      return;
    }
    this.#options.onTraffic?.('out', frame.bytes);
    const read = (): void => {
      this.#tellUnread();
      flushed?.();
    };
    if (frame.payload.length === 0 || frame.bytes <= JOIN_BYTES) {
      this.#corkTurn();
      this.#ws.send(frame.payload.length === 0 ? frame.head : joinFrame(frame), read);
      this.#tellUnread();
      return;
    }
    if (frame.bytes <= CORK_BYTES) {
      this.#corkTurn();
    }
    // One write for the parts of this message, and at once: its bytes are still in the cache from the checksum.
    this.#stream.cork();
    this.#ws.send(frame.head, { fin: false });
    const last = frame.payload.length - 1;
    for (let i = 0; i < last; i++) {
      this.#ws.send(frame.payload[i]!, { fin: false });
    }
    this.#ws.send(frame.payload[last]!, { fin: true }, read);
    this.#stream.uncork();
    this.#tellUnread();
  }

  #tellUnread(): void {
    if (!this.#ended) {
      this.#options.onUnread?.(this.bufferedBytes);
    }
  }

  /** Stop (and start) reading from the socket. */
  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
    // What came before the pause must not count as silence.
    this.#silentTicks = 0;
    this.#slowTicks = 0;
  }

  /** Close with this code, after an `error` message when there is an error to tell. Only the first call counts. */
  close(code: number = CLOSE_CODES.normal, error?: SemcastError): void {
    if (this.#closing !== undefined || this.#ended) {
      return;
    }
    if (error !== undefined && this.isOpen) {
      const head = {
        code: error.code.slice(0, 64),
        message: error.message.slice(0, MAX_TEXT_LENGTH),
        remedy: (error.remedy ?? '').slice(0, MAX_TEXT_LENGTH),
      };
      this.sendEncoded(encodeFrameParts('error', head));
    }
    this.#beginClose(code, error);
  }

  #beginClose(code: number, error: SemcastError | undefined): void {
    if (this.#closing !== undefined) {
      return;
    }
    this.#closing = { code, error: asWireError(code, error) };
    this.#ws.close(sendableCode(code), error === undefined ? '' : fitReason(`${error.code}: ${error.message}`));
    // A paused socket would never see the peer's answer.
    this.#ws.resume();
    this.#cutLater();
    this.#options.onClosing?.();
  }

  /** The closing handshake has this long, then the connection is cut. */
  #cutLater(): void {
    this.#closeTimer ??= setTimeout(() => this.#ws.terminate(), this.#limits.closeTimeoutMs);
  }

  /** Cut the connection. */
  terminate(error?: WireError): void {
    this.#closing ??= { code: error?.closeCode ?? ABNORMAL_END, error };
    this.#ws.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#closing !== undefined) {
      return;
    }
    if (!isBinary) {
      this.#fail(new FrameError('E_FRAME_TEXT', 'a text message arrived; this link carries binary messages only'));
      return;
    }
    // ws gives an array for binaryType "fragments", a single Buffer would be a message in one piece.
    const pieces = data instanceof ArrayBuffer ? [new Uint8Array(data)] : Array.isArray(data) ? data : [data];
    try {
      this.#handle(pieces);
    } catch (error) {
      this.#options.onFailure?.(error);
      this.#fail(serviceFailed(error));
    }
  }

  #handle(pieces: readonly Uint8Array[]): void {
    let message: WireMessage;
    try {
      message = decodeFrame(pieces, this.#limits);
    } catch (error) {
      if (!(error instanceof FrameError)) {
        throw error;
      }
      if (this.#options.onBroken?.(error) !== true) {
        this.#fail(error);
      }
      return;
    }
    if (this.#options.onTraffic !== undefined) {
      this.#options.onTraffic(
        'in',
        pieces.reduce((sum, piece) => sum + piece.byteLength, 0),
      );
    }
    if (message.kind === 'error') {
      // Either end may say why it is about to close. If it then doesn't, this end does.
      this.#peerError = message.head;
      this.#cutLater();
    } else if (this.#accepts.has(message.kind)) {
      this.#options.onMessage(message);
    } else {
      this.#fail(new FrameError('E_FRAME_UNEXPECTED', `a ${message.kind} message has no place here`));
    }
  }

  #fail(error: WireError): void {
    this.close(error.closeCode, error);
  }

  /** The small messages of one turn of the event loop leave in one write. */
  #corkTurn(): void {
    if (this.#corked) {
      return;
    }
    this.#corked = true;
    this.#stream.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#stream.uncork();
    });
  }

  #count(unfinished: number): void {
    this.#unfinished = unfinished;
    this.#options.onUnfinished?.(unfinished);
  }

  /** Whether a long message has been coming too slowly for some time. */
  #isTooSlow(): boolean {
    const seen = this.#seenUnfinished;
    this.#seenUnfinished = this.#unfinished;
    const wanted = (MIN_BYTES_PER_SECOND * this.#limits.keepAliveMs) / 1000;
    const slow = seen !== undefined && seen > LONG_BYTES && this.#unfinished - seen < wanted && !this.#ws.isPaused;
    this.#slowTicks = slow ? this.#slowTicks + 1 : 0;
    return this.#slowTicks >= 2;
  }

  #checkAlive(): void {
    if (!this.isOpen) {
      return;
    }
    if (this.#isTooSlow()) {
      this.terminate(
        new LinkError(
          'E_LINK_TIMEOUT',
          `a message from ${this.#options.peer} comes too slowly: less than ${MIN_BYTES_PER_SECOND} bytes a second`,
        ),
      );
      return;
    }
    // Bytes as well as pongs: a pong waits behind a large message, but the message's bytes show that the peer is alive.
    // A few bytes alone don't: they may be the pongs themselves, swallowed by a message whose length is wrong.
    const bytes = this.#stream.bytesRead ?? 0;
    if (this.#heard || bytes - this.#seenBytes > KEEP_ALIVE_BYTES || this.#ws.isPaused) {
      this.#seenBytes = bytes;
      this.#heard = false;
      this.#silentTicks = 0;
    } else if (++this.#silentTicks >= 2) {
      this.terminate(
        new LinkError(
          'E_LINK_TIMEOUT',
          `nothing came from ${this.#options.peer} for ${2 * this.#limits.keepAliveMs} ms`,
        ),
      );
      return;
    }
    this.#ws.ping();
  }

  #end(code: number, reason: string): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    clearInterval(this.#keepAlive);
    clearTimeout(this.#closeTimer);
    this.#count(0);
    this.#options.onUnread?.(0);
    this.#options.onEnd(this.#describeEnd(code, reason));
  }

  #describeEnd(code: number, reason: string): LinkEnd {
    if (this.#closing !== undefined) {
      return { code: this.#closing.code, reason, error: this.#closing.error };
    }
    if (this.#peerError !== undefined) {
      const { code: errorCode, message, remedy } = this.#peerError;
      return { code, reason, error: new PeerError(errorCode, code, message, remedy) };
    }
    const failure: (Error & { code?: string }) | undefined = this.#failure;
    if (failure?.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
      const message = `${this.#options.peer} sent a message far longer than the ${this.#limits.maxPayloadBytes} bytes of payload that are taken`;
      const error = new FrameError('E_FRAME_TOO_LARGE', message, { closeCode: CLOSE_CODES.tooBig, cause: failure });
      return { code: CLOSE_CODES.tooBig, reason, error };
    }
    if (failure?.code?.startsWith('WS_ERR_') === true) {
      const broken = `the peer broke the WebSocket protocol: ${failure.message}`;
      return { code, reason, error: new FrameError('E_FRAME_WEBSOCKET', broken, { cause: failure }) };
    }
    if (code === CLOSE_CODES.normal || code === CLOSE_CODES.goingAway) {
      return { code, reason, error: undefined };
    }
    if (code === CLOSE_CODES.tooBig) {
      const message = `${this.#options.peer} refused a message as too large`;
      return { code, reason, error: new FrameError('E_FRAME_TOO_LARGE', message, { closeCode: code }) };
    }
    const why = reason === '' ? (failure?.message ?? `close code ${code}`) : `${reason} (${code})`;
    const error = new LinkError('E_LINK_LOST', `the link with ${this.#options.peer} ended: ${why}`, {
      closeCode: code,
      cause: failure,
    });
    return { code, reason, error };
  }
}

function asWireError(code: number, error: SemcastError | undefined): WireError | undefined {
  if (error === undefined || error instanceof WireError) {
    return error;
  }
  const remedy = error.remedy === undefined ? {} : { remedy: error.remedy };
  return new WireError(error.code, code, error.message, { ...remedy, cause: error });
}

/** Some codes, mainly 1006, describe an end and must not be sent: they are replaced by "try again". */
function sendableCode(code: number): number {
  const sendable =
    (code >= 3000 && code <= 4999) || (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code));
  return sendable ? code : CLOSE_CODES.tryAgain;
}

/** As much of the text as fits into a close frame, cut between characters. */
export function fitReason(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_REASON_BYTES) {
    return text;
  }
  let end = MAX_REASON_BYTES;
  while ((bytes[end]! & 0xc0) === 0x80) {
    end--;
  }
  return bytes.toString('utf8', 0, end);
}
