/** A stream's link that outlives its connections: credits, resending, reconnecting. */
import { ArgumentError } from '@semcast/core';
import { backoffDelayMs } from './backoff.js';
import { CLOSE_CODES, retryAfter } from './close-codes.js';
import { Emitter } from './emitter.js';
import { FrameError, LinkError, UpgradeRefused, type WireError } from './errors.js';
import { encodeFrameParts, type EncodedFrame } from './frame.js';
import type { DropHead, HelloHead, ResultMessage, WelcomeHead } from './heads.js';
import type {
  ClientLinkEvents,
  ConnectLinkOptions,
  LinkEnd,
  LinkState,
  OutgoingFrame,
  ServerMessage,
} from './link-types.js';
import { completeHello, nextAttempt, parseLinkUrl, startLink, type OpenLink } from './open-link.js';
import { Outbox } from './outbox.js';

/** Beyond this many bytes waiting in the socket, the next frame stays in the outbox: its credit isn't the only limit. */
const HIGH_WATER_BYTES = 8 * 1024 * 1024;
/** After a link that held this long, the next failure counts as the first one. */
const STABLE_MS = 2000;
/**
 * Links in a row that may end because of a broken message or broken framing, with no frame's outcome between them,
 * before the link is ended for good. One changed bit is a fault of the network; the same fault again and again is not.
 */
const MAX_BROKEN = 8;
/** HTTP answers to an upgrade that mean "not now", as from a proxy whose service is starting. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

interface Pending {
  readonly encoded: EncodedFrame;
  readonly payloadBytes: number;
  /** The frame is on its way for the first time. */
  readonly sent: () => void;
  readonly failed: (error: WireError) => void;
}

/**
 * Link a stream to a server, now and until it is closed: connect, greet, send frames as credits allow, connect again
 * when the link breaks, and send again what is unresolved. Each frame's outcome is emitted exactly once, whatever
 * happened on the way.
 *
 * Returns at once; frames may be sent at once, too, and wait for the link. The link is ended for good by close(), the
 * signal, a server that refuses for a reason that trying again doesn't mend (token, version, decoder), or links that
 * break again and again without an outcome.
 *
 * @throws LinkError `E_LINK_URL` or FrameError `E_FRAME_HEAD` when the address or the hello is not valid.
 */
export function connectLink(url: string, options: ConnectLinkOptions): ClientLink {
  parseLinkUrl(url);
  return new ClientLink(url, completeHello(options.hello), options);
}

/** A stream's link to a server: sends frames as credits allow, connects again, resends, and drops duplicates. */
export class ClientLink extends Emitter<ClientLinkEvents> {
  readonly url: string;
  readonly hello: HelloHead;
  /** Resolves at the first welcome; rejects when the link ends before it. */
  readonly ready: Promise<WelcomeHead>;
  /** Resolves when the link has ended for good: with undefined after close(), else with the reason. Never rejects. */
  readonly closed: Promise<WireError | undefined>;
  readonly #options: ConnectLinkOptions;
  readonly #outbox: Outbox<Pending>;
  readonly #idlers: { resolve(): void; reject(error: WireError): void }[] = [];
  #resolveReady!: (welcome: WelcomeHead) => void;
  #rejectReady!: (error: WireError) => void;
  #resolveClosed!: (error: WireError | undefined) => void;
  #state: LinkState = { name: 'connecting', attempt: 1 };
  #welcome: WelcomeHead | undefined;
  #link: OpenLink | undefined;
  #attempt: { abort(): void } | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  /** Links in a row that were broken by what they carried. */
  #broken = 0;
  #helloAttempt: number;
  #openedAt = 0;
  #closing = false;

