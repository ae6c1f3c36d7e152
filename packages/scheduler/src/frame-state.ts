import type { FrameOffer, FrameRequest, ImageSize, Purpose } from './frame.js';
import type { StreamState } from './stream-clocks.js';
import type { PartCost, WorkProfile } from './work-profiles.js';

/** A request that a frame has made. Its evaluations run in any order, alone or in batches. */
export interface OpenRequest {
  readonly graphs: readonly string[];
  /** Evaluations, by index, that no job has taken. */
  readonly ready: number[];
  /** Evaluations whose results aren't back. */
  open: number;
}

/** An admitted frame. */
export class FrameState {
  readonly stream: StreamState;
  readonly frame: number;
  readonly size: ImageSize;
  readonly minSteps: number;
  readonly maxSteps: number;
  /** When it must be done; Infinity without a deadline. */
  readonly deadlineMs: number;
  /** Decides among frames of one round: its deadline, or by when a frame without one should have begun. */
  readonly dueMs: number;
  /** Admissions count up. */
  readonly sequence: number;
  readonly profile: WorkProfile;

  /** What it waits for; undefined while the runner works on the answers. */
  request: OpenRequest | undefined;
  /** Steps done. */
  step = 0;
  /** Steps granted when the first was planned, or later revised downwards. */
  granted: number | undefined;
  /** Steps that it would be granted now. */
  steps: number;
  /** A run of it has begun: from then on it takes memory by its pixels. */
  begun = false;
  /** A batch with it failed: its rows run alone from now on. */
  alone = false;
  #purpose: Purpose;
  /** Requests of the current step that it has made, the open one included. */
  #requestsInStep = 0;

  // Where it stands in the newest order of service.
  /** How far ahead of its stream's share it would end, in windows. */
  round = 0;
  /** It can't be on time even with the fewest steps: it must not hold up those that can. */
  late = false;

  constructor(
    stream: StreamState,
    offer: FrameOffer,
    context: {
      readonly profile: WorkProfile;
      readonly sequence: number;
      readonly dueMs: number;
    },
  ) {
    this.stream = stream;
    this.frame = offer.frame;
    this.size = offer.size;
    this.minSteps = offer.steps.min;
    this.maxSteps = offer.steps.max;
    this.deadlineMs = offer.deadlineMs ?? Infinity;
    this.dueMs = context.dueMs;
    this.sequence = context.sequence;
    this.profile = context.profile;
    this.steps = offer.steps.max;
    if (offer.preview !== undefined) {
      this.#purpose = 'preview';
      this.request = open(offer.preview);
    } else if (this.maxSteps > 0) {
      this.#purpose = 'step';
      this.request = open(offer.perStep[0]!);
      this.#requestsInStep = 1;
    } else {
      this.#purpose = 'closing';
      this.request = open(offer.closing!);
    }
  }

  /** What its request is for, or its last one was. */
  get purpose(): Purpose {
    return this.#purpose;
  }

  /** Whether a worker has begun its first step. */
  get started(): boolean {
    return this.granted !== undefined;
  }

  get hasDeadline(): boolean {
    return this.deadlineMs < Infinity;
  }

  /** Whether it has a request of which nothing has been run or is running. */
  get untouched(): boolean {
    return this.request !== undefined && this.request.ready.length === this.request.graphs.length;
  }

  /** Whether any of its rows is in a job. */
  get inJob(): boolean {
    return this.request !== undefined && this.request.open > this.request.ready.length;
  }

  /** The fewest steps that it may still end with; one that it is in the middle of counts. */
  get fewestSteps(): number {
    const inStep = this.#purpose === 'step' && (this.#requestsInStep > 1 || !this.untouched);
    return Math.max(this.minSteps, inStep ? this.step + 1 : this.step);
  }

  ask(request: FrameRequest): void {
    if (request.purpose === 'step') {
      this.#requestsInStep = request.step === this.step ? this.#requestsInStep + 1 : 1;
      this.step = request.step;
    }
    this.#setPurpose(request.purpose);
    this.request = open(request.evaluations);
  }

  /** Take its request back: it has all its steps. */
  endSteps(): void {
    this.request = undefined;
    this.#setPurpose('closing');
  }

  /** It takes part in batches, or no longer does. */
  join(): void {
    this.profile.frames[this.#purpose] += 1;
  }

  leave(): void {
    this.profile.frames[this.#purpose] -= 1;
  }

  /** Milliseconds of workers that it still needs if it gets so many steps in all. */
  workMs(steps: number): number {
    return this.#cost('workMs', steps);
  }

  /** Milliseconds that it still takes if it never waits, in batches with others, and gets so many steps in all. */
  sequenceMs(steps: number): number {
    return this.#cost('sequenceMs', steps);
  }

  /** Milliseconds that it still takes on an empty machine if it gets so many steps in all. */
  soloMs(steps: number): number {
    return this.#cost('soloMs', steps);
  }

  /** What its preview costs, if no worker has taken it yet. */
  preview(cost: keyof PartCost): number {
    return this.#purpose === 'preview' && this.untouched ? this.profile.costs.preview[cost] : 0;
  }

  /** What follows its steps costs, if no worker has taken it yet. */
  closing(cost: keyof PartCost): number {
    return this.#purpose !== 'closing' || this.untouched ? this.profile.costs.closing[cost] : 0;
  }

  /** Of so many steps in all, those that no worker has taken yet, in parts of steps. */
  stepsToRun(steps: number): number {
    if (this.#purpose === 'closing') {
      return 0;
    }
    const made = this.#requestsInStep - (this.#purpose === 'step' && this.untouched ? 1 : 0);
    return Math.max(0, steps - this.step - Math.min(1, made / this.profile.requestsPerStep));
  }

  #cost(cost: keyof PartCost, steps: number): number {
    return this.preview(cost) + this.stepsToRun(steps) * this.profile.costs.step[cost] + this.closing(cost);
  }

  #setPurpose(purpose: Purpose): void {
    this.leave();
    this.#purpose = purpose;
    this.join();
  }
}

function open(graphs: readonly string[]): OpenRequest {
  return { graphs, ready: graphs.map((_, index) => index), open: graphs.length };
}
