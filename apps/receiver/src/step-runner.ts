import { pictureOrThrow } from '@semcast/bundle';
import type { RgbImage } from '@semcast/core';
import type { DecoderEvaluation, EvaluationResult } from '@semcast/posterior';
import { FrameDropError } from '@semcast/wire';
import type {
  Evaluations,
  FrameKey,
  FrameOffer,
  FrameRequest,
  ImageSize,
  Job,
  JobRow,
  RefusalReason,
  SchedulerStats,
  StepScheduler,
} from '@semcast/scheduler';
import type { BatchNetworks } from './networks/batch-networks.js';
import type {
  EncodeRow,
  EncodeRowResult,
  NetworkResult,
  NetworkRow,
  OneShotResult,
  TransportRow,
} from './networks/network-rows.js';

export interface StepRunnerOptions {
  readonly scheduler: StepScheduler;
  readonly networks: BatchNetworks;
  /**
   * Whether a free worker is given other frames' rows before the frames that it just served have computed their next
   * ones. True on a GPU, whose batches take as long as the work between them. On a CPU frames would only take turns
   * needlessly, and each would be done later.
   */
  readonly planAhead?: boolean;
  /** Milliseconds of a monotonic clock, that of deadlines. Default: performance.now(). */
  readonly now?: () => number;
  /** Called with the rows of each run (padding not counted). */
  readonly onBatch?: (rows: number) => void;
  /** Called when a run had to wait until its graph was loaded, for so many seconds. */
  readonly onLoad?: (graph: string, seconds: number) => void;
  /** Called when the number of frames that wait may have changed. */
  readonly onWaiting?: (waiting: number) => void;
  /** How many pictures may wait for {@link StepRunner.encodeInSpareTime}, and how many pixels they may have in all. */
  readonly maxSpare?: { readonly pictures: number; readonly pixels: number };
}

/** What a frame begins with. */
type OneShotRow = DecoderEvaluation | TransportRow;

/** The options of a frame that is admitted. */
export interface HandleOptions {
  /**
   * Gives the frame's first row, once a worker is free for it; until then the frame waits in the form in which it
   * arrived.
   */
  readonly oneShot: () => OneShotRow;
  /** Takes the frame out, with its reason. */
  readonly signal: AbortSignal;
}

/** The one-shot decode, as a picture and as what samplers begin with. */
export type OneShotPicture = OneShotResult & { readonly image: RgbImage };

/** Rows that a frame waits for. */
interface Asked {
  /** Called when the first of them is about to run. */
  readonly rows: (grantedSteps: number) => readonly NetworkRow[];
  readonly evaluations: Evaluations;
  built: readonly NetworkRow[] | undefined;
  readonly results: NetworkResult[];
  /** Null: no more steps are granted; the frame ends with what it has. */
  readonly resolve: (results: readonly NetworkResult[] | null) => void;
  readonly reject: (error: unknown) => void;
}

