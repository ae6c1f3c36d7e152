import { type Delivery, FrameDropError } from '@semcast/wire';
import { DeliveryMoved } from '@semcast/frame-queue';
import { startDeadline } from './deadline.js';
import { asDrop } from './decode-frame.js';
import type { ReceiverLive } from './live.js';
import { Supersession } from './supersession.js';

export interface FramesInProgressOptions {
  /** Bytes of payloads in progress beyond which more frames are refused. */
  readonly maxQueueBytes: number;
  /** Whether frames end here when their time is up; not where another process does that. */
  readonly timesDeadlines: boolean;
  readonly live: Pick<ReceiverLive, 'tellDropped'>;
  /** Bring a frame to its result, or throw why there is none. */
  readonly carry: (delivery: Delivery, signal: AbortSignal, supersession: Supersession) => Promise<void>;
  /** Frame `by` takes a frame's place; whether somebody else ends the older one. Default: it ends here. */
  readonly supersede?: (older: Delivery, by: number) => boolean;
}

/** The frames that a process has: each has exactly one outcome, whatever happens. */
export class FramesInProgress {
  readonly #options: FramesInProgressOptions;
  readonly #inProgress = new Set<Promise<void>>();
  /** By frame, for each frame in progress. */
  readonly #supersessions = new Map<Delivery, Supersession>();
  #bytes = 0;

  constructor(options: FramesInProgressOptions) {
    this.#options = options;
  }

  get frames(): number {
    return this.#inProgress.size;
  }

  /** Bytes of their payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Take a frame; its outcome goes to the delivery. */
  take(delivery: Delivery): void {
    const work = this.#carryToItsEnd(delivery).finally(() => {
      this.#inProgress.delete(work);
    });
    this.#inProgress.add(work);
  }

  /** Frame `by` of its stream takes the place of one that is in progress. */
  supersede(older: Delivery, by: number): void {
    if (this.#options.supersede?.(older, by) !== true) {
      this.#supersessions.get(older)?.request(by);
    }
  }

  /** Whether any run of a frame has begun. */
  hasBegun(delivery: Delivery): boolean {
    return this.#supersessions.get(delivery)?.begun === true;
  }

  /** End what hasn't begun, and tell nobody: who sent it keeps it, and sends it to another. */
  handBackWaiting(why: string): void {
    for (const frame of this.#supersessions.values()) {
      if (!frame.begun) {
        frame.handBack(why);
      }
    }
  }

  /** Resolves when no frame is in progress. */
  async settled(): Promise<void> {
    await Promise.all(this.#inProgress);
  }

  async #carryToItsEnd(delivery: Delivery): Promise<void> {
    const { carry, live, timesDeadlines } = this.#options;
    const deadline = startDeadline(delivery, timesDeadlines);
    const bytes = delivery.payload.byteLength;
    this.#bytes += bytes;
    if (delivery.head.supersedes === true) {
      this.#supersedeOlder(delivery);
    }
    const supersession = new Supersession();
    this.#supersessions.set(delivery, supersession);
    try {
      this.#checkRoom();
      await carry(delivery, AbortSignal.any([deadline.signal, supersession.signal]), supersession);
    } catch (error) {
      const hasMoved = [delivery.signal, supersession.signal].some(({ reason }) => reason instanceof DeliveryMoved);
      if (!hasMoved) {
        const { reason, message, cause } = asDrop(error);
        live.tellDropped(delivery, reason, message, cause);
        delivery.drop(reason, message);
      }
    } finally {
      deadline.stop();
      this.#supersessions.delete(delivery);
      this.#bytes -= bytes;
    }
  }

  /** End what a newer frame makes needless: frames of its stream with lower numbers. */
  #supersedeOlder({ stream, frame }: Delivery): void {
    for (const older of this.#supersessions.keys()) {
      if (older.stream === stream && older.frame < frame) {
        this.supersede(older, frame);
      }
    }
  }

  #checkRoom(): void {
    const { maxQueueBytes } = this.#options;
    if (this.#bytes > maxQueueBytes) {
      throw new FrameDropError(
        'queue-full',
        `with this frame the receiver would hold ${this.#bytes} bytes of samples; it takes ${maxQueueBytes} ` +
          '(maxQueueBytes); send fewer frames at a time, or smaller ones',
      );
    }
  }
}
