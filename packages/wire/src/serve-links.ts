/** The server's end: take WebSocket upgrades, check hellos, and hand out sessions. */
import { addressOwner, Places, RateLimit, WRONG_TOKENS, type SemcastError } from '@semcast/core';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { CLOSE_CODES } from './close-codes.js';
import { FrameError, LinkError, PeerError, serviceFailed, WireError } from './errors.js';
import {
  MAX_TEXT_LENGTH,
  type DropHead,
  type HelloHead,
  type MessageKind,
  type WelcomeHead,
  type WireMessage,
} from './heads.js';
import { MAX_HEAD_BYTES, PREFIX_BYTES, PROTOCOL_VERSION } from './limits.js';
import type { LinkEnd, SessionEvents, SessionHello, SocketOptions } from './link-types.js';
import { maxMessageBytes, MessageSocket, socketLimits, type MessageSocketOptions } from './message-socket.js';
import { SharedBytes } from './shared-bytes.js';

/** Where upgrade requests come from: HTTP servers of packages/service have it, as `upgrades`. */
export interface UpgradeRoutes {
  serve(
    path: string,
    take: (upgrade: {
      readonly request: IncomingMessage;
      readonly socket: Duplex;
      readonly head: Buffer;
      /** Answer with this HTTP status and the error's message. */
      readonly refuse: (status: number, error: SemcastError) => void;
    }) => void,
  ): void;
}

/** A client that was refused, or whose session was ended for its fault. */
export interface Refusal {
  readonly error: WireError;
  readonly remoteAddress: string;
  /** Known once a hello could be read. */
  readonly stream: string | undefined;
}

export interface ServeLinksOptions extends SocketOptions {
  readonly upgrades: UpgradeRoutes;
  /** Path of the upgrade request; `/` by default. */
  readonly path?: string;
  /** The shared secret that every hello must carry; without it, everybody may connect. */
  readonly token?: string | undefined;
  /** Milliseconds until the hello must have arrived; 5,000 by default. */
  readonly helloTimeoutMs?: number;
  /** Sessions at a time; 64 by default. */
  readonly maxSessions?: number;
  /**
   * Connections that haven't said an acceptable hello; twice `maxGreetingsPerAddress` by default. One more takes the
   * place of the oldest, of the address that has the most.
   */
  readonly maxGreetings?: number;
  /** As many of them may come from one address; `maxSessions` and 32 more by default, so that all may come back at once. */
  readonly maxGreetingsPerAddress?: number;
  /**
   * Bytes of messages that haven't arrived whole, of all links together; twice `maxPayloadBytes` by default, and at
   * least one message. Beyond it, the link that has most is closed with 4503: its client sends its frames again.
   */
  readonly maxUnfinishedBytes?: number | undefined;
  /**
   * Bytes that wait for clients to read them, of all links together; `maxBufferedBytes` by default. Beyond it, the link
   * that has most is closed with 4413: what it didn't read comes again when it connects again.
   */
  readonly maxUnreadBytes?: number | undefined;
  /**
   * Answer a hello, now or later. `session.signal` says when the client is gone meanwhile. Throw a {@link WireError}
   * (`E_TRY_AGAIN`, say) to refuse: the client reads its message, and the link closes with its close code.
   */
  readonly welcome: (
    hello: SessionHello,
    session: ServerSession,
  ) => Omit<WelcomeHead, 'protocol'> | Promise<Omit<WelcomeHead, 'protocol'>>;
  /** A client has been welcomed: attach listeners now, as messages may follow at once. */
  readonly onSession: (session: ServerSession) => void;
  /** For logs and counters. Also called when a session ends because of what its client did. */
  readonly onRefused?: (refusal: Refusal) => void;
  /** A listener or `welcome` threw something that is no refusal: a fault of the service. Its session is closed. */
  readonly onFailure?: (error: unknown, session: ServerSession) => void;
}

const GREETING: ReadonlySet<MessageKind> = new Set(['hello']);
const NOTHING: ReadonlySet<MessageKind> = new Set();
const GREETED: ReadonlySet<MessageKind> = new Set(['frame', 'ack', 'bye']);

/** Greetings beyond the number of sessions, which may all come back at once: for clients that a full server refuses. */
const EXTRA_GREETINGS = 32;
/**
 * Bytes that a connection may send before its hello has been checked, so that unknown clients can't fill the memory.
 */
const MAX_GREETING_BYTES = PREFIX_BYTES + MAX_HEAD_BYTES + 64;

/** One client's connection; others than this package get it with its hello. */
export class ServerSession extends MessageSocket<'welcome' | 'result' | 'drop' | 'credit' | 'error', SessionEvents> {
  hello!: SessionHello;
  readonly remoteAddress: string;
  readonly #ending = new AbortController();
  #sequence = 0;