/** A picture to encode when a worker is idle. */
interface SparePicture {
  readonly row: EncodeRow;
  readonly size: ImageSize;
  readonly resolve: (result: EncodeRowResult | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A frame's place at the networks: everything that it has run goes through here, one request at a time, and waits for
 * its turn. It is given back by {@link finish} or {@link leave}.
 *
 * Once the frame has ended, all methods reject with what ended it (a FrameDropError, or its signal's reason).
 */
export class FrameHandle implements FrameKey {
  readonly stream: string;
  readonly frame: number;
  /** x_J, asked for from the start. */
  readonly oneShot: Promise<OneShotPicture>;
  /** What it waits for; undefined while it computes. */
  asked: Asked | undefined;
  /** Network runs of its steps so far. */
  evaluations = 0;
  /** Why it has left; undefined while it has its place. */
  ended: { readonly reason: unknown } | undefined;
  /** Its signal no longer matters. */
  stopListening: (() => void) | undefined;
  readonly #runner: StepRunner;

  constructor({ stream, frame, preview }: FrameOffer, oneShot: () => OneShotRow, runner: StepRunner) {
    this.stream = stream;
    this.frame = frame;
    this.#runner = runner;
    this.oneShot = this.#ask(preview!, () => [oneShot()]).then((results) => {
      const decoded = results![0] as OneShotResult;
      return { ...decoded, image: pictureOrThrow(decoded.image) };
    });
    // Callers that await it get the rejection; nobody has to await it.
    this.oneShot.catch(() => {});
  }

  /** Whether none of what it asked for has begun to run. */
  get waits(): boolean {
    return this.asked !== undefined && this.asked.built === undefined;
  }

  /**
   * Ask for the evaluations of a step.
   *
   * @param step steps done before it
   * @param evaluations their graphs
   * @param rows gives them when the first is about to run, from the steps that the frame is granted in all
   * @returns their results, in order; null when no more steps are granted: end with the best picture so far
   */
  async step(
    step: number,
    evaluations: Evaluations,
    rows: (grantedSteps: number) => readonly NetworkRow[],
  ): Promise<readonly EvaluationResult[] | null> {
    const results = await this.#request({ purpose: 'step', step, evaluations }, rows);
    this.evaluations += results?.length ?? 0;
    return results as readonly EvaluationResult[] | null;
  }

  /** Encode the final picture. */
  async encode(row: EncodeRow): Promise<EncodeRowResult> {
    const results = await this.#request({ purpose: 'closing', evaluations: ['encoder'] }, () => [row]);
    return results![0] as EncodeRowResult;
  }

  /** The frame has its result. */
  finish(): void {
    this.#runner.finish(this);
  }

  /** Give the place back, whatever became of the frame; after {@link finish} this does nothing. */
  leave(): void {
    this.#runner.leave(this, new FrameDropError('cancelled', 'the frame gave its place back'));
  }

  #request(request: FrameRequest, rows: Asked['rows']): Promise<readonly NetworkResult[] | null> {
    if (this.ended !== undefined || !this.#runner.request(this, request)) {
      return Promise.reject(this.ended?.reason);
    }
    return this.#ask(request.evaluations, rows);
  }

  #ask(evaluations: Evaluations, rows: Asked['rows']): Promise<readonly NetworkResult[] | null> {
    return new Promise((resolve, reject) => {
      this.asked = { rows, evaluations, built: undefined, results: [], resolve, reject };
    });
  }
}

interface JobResults {
  readonly results: readonly NetworkResult[];
  /** For how long the run had to wait until its graph was loaded. */
  readonly loadMs: number;
}

interface RunningRow {
  readonly handle: FrameHandle;
  readonly asked: Asked;
  readonly evaluation: number;
  readonly row: NetworkRow;
}

/**
 * Does what the step scheduler plans, on the receiver's networks: the only place from which they are run.
 *
 *     admit → plan → run the jobs → complete → the frames answered go on, and ask for more, or finish → plan
 *
 * A worker has one job at a time, so nothing queues behind the scheduler's back, and what a job takes is its cost.
 * Which frames share a batch changes nothing in their results: rows are put together and taken apart here, and what a
 * frame sees are its own.
 */
export class StepRunner {
  readonly #options: StepRunnerOptions;
  readonly #scheduler: StepScheduler;
  readonly #now: () => number;
  readonly #handles = new Map<string, FrameHandle>();
  /** The oldest first. */
  readonly #spare: SparePicture[] = [];
  #planned = false;

