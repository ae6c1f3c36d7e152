/** What both ends of a link offer, and their options. The classes behind these are private. */
import type { SemcastError } from '@semcast/core';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { BackoffOptions } from './backoff.js';
import type { FrameError, WireError } from './errors.js';
import type { EncodedFrame, PayloadSource } from './frame.js';
import type {
  AckHead,
  DropHead,
  FrameHead,
  FrameMessage,
  Heads,
  HelloHead,
  MessageOf,
  ResultMessage,
  WelcomeHead,
} from './heads.js';

/** Messages that a client may send after the hello. */
export type ClientKind = 'frame' | 'ack' | 'bye';
/** Messages that a server may send after the welcome. */
export type ServerKind = 'result' | 'drop' | 'credit' | 'error';
export type ServerMessage = MessageOf<ServerKind>;

/** How and why a link ended. */
export interface LinkEnd {
  /** The close code; 1006 when the connection broke without one. */
  readonly code: number;
  /** The peer's close reason; empty when it gave none. */
  readonly reason: string;
  /** What went wrong, in the peer's message where it sent one; undefined for a normal end. */
  readonly error: WireError | undefined;
}

export interface SocketOptions {
  /** Longest payload that is taken, in bytes; 64 MiB by default. */
  readonly maxPayloadBytes?: number;
  /** Milliseconds between pings; a peer from which nothing came during two of them is gone. 15,000 by default. */
  readonly keepAliveMs?: number;
  /** Milliseconds that the closing handshake may take before the connection is cut; 3,000 by default. */
  readonly closeTimeoutMs?: number;
  /** Bytes that may wait for a peer that reads slowly, before the link is closed; 4·maxPayloadBytes by default. */
  readonly maxBufferedBytes?: number;
  /** Called with the bytes of every message, prefix included. */
  readonly onTraffic?: (direction: 'in' | 'out', bytes: number) => void;
}

/** The hello of a client: the version is filled in, and by default a random run id and the attempt. */
export type HelloInput = Omit<HelloHead, 'protocol' | 'run' | 'attempt'> & {
  readonly run?: string;
  readonly attempt?: number;
};

/**
 * Whether a client masks what it sends. RFC 6455 asks clients to, so that a script in a browser can't write chosen
 * bytes to a proxy that doesn't understand WebSocket; it costs two passes over every payload. `auto` (the default)
 * masks except towards loopback addresses and over TLS, where no proxy can see the bytes. `none` sends a zero key,
 * which every server accepts.
 */
export type Masking = 'auto' | 'random' | 'none';

export interface ClientSocketOptions extends SocketOptions {
  readonly hello: HelloInput;
  /** Ends the attempt or the link, and the stream with it. */
  readonly signal?: AbortSignal;
  /** Milliseconds from connecting to the welcome; 10,000 by default. */
  readonly handshakeTimeoutMs?: number;
  readonly masking?: Masking;
}

export interface OpenLinkOptions extends ClientSocketOptions {
  /** Every message after the welcome. */
  readonly onMessage: (message: ServerMessage, link: OpenLink) => void;
  /** Once, when the link has ended, whoever ended it. Not called when openLink itself fails. */
  readonly onClose: (end: LinkEnd, link: OpenLink) => void;
}

/** One connection after its handshake, without resending or reconnecting: what the channel uses upstream. */
export interface OpenLink {
  readonly hello: HelloHead;
  readonly welcome: WelcomeHead;
  /** Bytes that wait to be sent. */
  readonly bufferedBytes: number;
  readonly isOpen: boolean;
  /** Send a message; ignored once the link is closing. The payload must not change until it is sent. */
  send<Kind extends ClientKind>(kind: Kind, head: Heads[Kind], payload?: PayloadSource): void;
  /** The same for a message that is encoded already; `flushed` is called when the operating system has it. */
  sendEncoded(frame: EncodedFrame, flushed?: () => void): void;
  /** Stop (and start) reading from the socket. */
  pause(): void;
  resume(): void;
  /** End the link; `onClose` follows. Default: 1000, done. */
  close(code?: number, error?: SemcastError): void;
}

/** A stage of a client link's life. */
export type LinkState =
  /** Connecting, or waiting for the welcome. */
  | { readonly name: 'connecting'; readonly attempt: number }
  | { readonly name: 'open' }
  /** The link was lost or couldn't be made; the next attempt begins after `delayMs`. */
  | { readonly name: 'waiting'; readonly attempt: number; readonly delayMs: number; readonly error: WireError }
  /** For good; `error` is undefined after close(). */
  | { readonly name: 'closed'; readonly error: WireError | undefined };

// A type, not an interface: only then does it fit the emitter's index signature.
export type ClientLinkEvents = {
  /** After every handshake. */
  welcome: [welcome: WelcomeHead, info: { readonly reconnected: boolean }];
  /** Previews and intermediate results as they come, the final one exactly once a frame. */
  result: [message: ResultMessage];
  /** Exactly once for a frame that ends without a result. */
  drop: [head: DropHead];
  /** The link has ended for good, with the server's message where it sent one. */
  error: [error: WireError];
  state: [state: LinkState];
};

