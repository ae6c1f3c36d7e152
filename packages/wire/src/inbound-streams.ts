/**
 * A receiver's streams over all their links: each frame is handed out once, its outcome goes to the newest link, and
 * is sent again when the frame is. No sockets here: sessions are whatever has their shape.
 */
import { SemcastError } from '@semcast/core';
import { encodeFrameParts, type EncodedFrame, type PayloadSource } from './frame.js';
import { MAX_TEXT_LENGTH, type DropReason, type FrameHead, type FrameMessage, type ResultHead } from './heads.js';
import { Inbox } from './inbox.js';
import type { SessionHello } from './link-types.js';
import type { ServerSession } from './serve-links.js';
import { SharedBytes } from './shared-bytes.js';

/** Previews are skipped while this many bytes wait for a slow client: outcomes come first. */
const PREVIEW_BUFFER_BYTES = 8 * 1024 * 1024;

/** Why work on a frame is to stop: its stream ended, or nobody came back for it. */
export class DeliveryCancelled extends SemcastError {
  override readonly name = 'DeliveryCancelled';

  constructor(message: string) {
    super('E_CANCELLED', message, { remedy: 'nothing to do: nobody waits for this frame any more' });
  }
}

/** A frame to work on, to be ended by exactly one `finish` or `drop`. */
export interface Delivery {
  readonly stream: string;
  readonly frame: number;
  readonly head: FrameHead;
  readonly payload: Uint8Array;
  /** The hello of the link on which it came, and the address that the link comes from. */
  readonly hello: SessionHello;
  readonly remoteAddress: string;
  /** When it arrived from its sender, on the clock of performance.now(). */
  readonly receivedMs: number;
  /** Aborted when the work is no longer wanted; its reason is a {@link DeliveryCancelled}. */
  readonly signal: AbortSignal;
  /** Send a preview or an intermediate result, if the client keeps up. Returns whether it was sent. */
  preview(head: ResultHead, payload: PayloadSource): boolean;
  /** The final result. Returns false when it is no longer wanted. */
  finish(head: ResultHead, payload: PayloadSource): boolean;
  /** No result. Returns false when that is no longer wanted. */
  drop(reason: DropReason, detail: string): boolean;
}

/** The part of a {@link ServerSession} that is needed here. */
export type StreamSession = Pick<
  ServerSession,
  'hello' | 'remoteAddress' | 'isOpen' | 'bufferedBytes' | 'send' | 'sendEncoded' | 'close' | 'on'
>;

export interface InboundStreamsOptions {
  /** Unresolved frames allowed per stream; send it as the welcome's credits. */
  readonly window: number;
  /**
   * Frames of one stream in progress beyond which more are refused; twice the widest window so far by default, as what
   * was sent under a wider one is still to be taken.
   */
  readonly maxInProgress?: number;
  /**
   * Streams remembered, connected or not; 1,024 by default. Beyond it, the one longest disconnected is forgotten. Give
   * it no less than `maxSessions` of the server.
   */
  readonly maxStreams?: number;
  /** Milliseconds for which a disconnected stream's frames and outcomes are kept; 300,000 by default. */
  readonly retainMs?: number;
  /**
   * Bytes of outcomes that wait for their acknowledgement, of all streams together; no limit by default. Beyond it, the
   * stream that has most loses its oldest: its frame is worked on again should it be sent again.
   */
  readonly maxStoredBytes?: number;
  /** A frame to work on. */
  readonly onFrame: (delivery: Delivery) => void;
  /** A frame was refused because its client exceeded its credits; the drop has been sent. */
  readonly onRefused?: (stream: string, frame: number, reason: DropReason) => void;
}

interface StreamState {
  readonly stream: string;
  readonly run: string;
  readonly inbox: Inbox<EncodedFrame>;
  readonly working: Map<number, AbortController>;
  session: StreamSession | undefined;
  retention: NodeJS.Timeout | undefined;
}

export class InboundStreams {
  readonly #options: InboundStreamsOptions;
  /** Disconnected streams in the order in which they were left, connected ones anywhere. */
  readonly #streams = new Map<string, StreamState>();
  readonly #storedBytes: SharedBytes<StreamState>;
  #window: number;

  constructor(options: InboundStreamsOptions) {
    this.#options = options;
    this.#storedBytes = new SharedBytes(options.maxStoredBytes ?? Infinity);
    this.#window = options.window;
  }

  /** Streams remembered, connected or not. */
  get size(): number {
    return this.#streams.size;
  }

  get window(): number {
    return this.#window;
  }

  /** Frames being worked on, over all streams. */
  get inProgress(): number {
    let sum = 0;
    for (const { inbox } of this.#streams.values()) {
      sum += inbox.inProgress;
    }
    return sum;
  }

  /** Outcomes that wait for their acknowledgement, over all streams. */
  get stored(): number {
    let sum = 0;
    for (const { inbox } of this.#streams.values()) {
      sum += inbox.stored;
    }
    return sum;
  }

