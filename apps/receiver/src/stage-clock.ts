import type { Metrics } from '@semcast/service';
import type { ResultHead } from '@semcast/wire';

/** Stages of a frame whose time is measured. */
export type TimedStage = 'queue' | 'demodulate' | 'decode' | 'residual' | 'encode-image';

/** Where one frame's time goes, on the monotonic clock of this process. */
export class StageClock {
  readonly #metrics: Pick<Metrics<'receiver'>, 'frameLatency'>;
  readonly #receivedMs = performance.now();
  readonly #spentMs = new Map<TimedStage, number>();
  #decodeStartMs: number | undefined;
  #previewMs: number | undefined;

  constructor(metrics: Pick<Metrics<'receiver'>, 'frameLatency'>) {
    this.#metrics = metrics;
  }

  /** Run a stage and take its time; that of a stage that fails counts, too. */
  async time<Result>(stage: TimedStage, run: () => Result | Promise<Result>): Promise<Result> {
    const startMs = performance.now();
    if (stage === 'decode') {
      this.#decodeStartMs = startMs;
    }
    try {
      return await run();
    } finally {
      const spentMs = performance.now() - startMs;
      this.#spentMs.set(stage, spentMs);
      this.#metrics.frameLatency.observe({ stage }, spentMs / 1000);
    }
  }

  /** The first picture is there; only the first call counts. */
  markPreview(): void {
    this.#previewMs ??= performance.now() - (this.#decodeStartMs ?? this.#receivedMs);
  }

  /**
   * What the result tells: waiting for a turn; from the start of decoding to the first picture and to the last one
   * (so far); from arrival until now.
   */
  timingsMs(): ResultHead['timingsMs'] {
    const nowMs = performance.now();
    const decode = this.#spentMs.get('decode') ?? nowMs - (this.#decodeStartMs ?? nowMs);
    return {
      queue: this.#spentMs.get('queue') ?? 0,
      preview: this.#previewMs ?? decode,
      decode,
      total: nowMs - this.#receivedMs,
    };
  }
}
