/** The server's end: take WebSocket upgrades, check hellos, and hand out sessions. */
import { Places, type SemcastError } from '@semcast/core';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { CLOSE_CODES } from './close-codes.js';
import { Emitter } from './emitter.js';
import { FrameError, LinkError, PeerError, serviceFailed, WireError } from './errors.js';
import type { EncodedFrame, PayloadSource } from './frame.js';
import {
  MAX_TEXT_LENGTH,
  type DropHead,
  type Heads,
  type HelloHead,
  type MessageKind,
  type WireMessage,
} from './heads.js';
import { MAX_HEAD_BYTES, PREFIX_BYTES, PROTOCOL_VERSION } from './limits.js';
import type {
  LinkEnd,
  ServedLinks,
  ServeLinksOptions,
  ServerKind,
  ServerSession,
  SessionEvents,
  SessionHello,
  UpgradeRoutes,
} from './link-types.js';
import { maxMessageBytes, MessageSocket, socketLimits } from './message-socket.js';

const GREETING: ReadonlySet<MessageKind> = new Set(['hello']);
const NOTHING: ReadonlySet<MessageKind> = new Set();
const GREETED: ReadonlySet<MessageKind> = new Set(['frame', 'ack', 'bye']);

/** Greetings beyond the number of sessions, which may all come back at once: for clients that a full server refuses. */
const EXTRA_GREETINGS = 32;
/**
 * Bytes that a connection may send before its hello has been checked, so that unknown clients can't fill the memory.
 */
const MAX_GREETING_BYTES = PREFIX_BYTES + MAX_HEAD_BYTES + 64;

class Session extends Emitter<SessionEvents> implements ServerSession {
  readonly hello: SessionHello;
  readonly remoteAddress: string;
  /** Position among all hellos: of two links with one stream, that with the later hello wins. */
  readonly sequence: number;
  readonly #socket: MessageSocket;
  readonly #ending = new AbortController();

  constructor(hello: SessionHello, remoteAddress: string, sequence: number, socket: MessageSocket) {
    super();
    this.hello = hello;
    this.remoteAddress = remoteAddress;
    this.sequence = sequence;
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedBytes;
  }

  get isOpen(): boolean {
    return this.#socket.isOpen;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  send<Kind extends ServerKind>(kind: Kind, head: Heads[Kind], payload?: PayloadSource): void {
    this.#socket.send(kind, head, payload);
  }

  sendEncoded(frame: EncodedFrame, flushed?: () => void): void {
    this.#socket.sendEncoded(frame, flushed);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code?: number, error?: SemcastError): void {
    this.#socket.close(code, error);
  }

  /** A message that the handshake leaves to the session. */
  receive(message: WireMessage): void {
    if (message.kind !== 'frame' && message.kind !== 'ack' && message.kind !== 'bye') {
      return;
    }
    const { stream } = message.head;
    if (stream !== this.hello.stream) {
      const error = new FrameError(
        'E_FRAME_UNEXPECTED',
        `a ${message.kind} for stream "${stream}" came on "${this.hello.stream}"`,
      );
      this.close(error.closeCode, error);
      return;
    }
    switch (message.kind) {
      case 'frame':
        this.emit('frame', message);
        return;
      case 'ack':
        this.emit('ack', message.head);
        return;
      case 'bye':
        this.emit('bye');
        this.close(CLOSE_CODES.normal);
        return;
    }
  }

  /** A frame that can't be used, though it says which one it is: drop that one, and keep the link. */
  refuse(error: FrameError): boolean {
    if (error.frame?.stream !== this.hello.stream) {
      return false;
    }
    const drop: DropHead = { ...error.frame, reason: 'invalid-frame', detail: error.message.slice(0, MAX_TEXT_LENGTH) };
    this.send('drop', drop);
    this.emit('refused', drop, error);
    return true;
  }

  /**
   * Whether this session takes the stream over from another one, which is linked. Only a client that knows its run
   * may, with a later attempt: the name of a stream is no secret.
   */
  supersedes(other: Session): boolean {
    if (this.hello.run !== other.hello.run) {
      return false;
    }
    return this.hello.attempt === other.hello.attempt
      ? this.sequence > other.sequence
      : this.hello.attempt > other.hello.attempt;
  }

  ended(end: LinkEnd): void {
    this.#ending.abort(end.error);
    this.emit('close', end);
  }
}

/**
 * Serve links on an HTTP server: every WebSocket upgrade of `path` is greeted, checked (protocol version, token,
 * number of sessions), welcomed with what `welcome` says, and handed to `onSession`.
 *
 * Of two links of one run of a stream the newest wins, and the older one is closed with 4410. The hello says which is
 * the newest, as one may arrive late: such a link is closed with 4409, and so is one of another run while the stream is
 * linked. Whatever a client sends, the worst that happens is that its own link is closed, with an `error` message that
 * names cause and remedy.
 */