  /** Change the window of every stream, and tell the connected ones. */
  setWindow(credits: number): void {
    this.#window = credits;
    for (const { inbox, session } of this.#streams.values()) {
      inbox.setWindow(credits);
      session?.send('credit', { credits });
    }
  }

  /** A new link of a stream: call it from `onSession`. */
  attach(session: StreamSession): void {
    const { stream, run } = session.hello;
    let state = this.#streams.get(stream);
    if (state !== undefined && state.run !== run) {
      this.#forget(state, `stream "${stream}" started anew`);
      state = undefined;
    }
    if (state === undefined) {
      this.#makeRoom();
      const { maxInProgress } = this.#options;
      const inbox = new Inbox<EncodedFrame>({
        window: this.#window,
        bytesOf: ({ bytes }) => bytes,
        ...(maxInProgress === undefined ? {} : { maxInProgress }),
      });
      state = { stream, run, inbox, working: new Map(), session, retention: undefined };
      this.#streams.set(stream, state);
    }
    const attached = state;
    clearTimeout(attached.retention);
    attached.session = session;
    // Messages that a replaced link delivers after its replacement are ignored.
    const current = (): boolean => attached.session === session;
    session.on('frame', (message) => {
      if (current()) {
        this.#accept(attached, session, message);
      }
    });
    session.on('ack', ({ frame }) => {
      attached.inbox.acknowledge(frame);
      this.#fitStored(attached);
    });
    session.on('bye', () => {
      if (current()) {
        this.#forget(attached, `stream "${stream}" ended`);
      }
    });
    session.on('close', () => {
      if (current()) {
        this.#detach(attached);
      }
    });
  }

  /**
   * Forget everything: all work is cancelled; the clients are not notified, and send their frames to the next server.
   */
  close(): void {
    for (const state of this.#streams.values()) {
      this.#forget(state, 'the service is shutting down');
    }
  }

  #accept(state: StreamState, session: StreamSession, { head, payload }: FrameMessage): void {
    const { stream, frame } = head;
    const accepted = state.inbox.accept(frame);
    switch (accepted.verdict) {
      case 'finished':
        session.sendEncoded(accepted.outcome);
        return;
      case 'over-window': {
        const detail = `more than the ${this.#window} unresolved frames that this stream may have; wait for outcomes`;
        session.send('drop', { stream, frame, reason: 'queue-full', detail });
        this.#options.onRefused?.(stream, frame, 'queue-full');
        return;
      }
      case 'in-progress':
      case 'acknowledged':
        return;
      case 'new':
        break;
    }
    const work = new AbortController();
    state.working.set(frame, work);
    const finish = (outcome: EncodedFrame): boolean => {
      // A cancelled frame is not in progress any more, or in an inbox that is not read any more.
      if (work.signal.aborted || !state.inbox.finish(frame, outcome)) {
        return false;
      }
      state.working.delete(frame);
      state.session?.sendEncoded(outcome);
      this.#fitStored(state);
      return true;
    };
    this.#options.onFrame({
      stream,
      frame,
      head,
      payload,
      hello: session.hello,
      remoteAddress: session.remoteAddress,
      receivedMs: performance.now(),
      signal: work.signal,
      preview: (result, image) => {
        const newest = state.session;
        if (work.signal.aborted || newest === undefined || newest.bufferedBytes > PREVIEW_BUFFER_BYTES) {
          return false;
        }
        newest.send('result', result, image);
        return newest.isOpen;
      },
      finish: (result, image) => finish(encodeFrameParts('result', { ...result, stage: 'final' }, image)),
      drop: (reason, detail) =>
        finish(encodeFrameParts('drop', { stream, frame, reason, detail: detail.slice(0, MAX_TEXT_LENGTH) })),
    });
  }

  #fitStored(state: StreamState): void {
    for (let most: StreamState | undefined = state; most !== undefined;) {
      const { storedBytes } = most.inbox;
      most = this.#storedBytes.set(most, this.#streams.get(most.stream) === most ? storedBytes : 0);
      most?.inbox.forgetOldest();
    }
  }

  #detach(state: StreamState): void {
    state.session = undefined;
    this.#streams.delete(state.stream);
    this.#streams.set(state.stream, state);
    state.retention = setTimeout(
      () => this.#forget(state, `stream "${state.stream}" didn't come back`),
      this.#options.retainMs ?? 300_000,
    );
    state.retention.unref();
  }

  #forget(state: StreamState, why: string): void {
    clearTimeout(state.retention);
    state.session = undefined;
    if (this.#streams.get(state.stream) === state) {
      this.#streams.delete(state.stream);
    }
    this.#fitStored(state);
    for (const work of state.working.values()) {
      work.abort(new DeliveryCancelled(why));
    }
    state.working.clear();
  }

  /** Make place for one more stream: how many are connected is for `serveLinks` to limit. */
  #makeRoom(): void {
    if (this.#streams.size >= (this.#options.maxStreams ?? 1024)) {
      const left = [...this.#streams.values()].find(({ session }) => session === undefined);
      if (left !== undefined) {
        this.#forget(left, `too many streams, and "${left.stream}" was away the longest`);
      }
    }
  }
}
