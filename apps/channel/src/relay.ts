import { SemcastError } from '@semcast/core';
import type { Logger, Metrics } from '@semcast/service';
import {
  CLOSE_CODES,
  FrameError,
  openLink,
  PeerError,
  type ClientSocketOptions,
  type FrameHead,
  type FrameMessage,
  type LinkEnd,
  type OpenLink,
  type ServerMessage,
  type ServerSession,
  type SessionHello,
  type SharedBytes,
  type WelcomeHead,
  type WireError,
  FrameDropError,
} from '@semcast/wire';
import type { ChannelControl } from './channel-control.js';
import { ReceiverAwayError } from './errors.js';
import { forwardFrame } from './forward-frame.js';
import { HoldBack } from './hold-back.js';
import { impairFrame } from './impair-frame.js';
import type { ChannelLive } from './live.js';
import { receiveFrame } from './receive-frame.js';
import type { IqPublisher } from './recording/iq-publisher.js';
import type { Recorder, StreamRecordings } from './recording/recorder.js';

/** The part of the service that a relay needs. */
export interface RelayServices {
  readonly receiverUrl: string;
  readonly receiverToken: string | undefined;
  readonly maxBufferedBytes: number;
  /** What the receiver hasn't read yet, of all relays. */
  readonly unread: SharedBytes<OpenLink>;
  readonly socket: Omit<ClientSocketOptions, 'hello' | 'signal'>;
  readonly control: ChannelControl;
  readonly metrics: Metrics<'channel'>;
  readonly live: ChannelLive;
  /** Undefined: nothing is recorded. */
  readonly recorder: Recorder | undefined;
  /** Undefined: nothing is published. */
  readonly publisher: IqPublisher | undefined;
  readonly logger: Logger;
  /** Called with whether the receiver could be reached. */
  readonly onReceiver: (problem: string | undefined) => void;
}

/**
 * One transmitter's link and the link to the receiver that belongs to it.
 *
 * Frames cross the channel on their way up; everything else passes as it is, in both directions. When either link
 * ends, so does the other: the transmitter connects again, and what is unresolved is sent again.
 */
export class Relay {
  readonly #session: ServerSession;
  readonly #services: RelayServices;
  #upstream!: OpenLink;
  #holdDown!: HoldBack;
  #holdUp!: HoldBack;
  /** Messages of the receiver that came before the transmitter was welcomed; then undefined. */
  #early: ServerMessage[] | undefined = [];
  #upstreamEnd: LinkEnd | undefined;
  #recordings: StreamRecordings | undefined;

  private constructor(session: ServerSession, services: RelayServices) {
    this.#session = session;
    this.#services = services;
  }