  constructor(options: MessageSocketOptions) {
    super(options);
    this.remoteAddress = options.peer;
  }

  /** Aborted when the session ends. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** @param sequence position among all hellos: of two links with one stream, that with the later hello wins */
  greeted(hello: SessionHello, sequence: number): void {
    this.hello = hello;
    this.#sequence = sequence;
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
  supersedes(other: ServerSession): boolean {
    if (this.hello.run !== other.hello.run) {
      return false;
    }
    return this.hello.attempt === other.hello.attempt
      ? this.#sequence > other.#sequence
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
  return new ServedLinks(options);
}

/** A server of links. */
export class ServedLinks {
  /** Welcomed sessions by stream id. */
  readonly sessions = new Map<string, ServerSession>();
  readonly #options: ServeLinksOptions;
  readonly #maxSessions: number;
  readonly #tokenDigest: Buffer | undefined;
  readonly #wrongTokens = new RateLimit(WRONG_TOKENS);
  readonly #webSockets: WebSocketServer;
  /** Every connection, from its upgrade to its end. */
  readonly #sockets = new Set<ServerSession>();
  /** Sessions whose hello is good and whose welcome is being prepared: they hold a place. */
  readonly #admitted = new Set<ServerSession>();
  /** Connections that are not yet accepted, and those that are being refused. */
  readonly #greetings: Places<ServerSession>;
  /** Links that are being closed, until their peers have answered. */
  readonly #leaving: Places<ServerSession>;
  readonly #unfinished: SharedBytes<ServerSession>;
  readonly #unread: SharedBytes<ServerSession>;
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
    const { maxPayloadBytes, maxBufferedBytes } = socketLimits(options);
    const maxPayload = maxMessageBytes(maxPayloadBytes);
    this.#unfinished = new SharedBytes(Math.max(options.maxUnfinishedBytes ?? 2 * maxPayloadBytes, maxPayload));
    this.#unread = new SharedBytes(Math.max(options.maxUnreadBytes ?? maxBufferedBytes, maxPayload));
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload,
    });
    options.upgrades.serve(options.path ?? '/', this.#upgrade);
  }

  /** Connections in the middle of their handshake. */
  get greeting(): number {
    return this.#sockets.size - this.sessions.size;
  }

