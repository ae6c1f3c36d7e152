import { describeError, type RgbImage } from '@semcast/core';
import { Piscina } from 'piscina';
import { QualityWorkerError } from './errors.js';
import type { QualityAnswer, QualityJob } from './quality-worker.js';

/** Figures of a reconstruction, with the pictures that were compared. */
export type Comparison = Exclude<QualityAnswer, { readonly error: string }>;

export interface QualityPoolOptions {
  /** Threads. */
  readonly workers: number;
  /** Comparisons that may wait for a thread; one more is refused. */
  readonly maxQueue: number;
  /** Called when a thread died. */
  readonly onWarning: (message: string) => void;
  /** The module of the threads; replaced by tests that need one that dies. */
  readonly module?: URL;
}

/** Compiled, also for the tests that run this file's source. */
const WORKER_MODULE = new URL('../dist/quality-worker.js', import.meta.url);

/** Threads that compute packages/quality's figures, so that the transmitter's event loop stays free. */
export class QualityPool {
  readonly #pool: Piscina<QualityJob, QualityAnswer>;
  readonly #options: QualityPoolOptions;
  /**
   * Ends what is under way: when the pool closes, and when a thread can't even start, for which its jobs would wait for
   * ever. One for all jobs, since `AbortSignal.any` leaves a trace in a signal that outlives it (Node 20).
   */
  #end = new AbortController();
  #closed = false;

  constructor(options: QualityPoolOptions) {
    this.#options = options;
    const { workers, maxQueue, onWarning, module = WORKER_MODULE } = options;
    this.#pool = new Piscina({
      filename: module.href,
      minThreads: workers,
      maxThreads: workers,
      maxQueue,
      // No inherited flags: a loader or an inspector of the parent isn't meant for these threads.
      execArgv: [],
    });
    this.#pool.on('error', (cause: unknown) => {
      const message = `a thread that compares pictures could not run: ${describeError(cause)}`;
      onWarning(message);
      if (!this.#closed) {
        this.#end.abort(new QualityWorkerError(message, { remedy: 'look into the log; a new thread is tried', cause }));
        this.#end = new AbortController();
      }
    });
  }

  /**
   * Compare two pictures of one size, and optionally the first with a preview, by PSNR only.
   *
   * They are handed over to the thread: the caller's arrays are empty afterwards, and the pixels of the first two
   * come back with the figures. Views of larger memory are copied instead.
   *
   * @throws QualityWorkerError (E_QUALITY_WORKER), always as a rejection
   */
  async measure(original: RgbImage, decoded: RgbImage, preview?: RgbImage): Promise<Comparison> {
    const { signal } = this.#end;
    signal.throwIfAborted();
    const { queueSize } = this.#pool;
    if (queueSize >= this.#options.maxQueue) {
      throw new QualityWorkerError(`${queueSize} pictures already wait to be compared`, {
        remedy: 'send more slowly (fps), or give more threads (qualityWorkers)',
      });
    }
    const job: QualityJob = {
      original: transferable(original),
      decoded: transferable(decoded),
      preview: preview === undefined ? undefined : transferable(preview),
    };
    // A Set, because a picture may be compared with itself.
    const transferList = [
      ...new Set(Object.values(job).flatMap((each: RgbImage | undefined) => each?.data.buffer ?? [])),
    ];
    const answer = await this.#pool
      .run(job, { transferList: transferList as ArrayBuffer[], signal })
      .catch((cause: unknown) => {
        throw signal.aborted ? signal.reason : this.#died(cause);
      });
    if ('error' in answer) {
      throw new QualityWorkerError(`the pictures can't be compared: ${answer.error}`, {
        remedy: 'run the same release of semcast on both ends',
      });
    }
    return answer;
  }

  /** End the threads; what is under way is rejected. */
  async close(): Promise<void> {
    const remedy = 'send it again after a restart';
    this.#closed = true;
    this.#end.abort(new QualityWorkerError('the transmitter is closing', { remedy }));
    await this.#pool.destroy();
  }

  /** The thread of a job died: the job is lost (the pictures were in it), the thread was replaced. */
  #died(cause: unknown): QualityWorkerError {
    const message = describeError(cause);
    this.#options.onWarning(`a thread that compares pictures died and was replaced: ${message}`);
    return new QualityWorkerError(`the thread that compared the pictures died: ${message}`, {
      remedy: 'send the photograph again: another thread takes its place; if it ran out of memory, send it smaller',
      cause,
    });
  }
}

/** The picture in memory of its own that may be handed to another thread. */
function transferable({ width, height, data }: RgbImage): RgbImage {
  const own = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
  return { width, height, data: own ? data : new Uint8Array(data) };
}
