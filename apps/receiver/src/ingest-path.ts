import type { FrameIngest, RollCall } from '@semcast/frame-queue';
import { type Delivery, FrameDropError } from '@semcast/wire';
import { clientOf } from './client-of.js';
import { demodulateFrame } from './demodulate-frame.js';
import { FramesInProgress } from './frames-in-progress.js';
import type { ReceiverLive } from './live.js';
import { receiveFrame, type ReceptionRules } from './receive-frame.js';

export interface IngestPathOptions extends ReceptionRules {
  readonly queue: FrameIngest;
  readonly workers: RollCall;
  /** Whether links had to show a token. */
  readonly hasToken: boolean;
  readonly maxQueueBytes: number;
  readonly live: ReceiverLive;
}

/** The path of frames through a process that has the sockets and lets others decode: to the queue, and back from it. */
export class IngestPath {
  readonly #options: IngestPathOptions;
  readonly #progress: FramesInProgress;

  constructor(options: IngestPathOptions) {
    this.#options = options;
    this.#progress = new FramesInProgress({
      ...options,
      timesDeadlines: true,
      carry: async (delivery, signal) => {
        await this.#carryFrame(delivery, signal);
      },
      // A worker that has the older one lets it come to its preview.
      supersede: (older, by) => options.queue.supersede(older, by),
    });
  }

  /** Frames in progress. */
  get frames(): number {
    return this.#progress.frames;
  }

  /** Bytes of the payloads of frames in progress. */
  get bytes(): number {
    return this.#progress.bytes;
  }

  /** Take a frame; its outcome goes to the delivery. */
  take(delivery: Delivery): void {
    this.#progress.take(delivery);
  }

  /** Resolves when no frame is in progress. */
  async settled(): Promise<void> {
    await this.#progress.settled();
  }

  async #carryFrame(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { queue, workers, live } = this.#options;
    // What no worker would take needn't go there.
    const received = receiveFrame(delivery, delivery.hello.result.format, this.#options);
    const { decoders } = workers;
    if (decoders.size > 0 && !decoders.has(received.decoder.name)) {
      throw new FrameDropError('unknown-decoder', `no worker has the decoder "${received.decoder.name}" now`);
    }
    live.tellReceived(delivery, () => demodulateFrame(received));
    const outcome = await queue.carry({
      delivery,
      client: clientOf(delivery, this.#options),
      signal,
      onPartial: ({ head, payload }) => delivery.preview(head, payload),
    });
    if (outcome.kind === 'drop') {
      live.tellDrop(delivery, outcome.head.reason, outcome.head.detail);
      delivery.drop(outcome.head.reason, outcome.head.detail);
    } else {
      live.tellPicture(delivery.head, outcome.head);
      delivery.finish(outcome.head, outcome.payload);
    }
  }
}