  /**
   * Take no more connections, end all sessions (default: 4503, shutting down), and resolve when they are gone. Those
   * that don't answer are cut after `closeTimeoutMs`.
   */
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
    let greeted = false;
    let received = 0;
    const count = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > MAX_GREETING_BYTES) {
        const error = new FrameError(
          'E_FRAME_TOO_LARGE',
          `more than ${MAX_GREETING_BYTES} bytes came before the welcome`,
        );
        session.close(error.closeCode, error);
      }
    };
    const timeoutMs = this.#options.helloTimeoutMs ?? 5000;
    const timer = setTimeout(() => {
      const error = new LinkError('E_HELLO_TIMEOUT', `no hello arrived within ${timeoutMs} ms`);
      session.close(error.closeCode, error);
    }, timeoutMs);
    const session = new ServerSession({
      ...this.#options,
      ws,
      stream,
      peer: remoteAddress,
      accepts: GREETING,
      onMessage: (message) => {
        if (greeted) {
          session.receive(message);
        } else if (message.kind === 'hello') {
          greeted = true;
          clearTimeout(timer);
          session.accept(NOTHING);
          this.#checkHello(message.head, session);
          void this.#welcome(session, () => stream.off('data', count));
        }
      },
      onBroken: (error) => greeted && session.refuse(error),
      onFailure: (error) => {
        if (greeted) {
          this.#options.onFailure?.(error, session);
        }
      },
      onUnfinished: (bytes) => {
        const most = this.#unfinished.set(session, bytes);
        if (most !== undefined) {
          this.#unfinished.set(most, 0);
          const error = tooManyBytes();
          most.close(error.closeCode, error);
          // What has come of its message is let go now, not when the client answers.
          setImmediate(() => {
            most.terminate();
          });
        }
      },
      onUnread: (bytes) => {
        const most = this.#unread.set(session, bytes);
        if (most !== undefined) {
          this.#unread.set(most, 0);
          most.terminate(tooMuchUnread());
        }
      },
      onClosing: () => {
        if (!this.#greetings.has(session)) {
          this.#leaving.add(session, remoteAddress)?.terminate();
        }
      },
      onEnd: (end) => {
        clearTimeout(timer);
        stream.off('data', count);
        this.#sockets.delete(session);
        this.#greetings.delete(session);
        this.#leaving.delete(session);
        this.#end(end, session, greeted);
      },
    });
    this.#sockets.add(session);
    const loser = this.#greetings.add(session, remoteAddress);
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

  /** A session has its hello; one that is refused is closed. */
  #checkHello(hello: HelloHead, session: ServerSession): void {
    const { token, ...rest } = hello;
    session.greeted(rest, this.#sequence++);
    const owner = addressOwner(session.remoteAddress);
    let refusal: WireError | undefined;
    if (this.#tokenDigest !== undefined && this.#wrongTokens.isSpent(owner, performance.now())) {
      refusal = tooManyWrongTokens();
    } else if (this.#tokenDigest !== undefined && !timingSafeEqual(digest(token ?? ''), this.#tokenDigest)) {
      this.#wrongTokens.admit(owner, performance.now());
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
      session.close(refusal.closeCode, refusal);
    } else {
      this.#greetings.delete(session);
    }
  }

  /** Why this session can't have its stream: another one has it, and keeps it. */
  #preferred(session: ServerSession): WireError | undefined {
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

  async #welcome(session: ServerSession, greeted: () => void): Promise<void> {
    if (!session.isOpen) {
      return;
    }
    this.#admitted.add(session);
    let head: Awaited<ReturnType<ServeLinksOptions['welcome']>>;
    try {
      head = await this.#options.welcome(session.hello, session);
    } catch (error) {
      this.#refuseWelcome(error, session);
      return;
    } finally {
      this.#admitted.delete(session);
    }
    if (!session.isOpen) {
      return;
    }
    const refusal = this.#preferred(session);
    if (refusal !== undefined) {
      session.close(refusal.closeCode, refusal);
      return;
    }
    const { stream } = session.hello;
    const replaced = new LinkError('E_LINK_REPLACED', `stream "${stream}" connected again, and the newest link wins`);
    this.sessions.get(stream)?.close(replaced.closeCode, replaced);
    this.sessions.set(stream, session);
    greeted();
    session.accept(GREETED);
    try {
      session.send('welcome', { ...head, protocol: PROTOCOL_VERSION });
      this.#options.onSession(session);
    } catch (error) {
      this.#refuseWelcome(error, session);
    }
  }

  /** `welcome` threw: its own message when it refuses; only that it failed when it is broken. */
  #refuseWelcome(error: unknown, session: ServerSession): void {
    if (error instanceof WireError && !(error instanceof FrameError && error.code === 'E_FRAME_HEAD')) {
      session.close(error.closeCode, error);
      return;
    }
    this.#options.onFailure?.(error, session);
    const failed = serviceFailed(error);
    session.close(failed.closeCode, failed);
  }

  #end(end: LinkEnd, session: ServerSession, greeted: boolean): void {
    const stream = greeted ? session.hello.stream : undefined;
    if (stream !== undefined && this.sessions.get(stream) === session) {
      this.sessions.delete(stream);
    }
    try {
      session.ended(end);
    } catch (error) {
      this.#options.onFailure?.(error, session);
    }
    // A broken connection, or a client that says why it goes, is no refusal.
    const { error } = end;
    if (
      error !== undefined &&
      !(error instanceof PeerError || (error instanceof LinkError && error.code === 'E_LINK_LOST'))
    ) {
      this.#options.onRefused?.({ error, remoteAddress: session.remoteAddress, stream });
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

function tooManyWrongTokens(): WireError {
  return new LinkError('E_TRY_AGAIN', 'too many wrong tokens came from this address', {
    remedy: 'nothing to do with the right token: it is taken within a minute after the last wrong one',
  });
}

function tooManyGreetings(): WireError {
  return new LinkError('E_TRY_AGAIN', 'too many connections wait without a hello, and this is the oldest of them', {
    remedy: 'send the hello right after connecting, or raise maxSessions (of a receiver: maxStreams)',
  });
}

function tooManyBytes(): WireError {
  return new LinkError('E_TRY_AGAIN', 'too many bytes of unfinished messages wait, and this link has most of them', {
    remedy: 'nothing to do if it comes back; otherwise send smaller pictures, or raise maxUnfinishedBytes',
  });
}

function tooMuchUnread(): WireError {
  return new LinkError(
    'E_SLOW_READER',
    'too many bytes wait for clients to read them, and this link has most of them',
    {
      remedy: 'read faster; results come again after reconnecting. Otherwise raise maxUnreadBytes',
    },
  );
}

function shuttingDown(): WireError {
  return new LinkError('E_TRY_AGAIN', 'the service is shutting down');
}

/** A digest of fixed length whatever the token's, so that comparing takes constant time. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
