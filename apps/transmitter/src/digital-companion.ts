import { companionStream } from '@semcast/console-messages';
import { describeError } from '@semcast/core';
import { DIGITAL_DECODER } from '@semcast/digital';
import type { Logger } from '@semcast/service';
import type { ClientLink } from '@semcast/wire';
import { DesignCsnr, INITIAL_DESIGN_CSNR_DB } from './design-csnr.js';
import type { FrameJob } from './frame-request.js';
import { Gate } from './gate.js';
import type { CompletedFrame } from './outcome.js';
import { PendingResults } from './pending-results.js';
import type { StreamControl } from './stream-control.js';
import { transmitFrame, type FrameTools } from './transmit-frame.js';

/** For comparison beside frames that are the point: the image encoder takes no longer than it must. */
const OPTIONS = { effort: 1 } as const;

export interface DigitalCompanionParts {
  readonly stream: string;
  readonly tools: Omit<
    FrameTools,
    'link' | 'pending' | 'design' | 'encoding' | 'pixels' | 'output' | 'previewOutput' | 'metricPool' | 'recording'
  >;
  readonly control: StreamControl;
  /** Of a stream of its own; called when it is first needed. */
  readonly connect: (stream: string) => ClientLink;
  readonly onCompleted: (outcome: CompletedFrame) => void;
  readonly logger: Logger;
}

/**
 * Sends photographs of a stream once more by the digital link, for who watches: what it would have brought stands beside
 * what came.
 *
 * Its frames are those of a stream of its own, under the numbers of the frames that they accompany, so that the SNR is
 * the same and neither the journal nor figures of the stream know of them. One is under way at a time, behind the frame
 * itself; of those that come meanwhile the newest is next, and the others have none.
 */
export class DigitalCompanion {
  readonly #parts: DigitalCompanionParts;
  readonly #design = new DesignCsnr();
  readonly #pending = new PendingResults();
  readonly #closing = new AbortController();
  #link: ClientLink | undefined;
  #next: FrameJob | undefined;
  #working: Promise<void> | undefined;

  constructor(parts: DigitalCompanionParts) {
    this.#parts = parts;
  }

  /** A frame of the stream is on its way. */
  follow(job: FrameJob): void {
    const { control, tools } = this.#parts;
    const isWanted = control.settings.digital !== 'off' && job.decoder !== DIGITAL_DECODER && tools.isWatched();
    if (!isWanted || this.#closing.signal.aborted) {
      return;
    }
    this.#next = job;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
    await this.#link?.close();
  }

  async #work(): Promise<void> {
    const { signal } = this.#closing;
    while (this.#next !== undefined && !signal.aborted) {
      const job = this.#next;
      this.#next = undefined;
      await this.#send(job).catch((error: unknown) => {
        if (!signal.aborted) {
          const { stream, frame } = job;
          this.#parts.logger.debug({ stream, frame, err: error }, `no digital companion: ${describeError(error)}`);
        }
      });
    }
  }

  async #send(job: FrameJob): Promise<void> {
    const { stream, tools, control, onCompleted } = this.#parts;
    const { signal } = this.#closing;
    this.#link ??= this.#connect();
    const companion: FrameJob = {
      ...job,
      stream: companionStream(stream),
      decoder: DIGITAL_DECODER,
      decoderOptions: OPTIONS,
      designCsnrDb: control.settings.digital === 'fixed' ? INITIAL_DESIGN_CSNR_DB : job.designCsnrDb,
      supersedes: false,
    };
    const own = {
      link: this.#link,
      pending: this.#pending,
      design: this.#design,
      // Nothing of the stream waits for these.
      encoding: new Gate(1),
      pixels: new Gate(Number.MAX_SAFE_INTEGER),
      output: undefined,
      previewOutput: undefined,
      metricPool: undefined,
      recording: signal,
    };
    const watcher = { onStage: () => {}, onSent: () => {}, onPreview: () => {} };
    onCompleted(await transmitFrame(companion, { ...tools, ...own }, watcher, signal));
  }

  #connect(): ClientLink {
    const { stream, connect, logger } = this.#parts;
    const link = connect(companionStream(stream));
    link.on('result', (message) => {
      this.#pending.deliverResult(message);
    });
    link.on('drop', (head) => {
      this.#pending.deliverDrop(head);
    });
    // Refused for good: the stream goes on without companions.
    link.on('error', (error) => {
      logger.warn({ stream, code: error.code }, `no more digital companions: ${describeError(error)}`);
      this.#closing.abort();
    });
    return link;
  }
}
