import type { DropReason, ResultHead } from '@semcast/wire';
import { Latencies, type LatencySummary } from './latencies.js';
import { TimeSeries, type SeriesPoint } from './time-series.js';

/**
 * Why a frame of a load run ended without a picture: a reason of the wire, or `client-backlog`, which no message ever
 * carries. It came due when as many frames as may (`--backlog`) waited in its stream for a credit.
 */
export type LoadDropReason = DropReason | 'client-backlog';

/** Who ended a frame: the receiver or the channel, or the load generator itself. */
export type DropDecider = 'peer' | 'generator';

/** A frame from the moment it comes due. */
export interface DueFrame {
  /** Index of its stream. */
  readonly stream: number;
  /** When it was to be sent, on the clock of the run, in milliseconds. Latencies count from here. */
  readonly dueAt: number;
  /** False for a frame of the warm-up. */
  readonly counted: boolean;
}

export interface FrameCounts {
  /** Counted frames that came due, whatever became of them: completed + dropped, once a run is over. */
  readonly sent: number;
  /** Of these, those that a credit came for, so that they went onto a socket. */
  readonly transmitted: number;
  readonly completed: number;
  readonly dropped: number;
  readonly droppedByReason: Readonly<Record<string, number>>;
  /** The part of `droppedByReason` that the generator decided. */
  readonly droppedByGenerator: Readonly<Record<string, number>>;
}

/** Means over completed frames; null where there are none. */
export interface StepFigures {
  readonly steps: number | null;
  readonly evaluations: number | null;
  /** The share of frames that the receiver gave fewer steps than asked for, as it was busy. */
  readonly reducedShare: number | null;
}

/** The part of a final result's head that is counted. */
type CompletedHead = Pick<ResultHead, 'steps' | 'evaluations' | 'reducedSteps' | 'timingsMs'>;

export interface StreamFigures {
  readonly stream: string;
  readonly sent: number;
  readonly completed: number;
  readonly dropped: number;
  readonly latencyMs: Pick<LatencySummary, 'p50' | 'p95' | 'max'>;
}

export interface Fairness {
  /**
   * Jain's index (Σx)²/(n·Σx²) of what each stream completed over its max-min fair share of all that was completed
   * (by weight; no stream has a share in more than it offered): 1 when every stream got its share, towards 1/n when one got
   * everything; null when nothing was completed. Streams that offered nothing don't count.
   */
  readonly jainIndex: number | null;
  /** Fewest and most frames completed by a stream. */
  readonly completedMin: number;
  readonly completedMax: number;
  /** Smallest and largest 95th percentile of a stream; null when no stream completed a frame. */
  readonly latencyMsP95Min: number | null;
  readonly latencyMsP95Max: number | null;
}

export interface LedgerOptions {
  /** Names of the streams. */
  readonly streams: readonly string[];
  /** Of each, what it may have against the others. Default: equal ones. */
  readonly weights?: readonly number[];
  /** When the first counted frame may come due, and from when on none does; on the clock of the run. */
  readonly fromMs: number;
  readonly toMs: number;
  /** How long outcomes are waited for after that. */
  readonly drainMs: number;
}

interface StreamAccount {
  sent: number;
  completed: number;
  dropped: number;
  /** Two digits: there may be a thousand of these. */
  readonly latency: Latencies;
}

/**
 * The books of a run: every counted frame that comes due is entered once, and once more when it ends. Pure, and of
 * one size from beginning to end: counts, histograms, and a series of bounded length.
 */
