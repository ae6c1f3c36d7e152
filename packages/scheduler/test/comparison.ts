import { deepEqual, equal, ok } from 'node:assert/strict';
import {
  StepScheduler,
  type FrameKey,
  type FrameOffer,
  type FrameRequest,
  type Job,
  type Plan,
  type Purpose,
  type SchedulerOptionsInput,
} from '../src/index.js';

/** What a runner that makes no mistake knows about a frame. */
interface ModelFrame {
  readonly key: FrameKey;
  readonly offer: FrameOffer;
  purpose: Purpose;
  step: number;
  requestInStep: number;
  graphs: readonly string[];
  /** Evaluations not taken by a job, and not back. */
  readonly ready: Set<number>;
  readonly open: Set<number>;
  steps: number;
  begun: boolean;
  /** Whether anything of it has run: it takes memory. */
  ran: boolean;
}

/** What may happen to a scheduler. */
export type Operation =
  | {
      readonly do: 'admit';
      readonly stream: number;
      readonly kind: number;
      readonly steps: readonly [number, number];
      readonly leftMs: number | undefined;
    }
  | { readonly do: 'plan' | 'wait'; readonly ms: number }
  | { readonly do: 'complete' | 'fail' | 'cancel'; readonly which: number; readonly ms: number }
  | { readonly do: 'cancelStream'; readonly stream: number };

const SIZES = [
  { key: '256x256', pixels: 65_536 },
  { key: '512x512', pixels: 262_144 },
];
const KINDS: readonly Pick<FrameOffer, 'preview' | 'perStep' | 'closing'>[] = [
  { perStep: [['posteriorStep']] },
  { preview: ['decoder'], perStep: [['denoiser', 'denoiser']], closing: ['encoder'] },
  { preview: ['decoder'], perStep: [['denoiser'], ['encoderVjp', 'encoderVjp']] },
  { preview: ['decoder'], perStep: [['denoiser', 'encoderVjp']], closing: ['encoder', 'decoder'] },
];

/** The scheduler beside a model of what it was told; every difference is an error. */
export class Comparison {
  readonly scheduler: StepScheduler;
  readonly frames = new Map<string, ModelFrame>();
  readonly running = new Map<number, { readonly job: Job; readonly rows: readonly (ModelFrame | undefined)[] }>();
  readonly ended = { finished: 0, displaced: 0, dropped: 0, cancelled: 0, failed: 0 };
  readonly log: unknown[] = [];
  nowMs = 0;
  offered = 0;
  refused = 0;
  /** Whether frames may have to wait for memory: then those that haven't begun are left out of some checks. */
  readonly #limited: boolean;
  #nextFrame = 0;
  #previewsInARow = 0;

  constructor(options: SchedulerOptionsInput) {
    this.scheduler = new StepScheduler(options);
    this.#limited = this.scheduler.options.maxPixels < Infinity;
  }

  apply(operation: Operation): void {
    switch (operation.do) {
      case 'admit':
        this.#admit(operation);
        break;
      case 'wait':
        this.nowMs += operation.ms;
        break;
      case 'plan':
        this.plan();
        break;
      case 'cancelStream': {
        const stream = `s${operation.stream}`;
        const own = [...this.frames.values()].filter(({ key }) => key.stream === stream);
        deepEqual(new Set(this.scheduler.cancelStream(stream)), new Set(own.map(({ key }) => key.frame)));
        for (const { key } of own) {
          this.#end(key, 'cancelled');
        }
        break;
      }
      case 'cancel': {
        const frame = pick(this.frames, operation.which);
        if (frame !== undefined) {
          ok(this.scheduler.cancel(frame.key));
          this.#end(frame.key, 'cancelled');
        }
        break;
      }
      default: {
        const running = pick(this.running, operation.which);
        this.nowMs += operation.ms;
        if (running !== undefined) {
          this.#endJob(running.job, operation.do);
        }
      }
    }
    this.#check();
  }

  /** Plan and complete until nothing is left. */
  drain(): void {
    for (let rounds = 0; this.frames.size > 0 || this.running.size > 0; rounds++) {
      ok(rounds < 10_000);
      this.plan();
      const running = pick(this.running, 0);
      if (running !== undefined) {
        this.nowMs += 1;
        this.#endJob(running.job, 'complete');
      }
      this.#check();
    }
  }

