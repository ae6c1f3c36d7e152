import { randomFor } from '@semcast/core';
import {
  StepScheduler,
  type FrameKey,
  type FrameOffer,
  type Job,
  type RefusalReason,
  type SchedulerOptionsInput,
} from '../src/index.js';

/** What a run of `bucket` rows takes, in ms. */
export type CostModel = (graph: string, pixels: number, bucket: number) => number;

const PIXELS = 256 * 256;

/** Relative costs of graphs, as they are on two cores: a guided step is about three evaluations of the denoiser. */
const GRAPH_COSTS: Readonly<Record<string, number>> = { posteriorStep: 3, denoiser: 1, encoderVjp: 0.8, decoder: 0.4 };

function graphCost(graph: string): number {
  return GRAPH_COSTS[graph] ?? 1;
}

/** A single-threaded worker: 40 ms an evaluation of the denoiser at 256×256, nothing gained by batches. */
export const cpuCost: CostModel = (graph, pixels, bucket) => (40 * graphCost(graph) * pixels * bucket) / PIXELS;

/** A GPU: 4 ms a run whatever it does, and 1 ms a row. */
export const gpuCost: CostModel = (graph, pixels, bucket) => 4 + (graphCost(graph) * pixels * bucket) / PIXELS;

/** The cost model with noise: each run takes 1 ± `spread` times as long, uniformly. */
export function noisy(cost: CostModel, spread: number, seed: number): CostModel {
  const random = randomFor({ seed, stream: 'simulator', frame: 0, purpose: 'cost' });
  return (...run) => cost(...run) * (1 + spread * (2 * random.uniform() - 1));
}

export const CPU = { options: { workers: 2, buckets: [1] }, cost: cpuCost };
export const GPU = { options: { workers: 1, buckets: [1, 2, 4, 8, 16] }, cost: gpuCost };

/** A frame that a stream offers at some time; its deadline is relative to that. */
export interface Arrival extends Omit<FrameOffer, 'deadlineMs'> {
  readonly atMs: number;
  readonly deadlineMs?: number | undefined;
}

export interface Ended extends FrameKey {
  readonly arrival: Arrival;
  readonly outcome: RefusalReason | 'finished' | 'displaced' | 'dropped' | 'unfinished';
  readonly atMs: number;
  /** Steps taken. */
  readonly steps: number;
  /** When its preview was there. */
  readonly previewMs: number | undefined;
  /** Why it was refused, as a sentence. */
  readonly detail: string | undefined;
}

export interface Simulated {
  readonly ended: readonly Ended[];
  readonly endMs: number;
  /** Compute time spent on each stream, in ms of workers: a row's share of its run. */
  readonly spentMs: ReadonlyMap<string, number>;
  readonly maxFrames: number;
  readonly maxBacklogMs: number;
  readonly jobs: number;
  readonly rows: number;
  /** Of workers, while any frame was admitted. */
  readonly busyShare: number;
  /** stepShare whenever a frame was refused for load. */
  readonly sharesAtRefusal: readonly number[];
  readonly scheduler: StepScheduler;
}

export interface Simulation {
  readonly options: SchedulerOptionsInput;
  readonly cost: CostModel;
  /** In the order of time. */
  readonly arrivals: Iterable<Arrival>;
  /** Stop then, whatever is left. Default: at the end of all frames. */
  readonly untilMs?: number;
  /** Look at (or disturb) the scheduler after each event. */
  readonly onEvent?: (scheduler: StepScheduler, nowMs: number) => void;
  readonly onJob?: (job: Job, nowMs: number) => void;
}

interface Running {
  readonly job: Job;
  readonly startMs: number;
  readonly endMs: number;
}

interface Progress {
  readonly arrival: Arrival;
  step: number;
  requests: number;
  previewMs: number | undefined;
}

/**
 * A runner in simulated time: offers frames when they arrive, runs the jobs that it is told to, feeds back. A frame's
 * sampler takes as many steps as it was granted, even if that is revised while it runs.
 */