export function serveLinks(options: ServeLinksOptions): ServedLinks {
  return new LinkServer(options);
}

class LinkServer implements ServedLinks {
  readonly sessions = new Map<string, Session>();
  readonly #options: ServeLinksOptions;
  readonly #maxSessions: number;
  readonly #tokenDigest: Buffer | undefined;
  readonly #webSockets: WebSocketServer;
  /** Every connection, from its upgrade to its end. */
  readonly #sockets = new Set<MessageSocket>();
  /** Sessions whose hello is good and whose welcome is being prepared: they hold a place. */
  readonly #admitted = new Set<Session>();
  /** Connections that are not yet accepted, and those that are being refused. */
  readonly #greetings: Places<MessageSocket>;
  /** Links that are being closed, until their peers have answered. */
  readonly #leaving: Places<MessageSocket>;
  #sequence = 0;
  #closed: Promise<void> | undefined;
  #allGone: (() => void) | undefined;

  constructor(options: ServeLinksOptions) {
    this.#options = options;
    this.#maxSessions = options.maxSessions ?? 64;
    const maxPerOwner = options.maxGreetingsPerAddress ?? this.#maxSessions + EXTRA_GREETINGS;
    this.#greetings = new Places({ max: options.maxGreetings ?? 2 * maxPerOwner, maxPerOwner });
    this.#leaving = new Places({ max: this.#maxSessions });
    this.#tokenDigest = options.token === undefined ? undefined : digest(options.token);
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: maxMessageBytes(socketLimits(options).maxPayloadBytes),
    });
    options.upgrades.serve(options.path ?? '/', this.#upgrade);
  }

  get greeting(): number {
    return this.#sockets.size - this.sessions.size;
  }

  async close(code: number = CLOSE_CODES.tryAgain, error: SemcastError = shuttingDown()): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#allGone = resolve;
    });
    for (const socket of this.#sockets) {
      socket.close(code, error);
    }
    this.#settleClose();
    await this.#closed;
  }

  readonly #upgrade: Parameters<UpgradeRoutes['serve']>[1] = ({ request, socket, head, refuse }) => {
    if (this.#closed !== undefined) {
      refuse(503, shuttingDown());
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (ws) => {
      this.#greet(ws, socket, request.socket.remoteAddress ?? 'unknown');
    });
  };

  #greet(ws: WebSocket, stream: Duplex, remoteAddress: string): void {
    ws.binaryType = 'fragments';
    let session: Session | undefined;
    let received = 0;
    const count = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > MAX_GREETING_BYTES) {
        const error = new FrameError(
          'E_FRAME_TOO_LARGE',
          `more than ${MAX_GREETING_BYTES} bytes came before the welcome`,
        );
        socket.close(error.closeCode, error);
      }
    };
    const timeoutMs = this.#options.helloTimeoutMs ?? 5000;
    const timer = setTimeout(() => {
      const error = new LinkError('E_HELLO_TIMEOUT', `no hello arrived within ${timeoutMs} ms`);
      socket.close(error.closeCode, error);
    }, timeoutMs);
    const socket = new MessageSocket({
      ...this.#options,
      ws,
      stream,
      peer: remoteAddress,
      accepts: GREETING,
      onMessage: (message) => {
        if (session !== undefined) {
          session.receive(message);
        } else if (message.kind === 'hello') {
          clearTimeout(timer);
          socket.accept(NOTHING);
          session = this.#checkHello(message.head, remoteAddress, socket);
          void this.#welcome(session, socket, () => stream.off('data', count));
        }
      },
      onBroken: (error) => session?.refuse(error) ?? false,
      onFailure: (error) => {
        if (session !== undefined) {
          this.#options.onFailure?.(error, session);
        }
      },
      onClosing: () => {
        if (!this.#greetings.has(socket)) {
          this.#leaving.add(socket, remoteAddress)?.terminate();
        }
      },
      onEnd: (end) => {
        clearTimeout(timer);
        stream.off('data', count);
        this.#sockets.delete(socket);
        this.#greetings.delete(socket);
        this.#leaving.delete(socket);
        this.#end(end, session, remoteAddress);
      },
    });
    this.#sockets.add(socket);
    const loser = this.#greetings.add(socket, remoteAddress);
    if (loser !== undefined) {
      const error = tooManyGreetings();
      loser.close(error.closeCode, error);
      // The message is on its way by then; nobody waits for an answer.
      setImmediate(() => {
        loser.terminate();
      });
    }
    stream.on('data', count);
  }

  /** The session of a hello; a link that is refused is closed. */
  #checkHello(hello: HelloHead, remoteAddress: string, socket: MessageSocket): Session {
    const { token, ...rest } = hello;
    const session = new Session(rest, remoteAddress, this.#sequence++, socket);
    let refusal: WireError | undefined;
    if (this.#tokenDigest !== undefined && !timingSafeEqual(digest(token ?? ''), this.#tokenDigest)) {
      refusal = new LinkError(
        'E_TOKEN',
        token === undefined ? 'the hello carries no token' : "the hello's token is wrong",
      );
    } else if (this.sessions.size + this.#admitted.size >= this.#maxSessions && !this.#replaces(hello)) {
      refusal = new LinkError('E_TOO_MANY_SESSIONS', `all ${this.#maxSessions} sessions are taken`);
    } else {
      refusal = this.#preferred(session);
    }
    if (refusal !== undefined) {
      socket.close(refusal.closeCode, refusal);
    } else {
      this.#greetings.delete(socket);
    }
    return session;
  }

  /** Why this session can't have its stream: another one has it, and keeps it. */
  #preferred(session: Session): WireError | undefined {
    const { stream, run } = session.hello;
    const other = this.sessions.get(stream);
    return other === undefined || !other.isOpen || session.supersedes(other)
      ? undefined
      : streamTaken(stream, other.hello.run === run);
  }

  /** Whether it takes the place of a session, and is the only one to do so. */
  #replaces({ stream }: HelloHead): boolean {
    return this.sessions.has(stream) && ![...this.#admitted].some(({ hello }) => hello.stream === stream);
  }

  async #welcome(session: Session, socket: MessageSocket, greeted: () => void): Promise<void> {
    if (!socket.isOpen) {
      return;
    }
    this.#admitted.add(session);
    let head: Awaited<ReturnType<ServeLinksOptions['welcome']>>;
    try {
      head = await this.#options.welcome(session.hello, session);
    } catch (error) {
      this.#refuseWelcome(error, session, socket);
      return;
    } finally {
      this.#admitted.delete(session);
    }
    if (!socket.isOpen) {
      return;
    }
    const refusal = this.#preferred(session);
    if (refusal !== undefined) {
      socket.close(refusal.closeCode, refusal);
      return;
    }
    const { stream } = session.hello;
    const replaced = new LinkError('E_LINK_REPLACED', `stream "${stream}" connected again, and the newest link wins`);
    this.sessions.get(stream)?.close(replaced.closeCode, replaced);
    this.sessions.set(stream, session);
    greeted();
    socket.accept(GREETED);
    try {
      socket.send('welcome', { ...head, protocol: PROTOCOL_VERSION });
      this.#options.onSession(session);
    } catch (error) {
      this.#refuseWelcome(error, session, socket);
    }
  }

  /** `welcome` threw: its own message when it refuses; only that it failed when it is broken. */
  #refuseWelcome(error: unknown, session: Session, socket: MessageSocket): void {
    if (error instanceof WireError && !(error instanceof FrameError && error.code === 'E_FRAME_HEAD')) {
      socket.close(error.closeCode, error);
      return;
    }
    this.#options.onFailure?.(error, session);
    const failed = serviceFailed(error);
    socket.close(failed.closeCode, failed);
  }

  #end(end: LinkEnd, session: Session | undefined, remoteAddress: string): void {
    if (session !== undefined && this.sessions.get(session.hello.stream) === session) {
      this.sessions.delete(session.hello.stream);
    }
    try {
      session?.ended(end);
    } catch (error) {
      this.#options.onFailure?.(error, session!);
    }
    // A broken connection, or a client that says why it goes, is no refusal.
    const { error } = end;
    if (
      error !== undefined &&
      !(error instanceof PeerError || (error instanceof LinkError && error.code === 'E_LINK_LOST'))
    ) {
      this.#options.onRefused?.({ error, remoteAddress, stream: session?.hello.stream });
    }
    this.#settleClose();
  }

  #settleClose(): void {
    if (this.#allGone !== undefined && this.#sockets.size === 0) {
      this.#webSockets.close();
      this.#allGone();
    }
  }
}

/** It has a link already, and this hello isn't the one to take it over. */
function streamTaken(stream: string, byOwnRun: boolean): LinkError {
  const message = `stream "${stream}" is linked already, ${byOwnRun ? 'by a later hello' : 'by another run'}`;
  const late = 'nothing to do: this hello was late, and its sender has connected again since';
  return new LinkError('E_STREAM_TAKEN', message, byOwnRun ? { remedy: late } : {});
}

function tooManyGreetings(): WireError {
  return new LinkError('E_TRY_AGAIN', 'too many connections wait without a hello, and this is the oldest of them', {
    remedy: 'send the hello right after connecting, or raise maxSessions (of a receiver: maxStreams)',
  });
}

function shuttingDown(): WireError {
  return new LinkError('E_TRY_AGAIN', 'the service is shutting down');
}

/** A digest of fixed length whatever the token's, so that comparing takes constant time. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
