import { whomToDisplace, whyRefused } from './admission-control.js';
import { CostEstimator } from './cost-estimator.js';
import { FrameOfferError, SchedulerStateError } from './errors.js';
import { Outlook, type Forecast, type MachineState } from './forecast.js';
import { checkEvaluations, checkOffer, MAX_STEPS } from './frame.js';
import type { FrameKey, FrameOffer, FrameRequest, ImageSize } from './frame.js';
import { FrameState } from './frame-state.js';
import { parseSchedulerOptions, type SchedulerOptions, type SchedulerOptionsInput } from './options.js';
import { BatchPicker, type BatchRow } from './pick-batch.js';
import type { Admission, AnsweredFrame, Job, Plan, SchedulerStats } from './plan.js';
import { ServiceOrder } from './service-order.js';
import { StepGrants } from './step-grants.js';
import { StreamClocks } from './stream-clocks.js';
import { Utilisation } from './utilisation.js';
import { WorkProfiles } from './work-profiles.js';

interface RunningJob {
  readonly id: number;
  readonly worker: number;
  readonly graph: string;
  readonly size: ImageSize;
  readonly bucket: number;
  readonly rows: readonly BatchRow[];
  readonly startedMs: number;
  /** Its expected duration. Each row's stream was charged an equal share. */
  readonly costMs: number;
  readonly isPreview: boolean;
  /** No frame waits for it. */
  readonly isSpare: boolean;
}

/** The part of the workers' time that spare runs take while frames keep all of them busy. */
const SPARE_SHARE = 0.02;

/** Compute time that a stream may get ahead of its share; less where one frame takes less, or two if any has a deadline. */
const FAIRNESS_WINDOW_MS = 10_000;

/** Frames that one admission may displace. */
const MAX_DISPLACED = 8;

/**
 * Decides what runs next: which evaluations of which frames, together in which batch, on which worker, and how many
 * steps each frame may take.
 *
 * Pure: it has no clock, no timer and no network. The runner says what time it is (`nowMs`, of any monotonic clock) and
 * does what it is told:
 *
 *     admit(offer) → plan() → run the jobs → complete(job) → for each answered frame: request(next) or finish() → plan()
 *
 * A frame makes one request at a time, of one or more evaluations. Frames join and leave at every step; evaluations of
 * the same graph and image size share a batch, whichever stream they belong to. A frame's results never depend on what
 * it shares a batch with, only how soon it comes and, under load, how many steps it gets.
 *
 * docs/adr/0003-step-scheduler.md says why it decides as it does.
 */
export class StepScheduler {
  readonly options: SchedulerOptions;
  readonly #costs: CostEstimator;
  readonly #profiles: WorkProfiles;
  readonly #streams = new StreamClocks();
  readonly #order: ServiceOrder;
  readonly #grants: StepGrants;
  readonly #picker: BatchPicker;
  readonly #utilisation: Utilisation;
  readonly #previewUtilisation: Utilisation;
  readonly #jobs = new Map<number, RunningJob>();
  readonly #busyWorkers: boolean[];
  #nowMs = -Infinity;
  /** Compute time that a stream may get ahead of its share. */
  #windowMs = 0;
  /** Of the frames that have begun. */
  #pixels = 0;
  #spareRuns = false;
  /** From when on a spare run may hold up frames. */
  #spareFromMs = -Infinity;
  #nextJob = 0;
  #nextSequence = 0;
  #offered = 0;
  readonly #refused = { 'queue-full': 0, 'too-many-steps': 0, deadline: 0 };
  readonly #ended = { finished: 0, displaced: 0, dropped: 0, cancelled: 0, failed: 0 };
  #finishedEarly = 0;
  #steps = 0;
  #jobsRun = 0;
  #rowsRun = 0;
  #paddedRows = 0;
  #busyMs = 0;

  /** @throws SchedulerOptionsError */
  constructor(options: SchedulerOptionsInput = {}) {
    this.options = parseSchedulerOptions(options);
    this.#costs = new CostEstimator(this.options);
    this.#profiles = new WorkProfiles(this.options);
    this.#order = new ServiceOrder(this.options);
    this.#grants = new StepGrants(this.options);
    this.#picker = new BatchPicker(this.options, this.#costs);
    this.#utilisation = new Utilisation(this.options.workers);
    this.#previewUtilisation = new Utilisation(this.options.workers);
    this.#busyWorkers = Array.from({ length: this.options.workers }, () => false);
  }

  /** Admitted frames. */
  get size(): number {
    return this.#order.frames.length;
  }

