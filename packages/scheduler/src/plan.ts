import type { FrameKey, Purpose } from './frame.js';

/** Why a frame was refused; all are drop reasons of the wire. */
export type RefusalReason = 'queue-full' | 'too-many-steps' | 'deadline';

/** The answer to an offer. */
export type Admission =
  | {
      readonly admitted: true;
      /** Frames of clients or streams that held more, refused in its stead: their reason is `queue-full`. */
      readonly displaced: readonly FrameKey[];
    }
  | { readonly admitted: false; readonly reason: RefusalReason; readonly detail: string };

/** One evaluation of one frame: one row of a batch. */
export interface JobRow extends FrameKey {
  readonly purpose: Purpose;
  /** Index within the frame's request. */
  readonly evaluation: number;
  /** Steps done before. */
  readonly step: number;
  /** Steps that the frame has been granted in all. It may fall while the frame runs; it never rises. */
  readonly steps: number;
}

/** One run of one graph on one worker. */
export interface Job {
  readonly id: number;
  /** 0 … workers - 1 */
  readonly worker: number;
  readonly graph: string;
  /** The `key` of the rows' image size. */
  readonly size: string;
  /** The size that the batch is to be padded to, at least as many as there are rows. */
  readonly bucket: number;
  /** None where no frame waits for the run. */
  readonly rows: readonly JobRow[];
}

/** What to do now. */
export interface Plan {
  /** To be started now, each on a worker that is free. */
  readonly jobs: readonly Job[];
  /**
   * Frames whose steps are used up, as fewer are granted now than when they began. They keep their place, and wait for
   * a `closing` request or {@link StepScheduler.finish}: their result is the best picture so far.
   */
  readonly finishEarly: readonly FrameKey[];
  /** Frames that can't be on time any more, not even with the fewest steps. They have left; the reason is `deadline`. */
  readonly dropped: readonly FrameKey[];
}

/** A frame that has all results of its request. */
export interface AnsweredFrame extends FrameKey {
  readonly purpose: Purpose;
  /** Steps granted in all, as of now; undefined before its first step. */
  readonly steps: number | undefined;
}

export interface SchedulerStats {
  /** Admitted frames, and those of them that no worker has begun a step of. */
  readonly frames: number;
  readonly waiting: number;
  /** Streams with frames. */
  readonly streams: number;
  /** Of the frames that have begun to run. */
  readonly pixels: number;
  /** Evaluations that no worker has taken yet. */
  readonly readyEvaluations: number;
  readonly runningJobs: number;
  /** Time that all admitted frames need together: at the steps they would get now, and at the fewest. */
  readonly backlogMs: { readonly planned: number; readonly fewest: number };
  /** Steps that waiting frames would get now, as a share of the way from fewest (0) to most (1). */
  readonly stepShare: number;
  /** Share of workers that were busy over the last ten seconds or so. */
  readonly utilisation: number;
  /** Since the start. Offers and admitted frames: `offered` = `refused` + admitted; each of those ends in one way. */
  readonly totals: {
    readonly offered: number;
    readonly refused: Readonly<Record<RefusalReason, number>>;
    readonly finished: number;
    readonly displaced: number;
    readonly dropped: number;
    readonly cancelled: number;
    readonly failed: number;
    /** Frames told to finish before the steps they were first granted. */
    readonly finishedEarly: number;
    /** Sampling steps done. */
    readonly steps: number;
    readonly jobs: number;
    readonly rows: number;
    /** Rows of batches that no evaluation filled. */
    readonly paddedRows: number;
    /** Sum over workers. */
    readonly busyMs: number;
  };
}
