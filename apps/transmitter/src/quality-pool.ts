import { Worker } from 'node:worker_threads';
import type { RgbImage } from '@semcast/core';
import type { QualityReport } from '@semcast/quality';
import { QualityWorkerError } from './errors.js';
import type { QualityAnswer, QualityJob } from './quality-worker.js';

/** Figures of a reconstruction, with the pictures that were compared. */
export interface Comparison {
  readonly report: QualityReport;
  /** Null without a preview. */
  readonly previewPsnrDb: number | null;
  readonly original: RgbImage;
  readonly decoded: RgbImage;
}

export interface QualityPoolOptions {
  /** Threads. */
  readonly workers: number;
  /** Comparisons that may wait for a thread; one more is refused. */
  readonly maxQueue: number;
  /** Called when a thread died and was replaced. */
  readonly onWarning?: (message: string) => void;
  /** Starts a thread; replaced by tests that need one that dies. */
  readonly spawn?: () => Worker;
}

interface Waiting {
  readonly job: QualityJob;
  readonly resolve: (comparison: Comparison) => void;
  readonly reject: (error: QualityWorkerError) => void;
}

/** Compiled, also for the tests that run this file's source. */
const WORKER_URL = new URL('../dist/quality-worker.js', import.meta.url);

function spawnQualityWorker(): Worker {
  return new Worker(WORKER_URL, { execArgv: [], name: 'semcast-quality' });
}

/** Threads that compute packages/quality's figures, so that the transmitter's event loop stays free. */
export class QualityPool {
  readonly #options: QualityPoolOptions;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Waiting>();
  readonly #queue: Waiting[] = [];
  #closed = false;

  constructor(options: QualityPoolOptions) {
    this.#options = options;
    for (let i = 0; i < options.workers; i++) {
      this.#idle.push(this.#spawn());
    }
  }

  /** Comparisons that wait for a thread. */
  get queueDepth(): number {
    return this.#queue.length;
  }

  /**
   * Compare two pictures of one size, and optionally the first with a preview, by PSNR only.
   *
   * They are handed over to the thread: the caller's arrays are empty afterwards, and the pixels of the first two
   * come back with the figures. Views of larger memory are copied instead.
   *
   * @throws QualityWorkerError (E_QUALITY_WORKER), always as a rejection
   */
  measure(original: RgbImage, decoded: RgbImage, preview?: RgbImage): Promise<Comparison> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(closedError());
      } else if (this.#queue.length >= this.#options.maxQueue && this.#busy.size > 0) {
        reject(
          new QualityWorkerError(`${this.#queue.length} pictures already wait to be compared`, {
            remedy: 'send more slowly (fps), or give more threads (qualityWorkers)',
          }),
        );
      } else {
        if (this.#idle.length + this.#busy.size === 0) {
          this.#idle.push(this.#spawn());
        }
        this.#queue.push({
          job: {
            original: transferable(original),
            decoded: transferable(decoded),
            preview: preview === undefined ? undefined : transferable(preview),
          },
          resolve,
          reject,
        });
        this.#dispatch();
      }
    });
  }

  /** End the threads; what is under way is rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of [...this.#queue.splice(0), ...this.#busy.values()]) {
      reject(closedError());
    }
    const workers = [...this.#idle, ...this.#busy.keys()];
    this.#idle.length = 0;
    this.#busy.clear();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #spawn(): Worker {
    const worker = (this.#options.spawn ?? spawnQualityWorker)();
    worker.on('message', (answer: QualityAnswer) => {
      this.#finish(worker, answer);
    });
    // An error is followed by an exit; an exit may also come alone.
    worker.on('error', (cause) => {
      this.#replace(worker, cause);
    });
    worker.on('exit', (code) => {
      this.#replace(worker, new Error(`it exited with code ${code}`));
    });
    return worker;
  }

  #dispatch(): void {
    while (this.#idle.length > 0 && this.#queue.length > 0) {
      const worker = this.#idle.pop()!;
      const waiting = this.#queue.shift()!;
      const { original, decoded, preview } = waiting.job;
      const pictures = [original, decoded, ...(preview === undefined ? [] : [preview])];
      this.#busy.set(worker, waiting);
      // A Set, because a picture may be compared with itself.
      worker.postMessage(waiting.job, [...new Set(pictures.map(({ data }) => data.buffer as ArrayBuffer))]);
    }
  }

  #finish(worker: Worker, answer: QualityAnswer): void {
    const waiting = this.#busy.get(worker);
    if (waiting === undefined) {
      return;
    }
    this.#busy.delete(worker);
    this.#idle.push(worker);
    this.#dispatch();
    if ('error' in answer) {
      waiting.reject(
        new QualityWorkerError(`the pictures can't be compared: ${answer.error}`, {
          remedy: 'run the same release of semcast on both ends',
        }),
      );
    } else {
      waiting.resolve(answer);
    }
  }

  /** A thread died: its job is lost (the pictures were in it), the thread is not. */
  #replace(worker: Worker, cause: Error): void {
    const waiting = this.#busy.get(worker);
    const place = this.#idle.indexOf(worker);
    if (this.#closed || (waiting === undefined && place < 0)) {
      return;
    }
    if (waiting !== undefined) {
      this.#busy.delete(worker);
      this.#options.onWarning?.(`a thread that compares pictures died and was replaced: ${cause.message}`);
      waiting.reject(
        new QualityWorkerError(`the thread that compared the pictures died: ${cause.message}`, {
          remedy: 'send the photograph again: another thread takes its place; if it ran out of memory, send it smaller',
          cause,
        }),
      );
      this.#idle.push(this.#spawn());
      this.#dispatch();
      return;
    }
    // It died without work, probably at its start: a replacement would die, too, in a loop. The next job starts one.
    this.#idle.splice(place, 1);
    this.#options.onWarning?.(`a thread that compares pictures could not run: ${cause.message}`);
  }
}

function closedError(): QualityWorkerError {
  return new QualityWorkerError('the transmitter is closing', { remedy: 'send it again after a restart' });
}

/** The picture in memory of its own that may be handed to another thread. */
function transferable({ width, height, data }: RgbImage): RgbImage {
  const own = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
  return { width, height, data: own ? data : new Uint8Array(data) };
}