  constructor(url: string, hello: HelloHead, options: ConnectLinkOptions) {
    super();
    this.url = url;
    this.hello = hello;
    this.#helloAttempt = hello.attempt - 1;
    this.#options = options;
    this.#outbox = new Outbox(options.maxWaiting === undefined ? {} : { maxWaiting: options.maxWaiting });
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Callers that don't await it get the end from `closed` or the error event.
    this.ready.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const { signal } = options;
    if (signal !== undefined) {
      const abort = (): void => void this.close();
      signal.addEventListener('abort', abort, { once: true });
      void this.closed.then(() => signal.removeEventListener('abort', abort));
    }
    // After the caller had the chance to attach listeners.
    queueMicrotask(() => {
      if (signal?.aborted === true) {
        void this.close();
      } else {
        this.#connect();
      }
    });
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The latest welcome. */
  get welcome(): WelcomeHead | undefined {
    return this.#welcome;
  }

  /** Unresolved frames that the server allows. */
  get window(): number {
    return this.#outbox.window;
  }

  /** Frames sent whose outcome isn't acknowledged. */
  get unresolved(): number {
    return this.#outbox.unresolved;
  }

  /** Frames that wait for a credit or for a link. */
  get waiting(): number {
    return this.#outbox.waiting;
  }

  /**
   * Send a frame: resolves when a credit was there and the frame is on its way for the first time. From then on the
   * link sees to it that its outcome arrives. The payload must not change until the outcome is there.
   *
   * @throws FrameError when head and payload don't fit together or are too large for this server; LinkError
   *   `E_FRAME_DUPLICATE`, `E_OUTBOX_FULL` or `E_LINK_CLOSED`, or the link's final error; the signal's reason when
   *   aborted before the frame was sent.
   */
  async send({ head, payload }: OutgoingFrame, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closing) {
      throw this.#whyClosed();
    }
    if (head.stream !== this.hello.stream) {
      throw new ArgumentError(`a frame of stream "${head.stream}" can't go over the link of "${this.hello.stream}"`, {
        remedy: 'connect one link per stream',
      });
    }
    const encoded = encodeFrameParts('frame', head, payload);
    const payloadBytes = encoded.bytes - encoded.head.byteLength;
    const tooLarge = this.#tooLarge(payloadBytes);
    if (tooLarge !== undefined) {
      throw tooLarge;
    }
    const { frame } = head;
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#outbox.giveUp(frame);
        this.#checkIdle();
        reject(signal?.reason as Error);
      };
      const settled = (): void => signal?.removeEventListener('abort', abort);
      this.#outbox.add(frame, {
        encoded,
        payloadBytes,
        sent: () => {
          settled();
          resolve();
        },
        failed: (error) => {
          settled();
          reject(error);
        },
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.#pump();
    });
  }

  /**
   * With `acknowledge: 'manual'`: the outcome of this frame is safe, tell the server and free the credit.
   *
   * @returns false when no outcome of the frame waits for it.
   */
  resolved(stream: string, frame: number): boolean {
    if (stream !== this.hello.stream || !this.#outbox.resolve(frame)) {
      return false;
    }
    // It may be lost with its link: the server forgets old outcomes by itself.
    this.#link?.send('ack', { stream, frame });
    this.#pump();
    this.#checkIdle();
    return true;
  }

  /** Stop waiting for a frame: no event follows for it. Returns false when it isn't waiting or unresolved. */
  giveUp(frame: number): boolean {
    this.#outbox.waitingItem(frame)?.failed(
      new LinkError('E_LINK_CLOSED', `frame ${frame} was given up`, {
        remedy: 'send it again if it is still wanted',
      }),
    );
    const given = this.#outbox.giveUp(frame);
    this.#checkIdle();
    return given;
  }

  /** Resolves when no frame waits or is unresolved; rejects when the link ends before. */
  async idle(): Promise<void> {
    if (this.#outbox.size === 0) {
      return;
    }
    if (this.#closing) {
      throw this.#whyClosed();
    }
    await new Promise<void>((resolve, reject) => {
      this.#idlers.push({ resolve, reject });
    });
  }

  /** End the link. `endStream` tells the server to forget the stream, too. Resolves when closed. */
  async close({ endStream = true }: { readonly endStream?: boolean } = {}): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      clearTimeout(this.#retry);
      const link = this.#link;
      if (link === undefined) {
        this.#attempt?.abort();
        this.#finish(undefined);
      } else if (endStream) {
        link.send('bye', { stream: this.hello.stream });
        link.close(CLOSE_CODES.normal);
      } else {
        link.close(CLOSE_CODES.goingAway);
      }
    }
    await this.closed;
  }

  #connect(): void {
    if (this.#closing) {
      return;
    }
    this.#setState({ name: 'connecting', attempt: this.#failures + 1 });
    const { signal: _, ...options } = this.#options;
    this.#helloAttempt = nextAttempt(this.#helloAttempt);
    this.#attempt = startLink(
      this.url,
      { ...this.hello, attempt: this.#helloAttempt },
      {
        ...options,
        onWelcome: (link) => this.#opened(link),
        onFailed: (error) => this.#lost(error),
        onMessage: (message) => this.#receive(message),
        onClose: (end) => this.#ended(end),
      },
    );
  }

  #opened(link: OpenLink): void {
    const reconnected = this.#welcome !== undefined;
    this.#link = link;
    this.#welcome = link.welcome;
    this.#openedAt = performance.now();
    this.#outbox.linkUp(link.welcome.credits);
    this.#resolveReady(link.welcome);
    this.#setState({ name: 'open' });
    this.emit('welcome', link.welcome, { reconnected });
    this.#pump();
  }

  #receive(message: ServerMessage): void {
    this.#options.onMessage?.(message);
    switch (message.kind) {
      case 'result':
        if (message.head.stage === 'final') {
          this.#outcome(message.head, () => this.emit('result', message));
        } else if (this.#isExpected(message)) {
          this.emit('result', message);
        }
        return;
      case 'drop':
        this.#outcome(message.head, () => this.emit('drop', message.head));
        return;
      case 'credit':
        this.#outbox.setWindow(message.head.credits);
        this.#pump();
        return;
      case 'error':
        // The end of the link says it.
        return;
    }
  }

  #isExpected({ head }: ResultMessage): boolean {
    return head.stream === this.hello.stream && this.#outbox.expects(head.frame);
  }

  #outcome({ stream, frame }: { readonly stream: string; readonly frame: number }, deliver: () => void): void {
    if (stream !== this.hello.stream) {
      return;
    }
    const item = this.#outbox.waitingItem(frame);
    switch (this.#outbox.outcome(frame)) {
      case 'deliver':
        this.#broken = 0;
        // The server had it from an earlier run of this program: it needn't be sent at all.
        item?.sent();
        deliver();
        if (this.#options.acknowledge !== 'manual') {
          this.resolved(stream, frame);
        }
        return;
      case 'acknowledge':
        this.#link?.send('ack', { stream, frame });
        this.#pump();
        this.#checkIdle();
        return;
      case 'ignore':
        return;
    }
  }

  /** Send what may be sent now. */
  #pump(): void {
    const link = this.#link;
    if (link === undefined) {
      return;
    }
    while (link.isOpen && link.bufferedBytes < HIGH_WATER_BYTES) {
      const next = this.#outbox.next();
      if (next === undefined) {
        return;
      }
      const { encoded, payloadBytes, sent, failed } = next.item;
      const tooLarge = this.#tooLarge(payloadBytes);
      if (tooLarge !== undefined) {
        this.#refuse(next.frame, tooLarge, next.resend, failed);
        continue;
      }
      link.sendEncoded(encoded, () => this.#pump());
      sent();
    }
  }

  /** A frame was accepted for a server with a higher limit, and now there is another one. */
  #refuse(frame: number, error: FrameError, resend: boolean, failed: (error: WireError) => void): void {
    this.#outbox.outcome(frame);
    this.#outbox.resolve(frame);
    if (resend) {
      const drop: DropHead = {
        stream: this.hello.stream,
        frame,
        reason: 'image-too-large',
        detail: error.message,
      };
      this.emit('drop', drop);
    } else {
      failed(error);
    }
    this.#checkIdle();
  }

  #tooLarge(payloadBytes: number): FrameError | undefined {
    const limit = this.#welcome?.limits.maxPayloadBytes ?? Infinity;
    return payloadBytes > limit
      ? new FrameError(
          'E_FRAME_TOO_LARGE',
          `a payload of ${payloadBytes} bytes is more than the ${limit} that ${this.url} takes`,
        )
      : undefined;
  }

  #ended(end: LinkEnd): void {
    this.#link = undefined;
    this.#outbox.linkDown();
    this.#checkIdle();
    if (this.#closing) {
      this.#finish(undefined);
      return;
    }
    const error =
      end.error ?? new LinkError('E_LINK_LOST', `${this.url} ended the link (${end.code})`, { closeCode: end.code });
    this.#lost(error);
  }

  /** There is no link any more: try again, or give up. */
  #lost(error: WireError): void {
    if (this.#closing) {
      return;
    }
    if (this.#openedAt !== 0 && performance.now() - this.#openedAt >= STABLE_MS) {
      this.#failures = 0;
      if (this.#outbox.size === 0) {
        // No message of this client can have broken it.
        this.#broken = 0;
      }
    }
    this.#openedAt = 0;
    this.#failures++;
    const { reconnect = {} } = this.#options;
    if (reconnect === false || !this.#mayPass(error)) {
      this.#closing = true;
      this.#finish(error);
      return;
    }
    const delayMs = backoffDelayMs(this.#failures, reconnect);
    this.#retry = setTimeout(() => this.#connect(), delayMs);
    this.#setState({ name: 'waiting', attempt: this.#failures, delayMs, error });
  }

  #mayPass(error: WireError): boolean {
    if (error instanceof LinkError && error.code === 'E_SERVICE_FAILED') {
      // A listener of this program threw: doing it again would throw again.
      return false;
    }
    if (error instanceof UpgradeRefused) {
      // Before the first welcome the address is wrong; later, something else answers in place of the service.
      return PASSING_STATUSES.has(error.status) || this.#welcome !== undefined;
    }
    if (error.closeCode === CLOSE_CODES.badProtocol && this.#welcome === undefined) {
      return false;
    }
    const retry = retryAfter(error.closeCode);
    return retry === 'always' || (retry === 'limited' && ++this.#broken < MAX_BROKEN);
  }

  #finish(error: WireError | undefined): void {
    const why = error ?? closedError();
    this.#setState({ name: 'closed', error });
    for (const { failed } of this.#outbox.waitingItems()) {
      failed(why);
    }
    for (const idler of this.#idlers.splice(0)) {
      idler.reject(why);
    }
    this.#rejectReady(why);
    this.#resolveClosed(error);
    if (error !== undefined) {
      this.emit('error', error);
    }
  }

  #checkIdle(): void {
    if (this.#outbox.size === 0) {
      for (const idler of this.#idlers.splice(0)) {
        idler.resolve();
      }
    }
  }

  #setState(state: LinkState): void {
    this.#state = state;
    this.emit('state', state);
  }

  #whyClosed(): WireError {
    return (this.#state.name === 'closed' ? this.#state.error : undefined) ?? closedError();
  }
}

function closedError(): LinkError {
  return new LinkError('E_LINK_CLOSED', 'the link is closed');
}
