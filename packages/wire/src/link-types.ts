/** Options and events of both ends of a link. */
import type { BackoffOptions } from './backoff.js';
import type { FrameError, WireError } from './errors.js';
import type { PayloadSource } from './frame.js';
import type {
  AckHead,
  DropHead,
  FrameHead,
  FrameMessage,
  HelloHead,
  MessageOf,
  ResultMessage,
  WelcomeHead,
} from './heads.js';

/** Messages that a server may send after the welcome. */
export type ServerMessage = MessageOf<'result' | 'drop' | 'credit' | 'error'>;

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