export function simulate({ options, cost, arrivals, untilMs = Infinity, onEvent, onJob }: Simulation): Simulated {
  const scheduler = new StepScheduler(options);
  const upcoming = arrivals[Symbol.iterator]();
  let next = upcoming.next();
  let nowMs = 0;
  const running: Running[] = [];
  const progress = new Map<string, Progress>();
  const ended: Ended[] = [];
  const spentMs = new Map<string, number>();
  const sharesAtRefusal: number[] = [];
  let [maxFrames, maxBacklogMs, jobs, rows, busyMs, openMs] = [0, 0, 0, 0, 0, 0];

  const nameOf = ({ stream, frame }: FrameKey): string => `${stream}/${frame}`;
  const end = (key: FrameKey, outcome: Ended['outcome'], detail?: string): void => {
    const { arrival, step, previewMs } = progress.get(nameOf(key))!;
    progress.delete(nameOf(key));
    ended.push({ stream: key.stream, frame: key.frame, arrival, outcome, atMs: nowMs, steps: step, previewMs, detail });
  };
  const conclude = (key: FrameKey): void => {
    const { closing } = progress.get(nameOf(key))!.arrival;
    if (closing === undefined) {
      scheduler.finish(key);
      end(key, 'finished');
    } else {
      scheduler.request(key, { purpose: 'closing', evaluations: closing });
    }
  };

  const plan = (): void => {
    for (;;) {
      const { jobs: planned, finishEarly, dropped } = scheduler.plan(nowMs);
      for (const key of dropped) {
        end(key, 'dropped');
      }
      for (const key of finishEarly) {
        conclude(key);
      }
      for (const job of planned) {
        const pixels = progress.get(nameOf(job.rows[0]!))!.arrival.size.pixels;
        const costMs = cost(job.graph, pixels, job.bucket);
        running.push({ job, startMs: nowMs, endMs: nowMs + costMs });
        jobs += 1;
        rows += job.rows.length;
        for (const { stream } of job.rows) {
          spentMs.set(stream, (spentMs.get(stream) ?? 0) + costMs / job.rows.length);
        }
        onJob?.(job, nowMs);
      }
      // A frame that is told to finish may have a last evaluation to run.
      if (finishEarly.length === 0) {
        return;
      }
    }
  };

  const offer = (arrival: Arrival): void => {
    const { atMs, deadlineMs, ...rest } = arrival;
    progress.set(nameOf(arrival), { arrival, step: 0, requests: 0, previewMs: undefined });
    const admission = scheduler.admit(
      { ...rest, ...(deadlineMs !== undefined && { deadlineMs: atMs + deadlineMs }) },
      nowMs,
    );
    if (admission.admitted) {
      for (const key of admission.displaced) {
        end(key, 'displaced');
      }
    } else {
      if (admission.reason === 'queue-full') {
        sharesAtRefusal.push(scheduler.stats(nowMs).stepShare);
      }
      end(arrival, admission.reason, admission.detail);
    }
  };

  const complete = ({ job }: Running): void => {
    for (const { purpose, steps, ...key } of scheduler.complete(job.id, nowMs)) {
      const frame = progress.get(nameOf(key))!;
      const { perStep, steps: limits } = frame.arrival;
      if (purpose === 'closing') {
        scheduler.finish(key);
        end(key, 'finished');
        continue;
      }
      if (purpose === 'preview') {
        frame.previewMs = nowMs;
      } else {
        frame.requests += 1;
        if (frame.requests === perStep.length) {
          frame.requests = 0;
          frame.step += 1;
        }
      }
      if (limits.max === 0 || (frame.requests === 0 && steps !== undefined && frame.step >= steps)) {
        conclude(key);
      } else {
        scheduler.request(key, { purpose: 'step', step: frame.step, evaluations: perStep[frame.requests]! });
      }
    }
  };

  for (;;) {
    const first = running.reduce<Running | undefined>(
      (a, b) => (a === undefined || b.endMs < a.endMs ? b : a),
      undefined,
    );
    const arrivalMs = next.done === true ? Infinity : next.value.atMs;
    const eventMs = Math.min(arrivalMs, first?.endMs ?? Infinity);
    if (eventMs > untilMs || eventMs === Infinity) {
      break;
    }
    if (scheduler.size > 0) {
      openMs += eventMs - nowMs;
      busyMs += running.length * (eventMs - nowMs);
    }
    nowMs = eventMs;
    if (first !== undefined && first.endMs <= arrivalMs) {
      running.splice(running.indexOf(first), 1);
      complete(first);
    } else if (next.done !== true) {
      offer(next.value);
      maxFrames = Math.max(maxFrames, scheduler.size);
      maxBacklogMs = Math.max(maxBacklogMs, scheduler.stats(nowMs).backlogMs.fewest);
      next = upcoming.next();
    }
    plan();
    onEvent?.(scheduler, nowMs);
  }
  const endMs = Number.isFinite(untilMs) ? untilMs : nowMs;
  for (const { arrival } of progress.values()) {
    end(arrival, 'unfinished');
  }
  const busyShare = openMs === 0 ? 0 : busyMs / (openMs * scheduler.options.workers);
  return {
    ended,
    endMs,
    spentMs,
    maxFrames,
    maxBacklogMs,
    jobs,
    rows,
    busyShare,
    sharesAtRefusal,
    scheduler,
  };
}

/** Frames of several streams in the order of time, each stream's at Poisson times. */
export function poissonArrivals(
  streams: readonly { readonly stream: string; readonly ratePerSecond: number; readonly frame: FrameTemplate }[],
  { seed, untilMs }: { readonly seed: number; readonly untilMs: number },
): Arrival[] {
  const arrivals: Arrival[] = [];
  for (const { stream, ratePerSecond, frame } of streams) {
    const random = randomFor({ seed, stream, frame: 0, purpose: 'arrivals' });
    let atMs = 0;
    for (let number = 0; ; number++) {
      atMs += (-1000 * Math.log(1 - random.uniform())) / ratePerSecond;
      if (atMs > untilMs) {
        break;
      }
      arrivals.push({ ...frame, stream, frame: number, atMs });
    }
  }
  return arrivals.sort((a, b) => a.atMs - b.atMs);
}

export type FrameTemplate = Omit<Arrival, 'stream' | 'frame' | 'atMs'>;

/** A guided frame of 256×256 with a preview: what most tests run. */
export const guided: FrameTemplate = {
  size: { key: '256x256', pixels: PIXELS },
  preview: ['decoder'],
  perStep: [['posteriorStep']],
  steps: { min: 4, max: 12 },
};

/** Jain's index (Σx)²/(n·Σx²): 1 if all are equal, 1/n if one has everything. */
export function jainIndex(values: readonly number[]): number {
  const sum = values.reduce((a, b) => a + b, 0);
  const squares = values.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}