  has(key: FrameKey): boolean {
    return this.#find(key) !== undefined;
  }

  /** Teach it what a run costs before the first frame: whoever warms a graph up has measured it. */
  observe(graph: string, size: ImageSize, bucket: number, elapsedMs: number): void {
    this.#costs.observe(graph, size, bucket, elapsedMs);
  }

  /**
   * A frame asks to be decoded.
   *
   * It is refused when its own fewest steps are more work than its stream's share; or when, even at everybody's fewest
   * steps, there would be too many frames, its stream would have more than its share of too much work, it would be late,
   * or it would make a frame late that was admitted before. But a frame of a client that holds less is not refused for
   * one of a client that holds more and has not begun yet: that one is displaced instead. The same holds for the
   * streams of one client.
   *
   * @throws FrameOfferError when the offer contradicts itself, or that frame is admitted already
   */
  admit(offer: FrameOffer, nowMs: number): Admission {
    checkOffer(offer);
    if (this.has(offer)) {
      throw new FrameOfferError(`frame ${offer.frame} of "${offer.stream}" has been admitted already`);
    }
    this.#setTime(nowMs);
    this.#offered += 1;
    const before = this.#forecastFewest();
    const broken = new Set(before.outlook.service.filter((_, i) => before.missesDeadline(i)));
    const stream = this.#streams.enter(offer.stream, offer);
    this.#grants.noteOffer(this.size);
    const state = new FrameState(stream, offer, {
      profile: this.#profiles.hold(offer),
      sequence: this.#nextSequence++,
      dueMs: offer.deadlineMs ?? this.#nowMs + this.options.targetWaitMs,
    });
    this.#insert(state);

    const displaced: FrameState[] = [];
    const shareOfMachine = this.#streams.shareOf(stream);
    const refusalNow = () =>
      whyRefused(state, this.#forecastFewest(), broken, this.#nowMs, { ...this.options, shareOfMachine });
    let refusal = refusalNow();
    while (refusal !== undefined) {
      const victim = displaced.length === MAX_DISPLACED ? undefined : whomToDisplace(state, refusal.displaceable);
      if (victim === undefined && refusal.yields) {
        break;
      }
      if (victim === undefined) {
        for (const each of displaced) {
          this.#insert(each);
        }
        this.#remove(state);
        this.#refused[refusal.reason] += 1;
        return { admitted: false, reason: refusal.reason, detail: refusal.detail };
      }
      // Its stream holds other frames, so it can be put back where it was.
      this.#takeOut(victim);
      displaced.push(victim);
      refusal = refusalNow();
    }
    for (const each of displaced) {
      this.#forget(each);
      this.#ended.displaced += 1;
    }
    return { admitted: true, displaced: displaced.map(keyOf) };
  }

  /** What to run now. Call it after an admission, a request and a completion; more often does no harm. */
  plan(nowMs: number): Plan {
    this.#setTime(nowMs);
    const finishEarly: FrameState[] = [];
    const dropped: FrameState[] = [];
    this.#refreshCosts();
    this.#sortOutOverdue(finishEarly, dropped);
    const jobs: Job[] = [];
    if (this.#jobs.size < this.#busyWorkers.length && this.size > 0) {
      const service = this.#order.sort(this.#streams, this.#windowMs, this.#nowMs);
      for (const [i, steps] of this.#grants.grant(service, this.#machineState()).entries()) {
        service[i]!.steps = steps;
      }
      this.#cutShort(service, finishEarly);
      for (let worker = 0; worker < this.#busyWorkers.length; worker++) {
        if (!this.#busyWorkers[worker]!) {
          const job = this.#nextJobFor(worker, service, finishEarly);
          if (job === undefined) {
            break;
          }
          jobs.push(job);
        }
      }
      this.#countBusy();
    }
    return { jobs, finishEarly: finishEarly.map(keyOf), dropped: dropped.map(keyOf) };
  }

  /**
   * A run that no frame waits for, such as a diagnosis: call it before {@link plan}. There is one at a time, on a worker
   * that would have nothing to do otherwise. Where frames keep all workers busy, such runs take a fiftieth of their time.
   *
   * @returns a job without rows; undefined: not now
   */
  spare(graph: string, size: ImageSize, nowMs: number): Job | undefined {
    this.#setTime(nowMs);
    const worker = this.#busyWorkers.indexOf(false);
    if (worker < 0 || this.#spareRuns) {
      return undefined;
    }
    const ready = sum(this.#order.frames.map(({ request }) => request?.ready.length ?? 0));
    if (ready >= this.#busyWorkers.length - this.#jobs.size && this.#nowMs < this.#spareFromMs) {
      return undefined;
    }
    const [bucket] = this.options.buckets as [number, ...number[]];
    const costMs = this.#costs.costMs(graph, size, bucket);
    const id = this.#begin({ worker, graph, size, bucket, rows: [], costMs, isPreview: false, isSpare: true });
    this.#spareRuns = true;
    this.#countBusy();
    return { id, worker, graph, size: size.key, bucket, rows: [] };
  }

  /**
   * A job is done: what it took is learnt from, its worker is free.
   *
   * @param loadMs of what it took, how much went into loading the graph: that tells nothing of the next run, and no
   *   stream pays for it
   * @returns the frames that have all their results, and now need a {@link request} or {@link finish}. Rows of frames
   *   that were cancelled in the meantime are not among them.
   * @throws SchedulerStateError when no such job is running
   */
  complete(jobId: number, nowMs: number, loadMs = 0): readonly AnsweredFrame[] {
    const job = this.#end(jobId, nowMs);
    const elapsedMs = Math.max(this.#nowMs - job.startedMs - loadMs, 0);
    this.#costs.observe(job.graph, job.size, job.bucket, elapsedMs);
    const answered: AnsweredFrame[] = [];
    for (const { state, request } of job.rows) {
      this.#streams.charge(state.stream, (elapsedMs - job.costMs) / job.rows.length);
      request.open -= 1;
      if (request.open === 0 && state.request === request) {
        state.request = undefined;
        const { purpose, granted: steps } = state;
        answered.push({ ...keyOf(state), purpose, steps });
      }
    }
    return answered;
  }

  /**
   * A job failed. If it was a batch, its rows run again, each alone, so that one frame can't take others with it.
   *
   * @returns the frames that are given up: those that ran alone. They have left; the reason is `decode-failed`.
   * @throws SchedulerStateError when no such job is running
   */
  fail(jobId: number, nowMs: number): readonly FrameKey[] {
    const job = this.#end(jobId, nowMs);
    const failed: FrameKey[] = [];
    for (const { state, request, evaluation } of job.rows) {
      if (state.request !== request) {
        continue;
      }
      if (job.rows.length === 1) {
        failed.push(keyOf(state));
        this.#remove(state);
        this.#ended.failed += 1;
      } else {
        state.alone = true;
        request.ready.push(evaluation);
      }
    }
    return failed;
  }

  /**
   * What an answered frame needs next.
   *
   * @returns false if the frame has left in the meantime (cancelled, dropped or displaced): forget it
   * @throws FrameOfferError when the request is empty or its step impossible
   * @throws SchedulerStateError when the frame has a request already
   */
  request(key: FrameKey, request: FrameRequest): boolean {
    checkEvaluations(`a request of frame ${key.frame} of "${key.stream}"`, request.evaluations);
    const state = this.#findAnswered(key);
    if (state === undefined) {
      return false;
    }
    if (request.purpose === 'closing') {
      this.#endSteps(state);
    } else if (
      !Number.isSafeInteger(request.step) ||
      request.step < state.step ||
      request.step > Math.min(state.step + 1, MAX_STEPS)
    ) {
      throw new FrameOfferError(
        `frame ${key.frame} of "${key.stream}" asks for step ${request.step} after step ${state.step}`,
      );
    } else {
      this.#steps += request.step - state.step;
    }
    state.ask(request);
    return true;
  }

  /**
   * An answered frame is done.
   *
   * @returns false if it has left in the meantime (cancelled, dropped or displaced): forget it
   * @throws SchedulerStateError when it waits for results
   */
  finish(key: FrameKey): boolean {
    const state = this.#findAnswered(key);
    if (state === undefined) {
      return false;
    }
    this.#endSteps(state);
    this.#remove(state);
    this.#ended.finished += 1;
    return true;
  }

  /** Take a frame out, whatever it is doing. Its place is free at once, its worker when its job is done. */
  cancel(key: FrameKey): boolean {
    const state = this.#find(key);
    if (state === undefined) {
      return false;
    }
    this.#remove(state);
    this.#ended.cancelled += 1;
    return true;
  }

  /** Take out all frames of a stream. @returns their numbers */
  cancelStream(stream: string): readonly number[] {
    const states = [...(this.#streams.get(stream)?.frames.values() ?? [])];
    for (const state of states) {
      this.cancel(keyOf(state));
    }
    return states.map(({ frame }) => frame);
  }

  stats(nowMs: number): SchedulerStats {
    this.#setTime(nowMs);
    this.#refreshCosts();
    const frames = this.#order.frames;
    const waiting = frames.filter(({ started }) => !started);
    const shares = waiting
      .filter(({ minSteps, maxSteps }) => maxSteps > minSteps)
      .map(({ steps, minSteps, maxSteps }) => (steps - minSteps) / (maxSteps - minSteps));
    const backlog = (work: (state: FrameState) => number): number => sum(frames.map(work)) / this.options.workers;
    let runningMs = 0;
    for (const { startedMs } of this.#jobs.values()) {
      runningMs += this.#nowMs - startedMs;
    }
    return {
      frames: frames.length,
      waiting: waiting.length,
      streams: this.#streams.size,
      pixels: this.#pixels,
      readyEvaluations: sum(frames.map(({ request }) => request?.ready.length ?? 0)),
      runningJobs: this.#jobs.size,
      backlogMs: {
        planned: backlog((state) => state.workMs(state.steps)),
        fewest: backlog((state) => state.workMs(state.fewestSteps)),
      },
      stepShare: shares.length === 0 ? 1 : sum(shares) / shares.length,
      utilisation: this.#utilisation.at(this.#nowMs),
      totals: {
        offered: this.#offered,
        refused: { ...this.#refused },
        ...this.#ended,
        finishedEarly: this.#finishedEarly,
        steps: this.#steps,
        jobs: this.#jobsRun,
        rows: this.#rowsRun,
        paddedRows: this.#paddedRows,
        busyMs: this.#busyMs + runningMs,
      },
    };
  }

  /** The clock never runs backwards, whatever the caller's does. */
  #setTime(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }

  #find({ stream, frame }: FrameKey): FrameState | undefined {
    return this.#streams.get(stream)?.frames.get(frame);
  }

  #findAnswered(key: FrameKey): FrameState | undefined {
    const state = this.#find(key);
    if (state?.request !== undefined) {
      throw new SchedulerStateError(`frame ${key.frame} of "${key.stream}" still waits for results`);
    }
    return state;
  }

  /** The step that it was at is its last. */
  #endSteps(state: FrameState): void {
    if (state.purpose === 'step') {
      state.step += 1;
      this.#steps += 1;
    }
  }

  #insert(state: FrameState): void {
    state.stream.frames.set(state.frame, state);
    this.#order.add(state);
    state.join();
  }

  #takeOut(state: FrameState): void {
    state.leave();
    this.#order.remove(state);
    state.stream.frames.delete(state.frame);
  }

  #remove(state: FrameState): void {
    this.#takeOut(state);
    this.#forget(state);
    // Its rows that are still in a job belong to no frame from now on.
    state.request = undefined;
    if (state.stream.frames.size === 0) {
      this.#streams.leave(state.stream);
    }
  }

