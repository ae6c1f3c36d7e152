import type { Metrics } from '@semcast/service';
import type { ResultHead } from '@semcast/wire';

/** Stages of a frame whose time is measured. */
export type TimedStage = 'queue' | 'demodulate' | 'preview' | 'sampling' | 'decode' | 'residual' | 'encode-image';

/** Where one frame's time goes, on the monotonic clock of this process. */
export class StageClock {
  readonly #metrics: Pick<Metrics<'receiver'>, 'frameLatency'>;
  /** When the frame came, on the clock of performance.now(). */
  readonly receivedMs = performance.now();
  readonly #spentMs = new Map<TimedStage, number>();
  #decodeStartMs: number | undefined;

  constructor(metrics: Pick<Metrics<'receiver'>, 'frameLatency'>) {
    this.#metrics = metrics;
  }

  /** Run a stage and take its time; that of a stage that fails counts, too. */
  async time<Result>(stage: TimedStage, run: () => Promise<Result>): Promise<Result> {
    const startMs = performance.now();
    try {
      return await run();
    } finally {
      this.#record(stage, performance.now() - startMs);
    }
  }

  /** The same for a stage within the event loop. */
  timeNow<Result>(stage: TimedStage, run: () => Result): Result {
    const startMs = performance.now();
    try {
      return run();
    } finally {
      this.#record(stage, performance.now() - startMs);
    }
  }

  /** The wait is over: decoding begins. */
  markStart(): void {
    this.#decodeStartMs = performance.now();
    this.#record('queue', this.#decodeStartMs - this.receivedMs);
  }

  /** The first picture is there. */
  markPreview(): void {
    this.#record('preview', this.#sinceStart());
  }

  /** The last picture is there; `samplingMs` is the part of it that the sampler's steps took. */
  markDecoded(samplingMs?: number): void {
    this.#record('decode', this.#sinceStart());
    if (samplingMs !== undefined) {
      this.#record('sampling', samplingMs);
    }
  }

  /**
   * What the result tells: waiting for a turn; from the start of decoding to the first picture and to the last one
   * (so far); the sampler's part of that; from arrival until now.
   */
  timingsMs(): ResultHead['timingsMs'] {
    const nowMs = performance.now();
    const sampling = this.#spentMs.get('sampling');
    const decode = this.#spentMs.get('decode') ?? this.#sinceStart();
    return {
      queue: this.#spentMs.get('queue') ?? 0,
      preview: this.#spentMs.get('preview') ?? decode,
      ...(sampling === undefined ? {} : { sampling }),
      decode,
      total: nowMs - this.receivedMs,
    };
  }

  #sinceStart(): number {
    const nowMs = performance.now();
    return nowMs - (this.#decodeStartMs ?? nowMs);
  }

  #record(stage: TimedStage, spentMs: number): void {
    this.#spentMs.set(stage, spentMs);
    this.#metrics.frameLatency.observe({ stage }, spentMs / 1000);
  }
}
