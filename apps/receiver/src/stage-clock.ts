import type { Metrics } from '@semcast/service';
import type { ResultHead } from '@semcast/wire';

/**
 * Stages of a frame whose time is measured. Each moment from the arrival of a frame to the departure of its result is in
 * exactly one of `queue`, `decode` and `deliver`. The others are parts: `demodulate`, `preview` and `sampling` of
 * `decode`; `encode-image` and `residual`, which run side by side, of `deliver`.
 */
export type TimedStage =
  | 'queue'
  | 'decode'
  | 'demodulate'
  | 'preview'
  | 'sampling'
  | 'deliver'
  | 'encode-image'
  | 'residual';

/** Where one frame's time goes, on the monotonic clock of this process. */
export class StageClock {
  readonly #metrics: Pick<Metrics<'receiver'>, 'frameLatency'>;
  /** When the frame came, on the clock of performance.now(). */
  readonly receivedMs: number;
  readonly #spentMs = new Map<TimedStage, number>();
  #decodeStartMs: number | undefined;
  #decodedMs: number | undefined;
  #departedMs: number | undefined;

  constructor(metrics: Pick<Metrics<'receiver'>, 'frameLatency'>, receivedMs = performance.now()) {
    this.#metrics = metrics;
    this.receivedMs = receivedMs;
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
    this.#decodedMs = performance.now();
    this.#record('decode', this.#decodedMs - (this.#decodeStartMs ?? this.#decodedMs));
    if (samplingMs !== undefined) {
      this.#record('sampling', samplingMs);
    }
  }

  /** The result goes, with what {@link timingsMs} tells from now on. */
  markDeparted(): void {
    this.#departedMs = performance.now();
    this.#record('deliver', this.#departedMs - (this.#decodedMs ?? this.#departedMs));
  }

  /**
   * What the result tells: waiting for a turn; from the start of decoding to the first picture and to the last one
   * (so far); the sampler's part of that; from the last one to the departure, if it goes; from arrival until then, or
   * now.
   */
  timingsMs(): ResultHead['timingsMs'] {
    const nowMs = this.#departedMs ?? performance.now();
    const sampling = this.#spentMs.get('sampling');
    const decode = this.#spentMs.get('decode') ?? this.#sinceStart();
    const deliver = this.#spentMs.get('deliver');
    return {
      queue: this.#spentMs.get('queue') ?? 0,
      preview: this.#spentMs.get('preview') ?? decode,
      ...(sampling === undefined ? {} : { sampling }),
      decode,
      ...(deliver === undefined ? {} : { deliver }),
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