export class Ledger {
  /** Times of counted frames, by their names in a report. */
  readonly times = {
    /** From the intended send time to the final picture. */
    latencyMs: new Latencies(),
    /** From the intended send time to the first picture: a preview, or the final one where none came before. */
    previewLatencyMs: new Latencies(),
    /** Parts of `latencyMs`: the wait for a credit here, and the time from arrival to departure at the receiver. */
    creditMs: new Latencies(),
    receiverMs: new Latencies(),
    /** Parts of `receiverMs`: the wait for a place, and decoding. */
    receiverQueueMs: new Latencies(),
    decodeMs: new Latencies(),
  };
  readonly #options: LedgerOptions;
  readonly #series: TimeSeries;
  readonly #streams: readonly StreamAccount[];
  readonly #byReason = new Map<LoadDropReason, number>();
  readonly #byGenerator = new Map<LoadDropReason, number>();
  #transmitted = 0;
  #completedWithin = 0;
  #steps = 0;
  #evaluations = 0;
  #evaluated = 0;
  #reduced = 0;
  #outstanding = 0;
  #maxOutstanding = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#series = new TimeSeries(options.toMs - options.fromMs + options.drainMs);
    this.#streams = options.streams.map(() => ({
      sent: 0,
      completed: 0,
      dropped: 0,
      latency: new Latencies({ digits: 2 }),
    }));
  }

  /** Frames, those of the warm-up included, that came due and haven't ended. */
  get outstanding(): number {
    return this.#outstanding;
  }

  get maxOutstanding(): number {
    return this.#maxOutstanding;
  }

  /** Pictures that arrived while counted frames came due, of whatever frames: what goodput is made of. */
  get completedWithin(): number {
    return this.#completedWithin;
  }

  due({ stream, dueAt, counted }: DueFrame): void {
    this.#outstanding++;
    this.#maxOutstanding = Math.max(this.#maxOutstanding, this.#outstanding);
    this.#series.observeOutstanding(this.#outstanding, dueAt - this.#options.fromMs);
    if (counted) {
      this.#streams[stream]!.sent++;
      this.#series.add('due', dueAt - this.#options.fromMs);
    }
  }

  transmitted({ dueAt, counted }: DueFrame, now: number): void {
    if (counted) {
      this.#transmitted++;
      this.times.creditMs.record(now - dueAt);
    }
  }

  /** Its first picture has arrived, and it is not the final one. */
  previewed({ dueAt, counted }: DueFrame, now: number): void {
    if (counted) {
      this.times.previewLatencyMs.record(now - dueAt);
    }
  }

  completed(
    { stream, dueAt, counted }: DueFrame,
    now: number,
    { steps, evaluations, reducedSteps, timingsMs }: CompletedHead,
    previewed: boolean,
  ): void {
    this.#outstanding--;
    if (now >= this.#options.fromMs && now < this.#options.toMs) {
      this.#completedWithin++;
    }
    if (!counted) {
      return;
    }
    const latencyMs = now - dueAt;
    const account = this.#streams[stream]!;
    account.completed++;
    account.latency.record(latencyMs);
    this.times.latencyMs.record(latencyMs);
    if (!previewed) {
      this.times.previewLatencyMs.record(latencyMs);
    }
    this.times.receiverMs.record(timingsMs.total);
    this.times.receiverQueueMs.record(timingsMs.queue);
    this.times.decodeMs.record(timingsMs.decode);
    this.#series.add('completed', now - this.#options.fromMs, latencyMs);
    this.#steps += steps;
    this.#reduced += reducedSteps === true ? 1 : 0;
    if (evaluations !== undefined) {
      this.#evaluations += evaluations;
      this.#evaluated++;
    }
  }

  dropped({ stream, counted }: DueFrame, now: number, reason: LoadDropReason, decider: DropDecider): void {
    this.#outstanding--;
    if (!counted) {
      return;
    }
    this.#streams[stream]!.dropped++;
    add(this.#byReason, reason);
    if (decider === 'generator') {
      add(this.#byGenerator, reason);
    }
    this.#series.add('dropped', now - this.#options.fromMs);
  }

  counts(): FrameCounts {
    return {
      sent: this.#total('sent'),
      transmitted: this.#transmitted,
      completed: this.#total('completed'),
      dropped: this.#total('dropped'),
      droppedByReason: sortedRecord(this.#byReason),
      droppedByGenerator: sortedRecord(this.#byGenerator),
    };
  }

  steps(): StepFigures {
    const completed = this.#total('completed');
    return {
      steps: share(this.#steps, completed),
      evaluations: share(this.#evaluations, this.#evaluated),
      reducedShare: share(this.#reduced, completed),
    };
  }

  streams(): StreamFigures[] {
    return this.#streams.map(({ sent, completed, dropped, latency }, i) => {
      const { p50, p95, max } = latency.summary();
      return { stream: this.#options.streams[i]!, sent, completed, dropped, latencyMs: { p50, p95, max } };
    });
  }

  fairness(): Fairness {
    const completed = this.#streams.map((account) => account.completed);
    const p95 = this.#streams.map(({ latency }) => latency.percentile(95)).filter((value) => value !== null);
    return {
      jainIndex: jainIndex(sharesOf(this.#streams, this.#options.weights)),
      completedMin: Math.min(...completed),
      completedMax: Math.max(...completed),
      latencyMsP95Min: p95.length === 0 ? null : Math.min(...p95),
      latencyMsP95Max: p95.length === 0 ? null : Math.max(...p95),
    };
  }

  series(): SeriesPoint[] {
    return this.#series.points();
  }

  #total(what: 'sent' | 'completed' | 'dropped'): number {
    return this.#streams.reduce((sum, account) => sum + account[what], 0);
  }
}

/** What each stream completed over its max-min fair share; streams that offered nothing are left out. */
function sharesOf(
  streams: readonly Pick<StreamFigures, 'sent' | 'completed'>[],
  weights: readonly number[] = streams.map(() => 1),
): number[] {
  const offering = streams.filter(({ sent }) => sent > 0);
  const total = offering.reduce((sum, { completed }) => sum + completed, 0);
  const fair = maxMinShares(
    total,
    offering.map(({ sent }) => sent),
    weights.filter((_, i) => streams[i]!.sent > 0),
  );
  return total === 0 ? [] : offering.map(({ completed }, i) => completed / fair[i]!);
}

/**
 * The max-min fair division of `total` among streams that want `demands`: no stream gets more than it wants, and what
 * they leave is divided among the others by their weights.
 */
export function maxMinShares(
  total: number,
  demands: readonly number[],
  weights: readonly number[] = demands.map(() => 1),
): number[] {
  const shares = demands.map(() => 0);
  const modest = demands
    .map((demand, index) => ({ demand, weight: weights[index]!, index }))
    .sort((a, b) => a.demand / a.weight - b.demand / b.weight);
  let left = total;
  let weightLeft = weights.reduce((sum, weight) => sum + weight, 0);
  for (const { demand, weight, index } of modest) {
    shares[index] = Math.min(demand, (left * weight) / weightLeft);
    left -= shares[index];
    weightLeft -= weight;
  }
  return shares;
}

/** (Σx)²/(n·Σx²) (Jain, Chiu, Hawe 1984); null when there is nothing but zeros. */
export function jainIndex(values: readonly number[]): number | null {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value ** 2, 0);
  return squares === 0 ? null : sum ** 2 / (values.length * squares);
}

function share(sum: number, of: number): number | null {
  return of === 0 ? null : sum / of;
}

function add(counts: Map<LoadDropReason, number>, reason: LoadDropReason): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

function sortedRecord(counts: ReadonlyMap<LoadDropReason, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