  constructor(options: StepRunnerOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Admitted frames that wait for their first run, or for their next step to begin. */
  get waiting(): number {
    let waiting = 0;
    for (const handle of this.#handles.values()) {
      waiting += handle.waits ? 1 : 0;
    }
    return waiting;
  }

  /** Pixels that all frames that have begun to run may have. */
  get maxPixels(): number {
    return this.#scheduler.options.maxPixels;
  }

  /** Pictures that wait to be encoded in spare time. */
  get spare(): number {
    return this.#spare.length;
  }

  stats(): SchedulerStats {
    return this.#scheduler.stats(this.#now());
  }

  /** Record the duration of a run, measured before the first frame. */
  observe(graph: string, size: ImageSize, bucket: number, elapsedMs: number): void {
    this.#scheduler.observe(graph, size, bucket, elapsedMs);
  }

  /**
   * Give a frame its place, unless there is none.
   *
   * @param offer with a `preview`: every frame begins with its one-shot decode
   * @throws FrameDropError `queue-full` or `deadline`, with the scheduler's message; the signal's reason when it fired
   */
  admit(offer: FrameOffer, { oneShot, signal }: HandleOptions): FrameHandle {
    signal.throwIfAborted();
    const admission = this.#scheduler.admit(offer, this.#now());
    if (!admission.admitted) {
      throw refused(admission.reason, admission.detail);
    }
    for (const key of admission.displaced) {
      this.#end(
        this.#handles.get(nameOf(key)),
        refused('queue-full', 'its place went to a stream or a client that holds less'),
      );
    }
    const handle = new FrameHandle(offer, oneShot, this);
    this.#handles.set(nameOf(handle), handle);
    const abort = (): void => this.leave(handle, signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    // A signal of AbortSignal.any stays for ever where a listener does, and the frame's pictures with it.
    handle.stopListening = () => signal.removeEventListener('abort', abort);
    this.#planSoon();
    return handle;
  }

  /**
   * Encode a picture that no frame waits for any more, when a worker is idle.
   *
   * @returns null where newer pictures took its place
   */
  encodeInSpareTime(row: EncodeRow, size: ImageSize): Promise<EncodeRowResult | null> {
    return new Promise((resolve, reject) => {
      this.#spare.push({ row, size, resolve, reject });
      const { pictures, pixels } = this.#options.maxSpare ?? { pictures: Infinity, pixels: Infinity };
      let sum = this.#spare.reduce((total, each) => total + each.size.pixels, 0);
      while (this.#spare.length > pictures || sum > pixels) {
        const oldest = this.#spare.shift()!;
        sum -= oldest.size.pixels;
        oldest.resolve(null);
      }
      this.#planSoon();
    });
  }

  /** Forget the pictures that wait for spare time. */
  dropSpare(): void {
    for (const { resolve } of this.#spare.splice(0)) {
      resolve(null);
    }
  }

  /** For {@link FrameHandle}: whether it will be answered. */
  request(handle: FrameHandle, request: FrameRequest): boolean {
    const accepted = this.#scheduler.request(handle, request);
    this.#planSoon();
    return accepted;
  }

  /** For {@link FrameHandle.finish}. */
  finish(handle: FrameHandle): void {
    if (handle.ended === undefined) {
      this.#scheduler.finish(handle);
      this.#end(handle, new FrameDropError('cancelled', 'the frame is done'));
    }
  }

  /** A frame leaves early: its place is free at once, and its rows in a running job belong to nobody. */
  leave(handle: FrameHandle, reason: unknown): void {
    if (handle.ended === undefined) {
      this.#scheduler.cancel(handle);
      this.#end(handle, reason);
    }
  }

  /** A frame has left the scheduler. */
  #end(handle: FrameHandle | undefined, reason: unknown): void {
    if (handle === undefined || handle.ended !== undefined) {
      return;
    }
    handle.ended = { reason };
    handle.stopListening?.();
    this.#handles.delete(nameOf(handle));
    const { asked } = handle;
    handle.asked = undefined;
    asked?.reject(reason);
    this.#planSoon();
  }