  /**
   * Open the link to the receiver for a transmitter that has just said hello.
   *
   * @throws ReceiverAwayError when there is no receiver, PeerError when it refuses: the transmitter gets its message
   */
  static async open(hello: SessionHello, session: ServerSession, services: RelayServices): Promise<Relay> {
    const relay = new Relay(session, services);
    const { protocol: _, ...passed } = hello;
    const token = services.receiverToken;
    try {
      relay.#upstream = await openLink(services.receiverUrl, {
        ...services.socket,
        hello: {
          ...passed,
          role: 'channel',
          // The receiver sees this process's address, and shares itself out among those behind it.
          client: session.remoteAddress,
          ...(token === undefined ? {} : { token }),
        },
        signal: session.signal,
        onMessage: (message) => {
          relay.#passDown(message);
        },
        onUnread: (bytes, upstream) => {
          services.unread.set(upstream, bytes);
        },
        onClose: (end) => {
          relay.#upstreamClosed(end);
        },
      });
    } catch (error) {
      throw session.signal.aborted ? error : refusalOf(error, services);
    }
    services.onReceiver(undefined);
    // The transmitter isn't welcomed yet; what the receiver says to it can wait in the socket.
    const upstream = relay.#upstream;
    upstream.pause();
    const { maxBufferedBytes, unread } = services;
    relay.#holdDown = new HoldBack(session, () => upstream.bufferedBytes > maxBufferedBytes || !unread.hasRoom(0));
    relay.#holdUp = new HoldBack(upstream, () => session.bufferedBytes > maxBufferedBytes);
    return relay;
  }

  /** The welcome of the receiver. */
  get welcome(): WelcomeHead {
    return this.#upstream.welcome;
  }

  /** Begin to pass messages; the transmitter has been welcomed. */
  begin(): void {
    const session = this.#session;
    const { live, recorder } = this.#services;
    this.#recordings = recorder?.enter(session.hello);
    session.on('frame', (message) => {
      this.#carryFrame(message);
    });
    session.on('ack', (head) => {
      this.#upstream.send('ack', head);
      this.#holdDown.check();
    });
    session.on('bye', () => {
      this.#upstream.send('bye', { stream: session.hello.stream });
      recorder?.end(session.hello.stream);
    });
    session.on('refused', (drop) => {
      live.tellDropped(session.hello.stream, drop.frame, drop.reason, drop.detail);
    });
    session.on('close', (end) => {
      this.#sessionClosed(end);
    });
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) {
      this.#passDown(message);
    }
    this.#upstream.resume();
    if (this.#upstreamEnd !== undefined) {
      this.#upstreamClosed(this.#upstreamEnd);
    }
    live.tellLink(session);
  }

  /** The path of a frame through this process. */
  #carryFrame(message: FrameMessage): void {
    const { control, metrics, live, publisher, unread } = this.#services;
    const startedMs = performance.now();
    try {
      const sent = receiveFrame(message);
      control.sawFrame(sent.head);
      this.#recordings?.input?.add(sent.head, message.payload);
      publisher?.publish('input', sent.head.stream, sent.head.samples, message.payload);
      const heard = impairFrame(control.channel, sent);
      const { head, payload } = forwardFrame(this.#upstream, heard, unread);
      const [samples, ...gains] = payload;
      this.#recordings?.output?.add(head, samples!, gains);
      publisher?.publish('output', head.stream, head.samples, samples!);
      live.tellForwarded(heard);
    } catch (error) {
      this.#dropFrame(message.head, error);
    }
    metrics.frameLatency.observe({ stage: 'channel' }, (performance.now() - startedMs) / 1000);
    this.#holdDown.check();
  }

  #dropFrame({ stream, frame, samples }: FrameHead, error: unknown): void {
    if (!(error instanceof SemcastError)) {
      throw error;
    }
    // An error that isn't a drop itself is about the samples.
    const reason = error instanceof FrameDropError ? error.reason : 'invalid-frame';
    if (reason === 'channel-loss') {
      this.#services.metrics.channelUses.inc(samples.count);
    }
    this.#services.live.tellDropped(stream, frame, reason, error.message);
    this.#session.send('drop', { stream, frame, reason, detail: error.message });
  }

  #passDown(message: ServerMessage): void {
    if (this.#early !== undefined) {
      this.#early.push(message);
      return;
    }
    // The receiver's last message comes with the end of its link, too, and is passed on there.
    if (message.kind !== 'error') {
      this.#session.send(message.kind, message.head, message.payload);
      this.#holdUp.check();
    }
  }

  #upstreamClosed(end: LinkEnd): void {
    this.#upstreamEnd = end;
    if (this.#early !== undefined || !this.#session.isOpen) {
      return;
    }
    if (end.error === undefined && end.code === CLOSE_CODES.normal) {
      this.#session.close();
      return;
    }
    const error = refusalOf(end.error ?? `its link ended with code ${end.code}`, this.#services);
    this.#session.close(error.closeCode, error);
  }

  #sessionClosed(end: LinkEnd): void {
    // The link to the receiver ends by itself: it was opened with the signal of this session.
    this.#holdDown.stop();
    this.#holdUp.stop();
    this.#services.recorder?.leave(this.#session.hello);
    this.#services.live.tellLink(this.#session, end);
  }
}

/**
 * The error that a transmitter gets when the receiver can't be reached.
 *
 * The receiver's own message is passed on, with the code that says whether trying again can help. Its complaint about
 * the token is the exception: that token is the channel's, so the transmitter can't mend it and should try again.
 */
function refusalOf(error: unknown, { receiverUrl, onReceiver, logger }: RelayServices): WireError {
  const isPeers = error instanceof PeerError;
  // A message that arrived broken here is no sign that the receiver is away, and may be broken again: the transmitter
  // tries as often as for one that was broken on its own link.
  if (error instanceof FrameError || (isPeers && error.closeCode !== CLOSE_CODES.badToken)) {
    return error;
  }
  const why = error instanceof Error ? error.message : String(error);
  const away = isPeers
    ? new ReceiverAwayError(receiverUrl, `it refuses this channel (${why})`, {
        remedy: 'set receiverToken of the channel to the token of the receiver',
        cause: error,
      })
    : new ReceiverAwayError(receiverUrl, why, { cause: error });
  onReceiver(why);
  logger.warn({ code: away.code }, away.message);
  return away;
}
