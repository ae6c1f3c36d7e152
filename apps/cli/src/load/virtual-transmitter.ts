import { describeError } from '@semcast/core';
import { connectLink, FrameError, type ClientLink, type OutgoingFrame, type ResultMessage } from '@semcast/wire';
import type { EncodedPhoto } from './corpus.js';
import type { DropDecider, DueFrame, LoadDropReason } from './ledger.js';
import type { LoadSettings, LoadTools } from './run-load.js';

/** The most frames of one stream between socket and outcome, whatever the receiver allows. */
const MAX_UNDER_WAY = 256;
const AGENT = 'semcast-load/0.1.0';

/** A frame that went onto the socket, or is about to. */
export interface Flight extends DueFrame {
  readonly photo: EncodedPhoto;
  previewed: boolean;
}

/** Callbacks of a virtual transmitter for its frames. Every frame that is offered ends in one completed or dropped. */
export interface FlightWatcher {
  onTransmitted(flight: Flight): void;
  /** The first picture, when it isn't the final one. */
  onPreview(flight: Flight): void;
  onCompleted(flight: Flight, result: ResultMessage): void;
  onDropped(due: DueFrame, reason: LoadDropReason, decider: DropDecider, detail: string): void;
}

export interface VirtualTransmitterOptions
  extends
    Pick<LoadSettings, 'to' | 'token' | 'decoder' | 'csi' | 'resultFormat' | 'backlog'>,
    Pick<LoadTools, 'photos' | 'makeFrame'> {
  readonly stream: string;
  /** Against other streams of this address. */
  readonly weight: number;
  /** Photographs are cycled through from this one on. */
  readonly firstPhoto: number;
  readonly watcher: FlightWatcher;
}

/**
 * One stream of a load run over a link of its own, or some that share it: due frames wait in a bounded queue until there
 * is a credit, and only then are they made and sent, so that what waits is a few numbers and no samples.
 */
export class VirtualTransmitter {
  readonly link: ClientLink;
  readonly #options: VirtualTransmitterOptions;
  readonly #waiting: DueFrame[] = [];
  /** How many of them are of which stream. */
  readonly #waitingOf = new Map<number, number>();
  readonly #underWay = new Map<number, Flight>();
  #nextFrame = 0;
  #closed = false;

  constructor(options: VirtualTransmitterOptions) {
    this.#options = options;
    const { to, stream, weight, token, decoder, csi, resultFormat } = options;
    this.link = connectLink(to, {
      hello: {
        stream,
        ...(token === undefined ? {} : { token }),
        role: 'transmitter',
        ...(weight === 1 ? {} : { weight }),
        agent: AGENT,
        decoder,
        csi,
        sampleFormat: 'cf32_le',
        result: { format: resultFormat },
      },
      // The link reports a message before it acts on it: frames that a new credit allows are sent afterwards.
      onMessage: ({ kind }) => {
        if (kind === 'credit') {
          this.#pumpSoon();
        }
      },
    });
    this.link.on('welcome', () => this.#pump());
    this.link.on('result', (message) => this.#receive(message));
    this.link.on('drop', ({ frame, reason, detail }) => {
      const flight = this.#underWay.get(frame);
      if (flight !== undefined) {
        this.#underWay.delete(frame);
        this.#pumpSoon();
        options.watcher.onDropped(flight, reason, 'peer', detail);
      }
    });
  }

  /** Frames that wait for a credit. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Frames between credit and outcome. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** A frame has come due: it goes onto the socket, waits for a credit, or ends as `client-backlog`. */
  offer(due: DueFrame): void {
    this.#waiting.push(due);
    this.#countWaiting(due, 1);
    this.#pump();
    const { backlog } = this.#options;
    if (this.#waitingOf.get(due.stream)! > backlog) {
      this.#waiting.pop();
      this.#countWaiting(due, -1);
      this.#drop(due, 'client-backlog', `${backlog} frames of the stream waited for a credit already`);
    }
  }

  /** Nobody waits any longer: whatever hasn't ended ends with this reason. */
  abandon(reason: LoadDropReason, detail: string): void {
    this.#waitingOf.clear();
    for (const due of this.#waiting.splice(0)) {
      this.#drop(due, reason, detail);
    }
    for (const [frame, flight] of this.#underWay) {
      this.#underWay.delete(frame);
      this.link.giveUp(frame);
      this.#drop(flight, reason, detail);
    }
  }

  /** End the stream and its link; {@link abandon} what hasn't ended before. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.link.close();
  }

  #receive(message: ResultMessage): void {
    const { frame, stage } = message.head;
    const flight = this.#underWay.get(frame);
    if (flight === undefined) {
      return;
    }
    if (stage === 'final') {
      this.#underWay.delete(frame);
      this.#pumpSoon();
      this.#options.watcher.onCompleted(flight, message);
    } else if (!flight.previewed) {
      flight.previewed = true;
      this.#options.watcher.onPreview(flight);
    }
  }

  /** The link frees a credit after its listeners have returned. */
  #pumpSoon(): void {
    queueMicrotask(() => this.#pump());
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#hasCredit()) {
      const due = this.#waiting.shift()!;
      this.#countWaiting(due, -1);
      this.#send(due);
    }
  }

  #countWaiting({ stream }: DueFrame, by: 1 | -1): void {
    this.#waitingOf.set(stream, (this.#waitingOf.get(stream) ?? 0) + by);
  }

  #hasCredit(): boolean {
    const { state, unresolved, waiting, window } = this.link;
    return (
      !this.#closed && state.name === 'open' && unresolved + waiting < window && this.#underWay.size < MAX_UNDER_WAY
    );
  }

  #send(due: DueFrame): void {
    const { photos, firstPhoto, stream, makeFrame } = this.#options;
    const frame = this.#nextFrame++;
    const photo = photos[(firstPhoto + frame) % photos.length]!;
    const flight: Flight = { ...due, photo, previewed: false };
    this.#underWay.set(frame, flight);
    void this.#transmit(flight, frame, makeFrame(photo, { stream, frame }));
  }

  /** Tells when the frame is on its way. Never rejects. */
  async #transmit(flight: Flight, frame: number, outgoing: OutgoingFrame): Promise<void> {
    // Without its place under way, the frame was abandoned meanwhile.
    const wanted = (): boolean => this.#underWay.get(frame) === flight;
    try {
      await this.link.send(outgoing);
      if (wanted()) {
        this.#options.watcher.onTransmitted(flight);
      }
    } catch (error) {
      if (wanted()) {
        this.#underWay.delete(frame);
        this.#drop(flight, this.#reasonOf(error), describeError(error));
        this.#pumpSoon();
      }
    }
  }

  #reasonOf(error: unknown): LoadDropReason {
    if (error instanceof FrameError && error.code === 'E_FRAME_TOO_LARGE') {
      return 'image-too-large';
    }
    return this.link.state.name === 'closed' ? 'gave-up' : 'invalid-frame';
  }

  #drop(due: DueFrame, reason: LoadDropReason, detail: string): void {
    this.#options.watcher.onDropped(due, reason, 'generator', detail);
  }
}