  plan(): void {
    const plan = this.scheduler.plan(this.nowMs);
    this.log.push(plan);
    for (const key of plan.dropped) {
      const frame = this.#get(key);
      ok(frame.offer.deadlineMs);
      ok(frame.step < frame.offer.steps.min || !frame.begun);
      this.#end(key, 'dropped');
    }
    for (const key of plan.finishEarly) {
      const frame = this.#get(key);
      ok(frame.step >= frame.offer.steps.min);
      deepEqual([frame.purpose, frame.open.size], ['step', frame.graphs.length]);
      frame.open.clear();
      frame.ready.clear();
      frame.purpose = 'closing';
    }
    for (const job of plan.jobs) {
      this.#start(job);
    }
    if (this.running.size < this.scheduler.options.workers && this.frames.size > 0) {
      // A worker found nothing to do, so no step waits that previews go ahead of.
      this.#previewsInARow = 0;
    }
    for (const key of plan.finishEarly) {
      this.#conclude(this.#get(key));
    }
    this.#checkWorkConservation(plan);
  }

  #admit({ stream, kind, steps: [a, b], leftMs }: Operation & { do: 'admit' }): void {
    const key = { stream: `s${stream}`, frame: this.#nextFrame++ };
    const what = KINDS[kind % KINDS.length]!;
    const offer: FrameOffer = {
      ...key,
      ...what,
      // Three of the streams are one client's.
      ...(stream < 3 ? { client: 'one' } : {}),
      size: SIZES[stream % 2]!,
      steps: { min: Math.min(a, b), max: Math.max(a, b, what.closing === undefined ? 1 : 0) },
      deadlineMs: leftMs === undefined ? undefined : this.nowMs + leftMs,
    };
    this.offered += 1;
    const admission = this.scheduler.admit(offer, this.nowMs);
    this.log.push(admission);
    if (!admission.admitted) {
      this.refused += 1;
      return;
    }
    for (const displaced of admission.displaced) {
      const frame = this.#get(displaced);
      deepEqual([frame.begun, frame.key.stream === key.stream], [false, false]);
      this.#end(displaced, 'displaced');
    }
    const graphs = offer.preview ?? (offer.steps.max > 0 ? offer.perStep[0]! : offer.closing!);
    const purpose = offer.preview !== undefined ? 'preview' : offer.steps.max > 0 ? 'step' : 'closing';
    const frame: ModelFrame = {
      key,
      offer,
      purpose,
      step: 0,
      requestInStep: 0,
      graphs,
      ready: new Set(),
      open: new Set(),
      steps: offer.steps.max,
      begun: false,
      ran: false,
    };
    this.frames.set(nameOf(key), frame);
    this.#open(frame, graphs);
  }

  #start(job: Job): void {
    const { options } = this.scheduler;
    ok([...this.running.values()].every(({ job: { worker } }) => worker !== job.worker));
    ok(job.worker < options.workers);
    ok(options.buckets.includes(job.bucket));
    ok(job.rows.length > 0);
    ok(job.rows.length <= job.bucket);

