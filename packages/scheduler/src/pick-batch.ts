import type { CostEstimator } from './cost-estimator.js';
import { formBatch } from './form-batch.js';
import type { FrameState, OpenRequest } from './frame-state.js';
import type { SchedulerOptions } from './options.js';

/** One evaluation of a frame's request. */
export interface BatchRow {
  readonly state: FrameState;
  readonly request: OpenRequest;
  readonly evaluation: number;
}

/** Rows of one graph and one size. */
export interface Batch {
  readonly graph: string;
  readonly rows: readonly BatchRow[];
  /** The size to pad to. */
  readonly bucket: number;
}

/** Rows ride along with rows of other streams if they add at most this share of what they would cost alone. */
const CHEAP = 0.5;

/** Finds what a free worker does next. */
export class BatchPicker {
  readonly #buckets: readonly number[];
  readonly #previewBurst: number;
  readonly #maxPixels: number;
  readonly #costs: CostEstimator;
  #previewsInARow = 0;

  constructor(
    { buckets, previewBurst, maxPixels }: Pick<SchedulerOptions, 'buckets' | 'previewBurst' | 'maxPixels'>,
    costs: CostEstimator,
  ) {
    this.#buckets = buckets;
    this.#previewBurst = previewBurst;
    this.#maxPixels = maxPixels;
    this.#costs = costs;
  }

  /**
   * The next batch, led by whoever is served next; undefined when nothing is ready.
   *
   * @param service frames in the order of service
   * @param pixels of those that have begun
   * @param onStepless a frame would begin now, but is granted no step at all; its request must be taken back
   */
  pick(service: readonly FrameState[], pixels: number, onStepless: (state: FrameState) => void): Batch | undefined {
    const head = this.#pickHead(service, new PixelRoom(pixels, this.#maxPixels), onStepless);
    if (head?.request === undefined) {
      return undefined;
    }
    const graph = head.request.graphs[head.request.ready[0]!]!;
    const room = new PixelRoom(pixels, this.#maxPixels);
    room.take(head);
    return { graph, ...this.#rowsFor(head, service, graph, room) };
  }

  /** Previews first, but not for ever. */
  #pickHead(
    service: readonly FrameState[],
    room: PixelRoom,
    onStepless: (state: FrameState) => void,
  ): FrameState | undefined {
    let preview: FrameState | undefined;
    let step: FrameState | undefined;
    for (const state of service) {
      if (state.request === undefined || state.request.ready.length === 0 || !room.has(state)) {
        continue;
      }
      if (state.purpose === 'preview') {
        preview ??= state;
      } else if (step === undefined) {
        if (mayRun(state)) {
          step = state;
        } else {
          onStepless(state);
        }
      }
      if (preview !== undefined && step !== undefined) {
        break;
      }
    }
    if (preview !== undefined && (step === undefined || this.#previewsInARow < this.#previewBurst)) {
      this.#previewsInARow = step === undefined ? 0 : this.#previewsInARow + 1;
      return preview;
    }
    this.#previewsInARow = 0;
    return step;
  }

  /**
   * The rows that run with the head's first one: of the same graph and size, in the order of service, as many as fit.
   *
   * Where frames of other graphs or sizes wait, rows of streams that are further ahead of their share than those only
   * ride along if that is cheap.
   */
  #rowsFor(
    head: FrameState,
    service: readonly FrameState[],
    graph: string,
    room: PixelRoom,
  ): Pick<Batch, 'rows' | 'bucket'> {
    const largest = head.alone ? 1 : this.#buckets.at(-1)!;
    const rows: BatchRow[] = [];
    let entitled = 0;
    let rivalRound = Infinity;
    const take = (state: FrameState): void => {
      const { request } = state;
      if (request === undefined || request.ready.length === 0) {
        return;
      }
      let others = 0;
      const before = rows.length;
      for (const evaluation of request.ready) {
        if (state.size.key !== head.size.key || request.graphs[evaluation] !== graph) {
          others += 1;
        } else if (rows.length < largest && (state === head || !state.alone)) {
          rows.push({ state, request, evaluation });
        }
      }
      if (state !== head && rows.length > before) {
        room.take(state);
      }
      if (state === head || (!state.late && state.round <= rivalRound)) {
        entitled = rows.length;
      }
      if (others > 0 && (state.purpose === 'preview') === (head.purpose === 'preview') && !state.late) {
        rivalRound = Math.min(rivalRound, state.round);
      }
    };
    take(head);
    for (const state of service) {
      if (rows.length === largest) {
        break;
      }
      if (state !== head && room.has(state) && mayRun(state)) {
        take(state);
      }
    }
    const costMs = (bucket: number): number => this.#costs.costMs(graph, head.size, bucket);
    const all = formBatch(rows.length, this.#buckets, costMs);
    const few = formBatch(entitled, this.#buckets, costMs);
    const extraMs = costMs(all.bucket) - costMs(few.bucket);
    const { rows: count, bucket } = extraMs <= CHEAP * (all.rows - few.rows) * costMs(1) ? all : few;
    return { rows: rows.slice(0, count), bucket };
  }
}

/**
 * Room for frames that begin: a frame that has begun has its place. Once one doesn't fit, none behind it begins, so that
 * small ones don't keep a large one waiting for ever; and a frame begins where there is no other, however large it is.
 */
class PixelRoom {
  #pixels: number;
  #full = false;
  readonly #maxPixels: number;

  constructor(pixels: number, maxPixels: number) {
    this.#pixels = pixels;
    this.#maxPixels = maxPixels;
  }

  has({ begun, size }: FrameState): boolean {
    if (begun) {
      return true;
    }
    this.#full ||= this.#pixels > 0 && this.#pixels + size.pixels > this.#maxPixels;
    return !this.#full;
  }

  take({ begun, size }: FrameState): void {
    this.#pixels += begun ? 0 : size.pixels;
  }
}

/** Unless its next step is one more than it is granted. */
function mayRun(state: FrameState): boolean {
  return state.purpose !== 'step' || state.fewestSteps > state.step || state.steps > state.step;
}