  /** Plan when everything that goes on now has been computed, so that all rows there are can share batches. */
  #planSoon(): void {
    if (!this.#planned) {
      this.#planned = true;
      setImmediate(() => {
        this.#planned = false;
        // At this point everything that frames are going to run next is known.
        this.#useSpareTime();
        this.#plan();
      });
    }
  }

  #plan(): void {
    const { jobs, finishEarly, dropped } = this.#scheduler.plan(this.#now());
    for (const key of dropped) {
      const message = 'not even its fewest steps can be done before the deadline any more';
      this.#end(this.#handles.get(nameOf(key)), refused('deadline', message));
    }
    for (const key of finishEarly) {
      this.#answer(this.#handles.get(nameOf(key)), null);
    }
    for (const job of jobs) {
      // It handles its own failures; a rejection here would be a bug and should be seen as one.
      void this.#runJob(job);
    }
    this.#options.onWaiting?.(this.waiting);
  }

  #useSpareTime(): void {
    const [next] = this.#spare;
    const job = next && this.#scheduler.spare(next.row.graph, next.size, this.#now());
    if (next !== undefined && job !== undefined) {
      this.#spare.shift();
      // It hands on its own failures.
      void this.#runSpare(job, next);
    }
  }

  async #runSpare(job: Job, { row, resolve, reject }: SparePicture): Promise<void> {
    try {
      const { results, loadMs } = await this.#run(job, [row]);
      this.#scheduler.complete(job.id, this.#now(), loadMs);
      resolve(results[0] as EncodeRowResult);
    } catch (error) {
      this.#scheduler.fail(job.id, this.#now());
      reject(error);
    } finally {
      this.#planSoon();
    }
  }

  async #run({ graph, bucket }: Job, rows: readonly NetworkRow[]): Promise<JobResults> {
    let loadMs = 0;
    const results = await this.#options.networks.run(rows, bucket, (seconds) => {
      loadMs += 1000 * seconds;
      this.#options.onLoad?.(graph, seconds);
    });
    return { results, loadMs };
  }

  async #runJob(job: Job): Promise<void> {
    const rows = job.rows.flatMap((row) => this.#rowOf(row, job.graph) ?? []);
    if (rows.length === 0) {
      this.#scheduler.fail(job.id, this.#now());
      this.#planSoon();
      return;
    }
    this.#options.onBatch?.(rows.length);
    let done: JobResults;
    try {
      done = await this.#run(
        job,
        rows.map(({ row }) => row),
      );
    } catch (error) {
      // A batch runs again row by row; a row that ran alone takes its frame with it.
      for (const key of this.#scheduler.fail(job.id, this.#now())) {
        this.#end(this.#handles.get(nameOf(key)), error);
      }
      this.#planSoon();
      return;
    }
    for (const [i, { asked, evaluation }] of rows.entries()) {
      asked.results[evaluation] = done.results[i]!;
    }
    const answered = this.#scheduler.complete(job.id, this.#now(), done.loadMs);
    if (this.#options.planAhead === true) {
      this.#plan();
    }
    for (const key of answered) {
      const handle = this.#handles.get(nameOf(key));
      this.#answer(handle, handle?.asked?.results ?? null);
    }
    this.#planSoon();
  }

  /** A planned row, built now if it is the first of its request; undefined where its frame fails at that, and leaves. */
  #rowOf({ stream, frame, evaluation, steps }: JobRow, graph: string): RunningRow | undefined {
    const handle = this.#handles.get(nameOf({ stream, frame }));
    const asked = handle?.asked;
    if (handle === undefined || asked === undefined) {
      return undefined;
    }
    try {
      asked.built ??= build(asked, steps);
      const row = asked.built[evaluation]!;
      if (row.graph !== graph) {
        throw new FrameDropError('decode-failed', `the sampler asks for ${row.graph} where it said ${graph}`);
      }
      return { handle, asked, evaluation, row };
    } catch (error) {
      this.leave(handle, error);
      return undefined;
    }
  }

  #answer(handle: FrameHandle | undefined, results: readonly NetworkResult[] | null): void {
    const asked = handle?.asked;
    if (handle !== undefined && asked !== undefined) {
      handle.asked = undefined;
      asked.resolve(results);
    }
  }
}

function build({ rows, evaluations }: Asked, steps: number): readonly NetworkRow[] {
  const built = rows(steps);
  if (built.length !== evaluations.length) {
    throw new FrameDropError(
      'decode-failed',
      `the sampler asks for ${built.length} evaluations where it said ${evaluations.length}`,
    );
  }
  return built;
}

function nameOf({ stream, frame }: FrameKey): string {
  return `${stream}\n${frame}`;
}

const REMEDIES: Readonly<Record<RefusalReason, string>> = {
  deadline: 'raise deadlineMs, ask for fewer steps (steps, minSteps), or send smaller pictures',
  'too-many-steps': 'ask for fewer minSteps, send smaller pictures, or raise maxBacklogMs of the receiver',
  'queue-full': 'wait for outcomes before sending more, ask for fewer steps (minSteps), or send smaller pictures',
};

function refused(reason: RefusalReason, detail: string): FrameDropError {
  return new FrameDropError(reason, `${detail}; ${REMEDIES[reason]}`);
}