    if (!this.#limited) {
      this.#checkBurst(job);
    }
    const rows = job.rows.map((row) => {
      const frame = this.#get(row);
      deepEqual(
        [row.purpose, row.step, frame.graphs[row.evaluation], frame.offer.size.key],
        [frame.purpose, frame.step, job.graph, job.size],
      );
      // Nothing is run twice.
      ok(frame.ready.delete(row.evaluation));
      frame.ran = true;
      if (row.purpose === 'step') {
        ok(row.steps > row.step);
        ok(row.steps >= frame.offer.steps.min);
        ok(row.steps <= frame.steps);
        frame.steps = row.steps;
        frame.begun = true;
      }
      return frame;
    });
    this.running.set(job.id, { job, rows });
  }

  #checkBurst(job: Job): void {
    const { options } = this.scheduler;
    const isPreview = job.rows[0]!.purpose === 'preview';
    const burst = this.#previewsInARow;
    const stepWaits = [...this.frames.values()].some(({ purpose, ready }) => purpose !== 'preview' && ready.size > 0);
    this.#previewsInARow = isPreview && stepWaits ? this.#previewsInARow + 1 : 0;
    ok(this.#previewsInARow <= options.previewBurst);
    const previewWaits = [...this.frames.values()].some(
      ({ purpose, ready }) => purpose === 'preview' && ready.size > 0,
    );
    if (!isPreview && previewWaits) {
      // A step goes before a preview only after a full burst.
      equal(burst, options.previewBurst);
    }
  }

  #endJob(job: Job, how: 'complete' | 'fail'): void {
    const { rows } = this.running.get(job.id)!;
    this.running.delete(job.id);
    const alive = job.rows.flatMap((row, i) =>
      rows[i] !== undefined && this.frames.get(nameOf(row)) === rows[i] ? [{ row, frame: rows[i] }] : [],
    );
    if (how === 'fail') {
      const failed = this.scheduler.fail(job.id, this.nowMs);
      this.log.push(failed);
      deepEqual(failed.map(nameOf), job.rows.length === 1 ? alive.map(({ frame }) => nameOf(frame.key)) : []);
      for (const { row, frame } of alive) {
        if (job.rows.length === 1) {
          this.#end(frame.key, 'failed');
        } else {
          frame.ready.add(row.evaluation);
        }
      }
      return;
    }
    for (const { row, frame } of alive) {
      frame.open.delete(row.evaluation);
    }
    const answered = this.scheduler.complete(job.id, this.nowMs);
    this.log.push(answered);
    const expected = new Set(alive.filter(({ frame }) => frame.open.size === 0).map(({ frame }) => frame));
    deepEqual(answered.map(nameOf).sort(), [...expected].map(({ key }) => nameOf(key)).sort());
    for (const { steps, ...key } of answered) {
      this.#goOn(this.#get(key), steps);
    }
  }

  /** What a sampler that follows its grant does next. */
  #goOn(frame: ModelFrame, steps: number | undefined): void {
    const { perStep, steps: limits } = frame.offer;
    if (frame.purpose === 'closing') {
      ok(this.scheduler.finish(frame.key));
      this.#end(frame.key, 'finished');
      return;
    }
    if (frame.purpose === 'step') {
      frame.requestInStep += 1;
      if (frame.requestInStep === perStep.length) {
        frame.requestInStep = 0;
        frame.step += 1;
      }
    }
    if (limits.max === 0 || (frame.requestInStep === 0 && steps !== undefined && frame.step >= steps)) {
      this.#conclude(frame);
    } else {
      this.#request(frame, { purpose: 'step', step: frame.step, evaluations: perStep[frame.requestInStep]! });
    }
  }

  #conclude(frame: ModelFrame): void {
    if (frame.offer.closing === undefined) {
      ok(this.scheduler.finish(frame.key));
      this.#end(frame.key, 'finished');
    } else {
      this.#request(frame, { purpose: 'closing', evaluations: frame.offer.closing });
    }
  }

  #request(frame: ModelFrame, request: FrameRequest): void {
    ok(this.scheduler.request(frame.key, request));
    frame.purpose = request.purpose;
    this.#open(frame, request.evaluations);
  }

  #open(frame: ModelFrame, graphs: readonly string[]): void {
    frame.graphs = graphs;
    graphs.forEach((_, index) => {
      frame.ready.add(index);
      frame.open.add(index);
    });
  }

  #get(key: FrameKey): ModelFrame {
    const frame = this.frames.get(nameOf(key));
    ok(frame, `${nameOf(key)} was not admitted, or has ended`);
    return frame!;
  }

  #end(key: FrameKey, how: keyof Comparison['ended']): void {
    ok(this.frames.delete(nameOf(key)));
    this.ended[how] += 1;
  }

  /** No worker is idle while anything is ready, except for what the runner asked for in answer to the plan. */
  #checkWorkConservation({ finishEarly }: Plan): void {
    if (this.running.size < this.scheduler.options.workers && finishEarly.length === 0) {
      const none = [...this.frames.values()].every(({ ran }) => !ran);
      for (const { key, ready, ran } of this.frames.values()) {
        if (ran || none || !this.#limited) {
          deepEqual([nameOf(key), ready.size], [nameOf(key), 0]);
        }
      }
    }
  }

  #check(): void {
    const { maxFrames, maxPixels } = this.scheduler.options;
    equal(this.scheduler.size, this.frames.size);
    ok(this.frames.size <= maxFrames);
    const stats = this.scheduler.stats(this.nowMs);
    const ready = [...this.frames.values()].reduce((sum, frame) => sum + frame.ready.size, 0);
    deepEqual([stats.frames, stats.readyEvaluations, stats.runningJobs], [this.frames.size, ready, this.running.size]);
    const ran = [...this.frames.values()].filter((frame) => frame.ran);
    equal(
      stats.pixels,
      ran.reduce((sum, { offer }) => sum + offer.size.pixels, 0),
    );
    ok(stats.pixels <= maxPixels || ran.length === 1);
    const { offered, refused, finished, displaced, dropped, cancelled, failed } = stats.totals;
    deepEqual({ finished, displaced, dropped, cancelled, failed }, this.ended);
    const refusals = refused['queue-full'] + refused['too-many-steps'] + refused.deadline;
    deepEqual([offered, refusals], [this.offered, this.refused]);
    equal(offered, this.refused + this.frames.size + finished + displaced + dropped + cancelled + failed);
    for (const value of [stats.backlogMs.planned, stats.backlogMs.fewest, stats.stepShare, stats.utilisation]) {
      ok(value >= 0);
    }
    ok(stats.stepShare <= 1);
    ok(stats.utilisation <= 1);
  }
}

function nameOf({ stream, frame }: FrameKey): string {
  return `${stream}/${frame}`;
}

function pick<T>(map: ReadonlyMap<unknown, T>, which: number): T | undefined {
  return [...map.values()][which % Math.max(1, map.size)];
}