export interface ConnectLinkOptions extends ClientSocketOptions {
  /**
   * When the server is told that an outcome has arrived. `auto` (default): as soon as the listeners have returned.
   * `manual`: when {@link ClientLink.resolved} is called, for a client that writes outcomes to disk first.
   */
  readonly acknowledge?: 'auto' | 'manual';
  /** How to wait between attempts; false: one attempt, and the end of the link is final. */
  readonly reconnect?: BackoffOptions | false;
  /** Frames that may wait for a credit; the next send() is refused. 64 by default. */
  readonly maxWaiting?: number;
  /** Every message after the welcome, before it is acted upon: duplicates too. */
  readonly onMessage?: (message: ServerMessage) => void;
}

/** A frame to send: its head, and its payload in one piece or several. */
export interface OutgoingFrame {
  readonly head: FrameHead;
  readonly payload: PayloadSource;
}

/** A stream's link to a server: sends frames as credits allow, connects again, resends, and drops duplicates. */
export interface ClientLink {
  readonly url: string;
  readonly hello: HelloHead;
  readonly state: LinkState;
  /** The latest welcome. */
  readonly welcome: WelcomeHead | undefined;
  /** Resolves at the first welcome; rejects when the link ends before it. */
  readonly ready: Promise<WelcomeHead>;
  /** Resolves when the link has ended for good: with undefined after close(), else with the reason. Never rejects. */
  readonly closed: Promise<WireError | undefined>;
  /** Unresolved frames that the server allows. */
  readonly window: number;
  /** Frames sent whose outcome isn't acknowledged. */
  readonly unresolved: number;
  /** Frames that wait for a credit or for a link. */
  readonly waiting: number;
  /** Bytes that wait to be sent. */
  readonly bufferedBytes: number;
  /**
   * Send a frame: resolves when a credit was there and the frame is on its way for the first time. From then on the
   * link sees to it that its outcome arrives. The payload must not change until the outcome is there.
   *
   * @throws FrameError when head and payload don't fit together or are too large for this server; LinkError
   *   `E_FRAME_DUPLICATE`, `E_OUTBOX_FULL` or `E_LINK_CLOSED`, or the link's final error; the signal's reason when aborted before the frame was sent.
   */
  send(frame: OutgoingFrame, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * With `acknowledge: 'manual'`: the outcome of this frame is safe, tell the server and free the credit.
   *
   * @returns false when no outcome of the frame waits for it.
   */
  resolved(stream: string, frame: number): boolean;
  /** Stop waiting for a frame: no event follows for it. Returns false when it isn't waiting or unresolved. */
  giveUp(frame: number): boolean;
  /** Resolves when no frame waits or is unresolved; rejects when the link ends before. */
  idle(): Promise<void>;
  /** End the link. `endStream` (default true) tells the server to forget the stream, too. Resolves when closed. */
  close(options?: { readonly endStream?: boolean }): Promise<void>;
  on<Name extends keyof ClientLinkEvents>(event: Name, listener: (...args: ClientLinkEvents[Name]) => void): () => void;
}

/** A hello without its token, which nobody needs to see after the check. */
export type SessionHello = Omit<HelloHead, 'token'>;

export type SessionEvents = {
  frame: [message: FrameMessage];
  ack: [head: AckHead];
  /** The client ends its stream; a close follows. */
  bye: [];
  /** A frame with an unusable head or payload: the client has been sent this drop, and the link goes on. */
  refused: [drop: DropHead, error: FrameError];
  /** Once, whoever ended the session. */
  close: [end: LinkEnd];
};

/** One client's connection, from its hello on. */
export interface ServerSession {
  readonly hello: SessionHello;
  readonly remoteAddress: string;
  /** Bytes that wait for the client to read them. */
  readonly bufferedBytes: number;
  readonly isOpen: boolean;
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
  /** Send a message; ignored once the session is closing. The payload must not change until it is sent. */
  send<Kind extends ServerKind>(kind: Kind, head: Heads[Kind], payload?: PayloadSource): void;
  /** The same for a message that is encoded already; `flushed` is called when the operating system has it. */
  sendEncoded(frame: EncodedFrame, flushed?: () => void): void;
  /** Stop (and start) reading from the socket. */
  pause(): void;
  resume(): void;
  /** End the session, with an `error` message first when there is one. Default: 1000, done. */
  close(code?: number, error?: SemcastError): void;
  on<Name extends keyof SessionEvents>(event: Name, listener: (...args: SessionEvents[Name]) => void): () => void;
}

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

export interface ServedLinks {
  /** Welcomed sessions by stream id. */
  readonly sessions: ReadonlyMap<string, ServerSession>;
  /** Connections in the middle of their handshake. */
  readonly greeting: number;
  /**
   * Take no more connections, end all sessions (default: 4503, shutting down), and resolve when they are gone. Those
   * that don't answer are cut after `closeTimeoutMs`.
   */
  close(code?: number, error?: SemcastError): Promise<void>;
}