  /** It has left for good. */
  #forget(state: FrameState): void {
    this.#profiles.release(state.profile);
    this.#pixels -= state.begun ? state.size.pixels : 0;
  }

  #refreshCosts(): void {
    this.#profiles.refreshCosts(this.#costs);
    let largestMs = 0;
    let frames = 1;
    for (const { profile, maxSteps, hasDeadline } of this.#order.frames) {
      const { preview, step, closing } = profile.costs;
      largestMs = Math.max(largestMs, preview.workMs + maxSteps * step.workMs + closing.workMs);
      frames = hasDeadline ? 2 : frames;
    }
    this.#windowMs = Math.min(FAIRNESS_WINDOW_MS, frames * largestMs);
    this.#streams.keepWithin(2 * this.#windowMs);
  }

  /** When all frames are done if each gets its fewest steps. */
  #forecastFewest(): Forecast {
    this.#refreshCosts();
    const service = this.#order.sort(this.#streams, this.#windowMs, this.#nowMs);
    return new Outlook(service, this.#machineState()).forecast((frame) => frame.fewestSteps);
  }

  #machineState(): MachineState {
    const busyMs = Array.from(this.#jobs.values(), ({ startedMs, costMs }) =>
      Math.max(0, startedMs + costMs - this.#nowMs),
    );
    while (busyMs.length < this.#busyWorkers.length) {
      busyMs.push(0);
    }
    busyMs.sort((a, b) => a - b);
    const { workers, buckets } = this.options;
    return {
      nowMs: this.#nowMs,
      workers,
      rowsAtOnce: workers * buckets.at(-1)!,
      cycleMs: (share) => this.#profiles.cycleMs(share),
      busyMs,
      previewShare: this.#previewUtilisation.at(this.#nowMs),
    };
  }

  /** How many workers are busy has changed. */
  #countBusy(): void {
    let previews = 0;
    for (const { isPreview } of this.#jobs.values()) {
      previews += isPreview ? 1 : 0;
    }
    this.#utilisation.set(this.#jobs.size, this.#nowMs);
    this.#previewUtilisation.set(previews, this.#nowMs);
  }

  /** Frames whose time is up, or whose fewest steps don't fit in what is left of it. */
  #sortOutOverdue(finishEarly: FrameState[], dropped: FrameState[]): void {
    for (const state of this.#order.frames.slice()) {
      if (!state.hasDeadline || !state.untouched || state.purpose === 'closing') {
        continue;
      }
      const overdue = this.#nowMs >= state.deadlineMs;
      const isStep = state.purpose === 'step';
      if (isStep && state.step >= state.minSteps) {
        if (overdue) {
          this.#tellToFinish(state, finishEarly);
        }
      } else if (
        overdue ||
        (isStep && state.profile.known && this.#nowMs + state.sequenceMs(state.minSteps) > state.deadlineMs)
      ) {
        this.#remove(state);
        this.#ended.dropped += 1;
        dropped.push(state);
      }
    }
  }

  /** Hold running frames to what they are granted now. */
  #cutShort(service: readonly FrameState[], finishEarly: FrameState[]): void {
    for (const state of service) {
      if (state.granted !== undefined && state.purpose !== 'closing') {
        state.granted = Math.min(state.granted, state.steps);
        if (state.purpose === 'step' && state.untouched && state.step >= state.granted) {
          this.#tellToFinish(state, finishEarly);
        }
      }
    }
  }

  #tellToFinish(state: FrameState, finishEarly: FrameState[]): void {
    state.endSteps();
    this.#finishedEarly += 1;
    finishEarly.push(state);
  }

  #nextJobFor(worker: number, service: readonly FrameState[], finishEarly: FrameState[]): Job | undefined {
    const batch = this.#picker.pick(service, this.#pixels, (state) => {
      this.#tellToFinish(state, finishEarly);
    });
    if (batch === undefined) {
      return undefined;
    }
    const { graph, rows, bucket } = batch;
    const { size, purpose } = rows[0]!.state;
    const costMs = this.#costs.costMs(graph, size, bucket);
    for (const { state, request, evaluation } of rows) {
      request.ready.splice(request.ready.indexOf(evaluation), 1);
      this.#pixels += state.begun ? 0 : state.size.pixels;
      state.begun = true;
      if (state.purpose === 'step') {
        state.granted ??= state.steps;
      }
      this.#streams.charge(state.stream, costMs / rows.length);
    }
    const isPreview = purpose === 'preview';
    const id = this.#begin({ worker, graph, size, bucket, rows, costMs, isPreview, isSpare: false });
    this.#rowsRun += rows.length;
    this.#paddedRows += bucket - rows.length;
    return {
      id,
      worker,
      graph,
      size: size.key,
      bucket,
      rows: rows.map(({ state, evaluation }) => ({
        stream: state.stream.name,
        frame: state.frame,
        purpose: state.purpose,
        evaluation,
        step: state.step,
        steps: state.granted ?? state.steps,
      })),
    };
  }

  #begin(job: Omit<RunningJob, 'id' | 'startedMs'>): number {
    const id = this.#nextJob++;
    this.#jobs.set(id, { ...job, id, startedMs: this.#nowMs });
    this.#busyWorkers[job.worker] = true;
    this.#jobsRun += 1;
    return id;
  }

  #end(jobId: number, nowMs: number): RunningJob {
    const job = this.#jobs.get(jobId);
    if (job === undefined) {
      throw new SchedulerStateError(`there is no job ${jobId}, or it has ended already`);
    }
    this.#setTime(nowMs);
    this.#jobs.delete(jobId);
    this.#busyWorkers[job.worker] = false;
    const tookMs = this.#nowMs - job.startedMs;
    this.#busyMs += tookMs;
    if (job.isSpare) {
      this.#spareRuns = false;
      this.#spareFromMs = this.#nowMs + tookMs / (SPARE_SHARE * this.#busyWorkers.length);
    }
    this.#countBusy();
    return job;
  }
}

function keyOf({ stream, frame }: FrameState): FrameKey {
  return { stream: stream.name, frame };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
