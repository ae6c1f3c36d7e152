import type { CostEstimator } from './cost-estimator.js';
import type { Evaluations, FrameOffer, ImageSize, Purpose } from './frame.js';

/** Evaluations that may share a batch: the same graph at the same image size. */
interface WorkGroup {
  readonly graph: string;
  readonly size: ImageSize;
  /** Parts of profiles that refer to it. */
  references: number;
  /** Rows that frames would have in it if all ran at once; sets the batch size that forecasts assume. */
  demand: number;
  /** Those of them that are no previews. */
  stepDemand: number;
  /** Forecast time of one batch, of one row's share of it, and of a row that runs alone, in ms. */
  batchMs: number;
  rowMs: number;
  soloMs: number;
  /** Whether that rests on any measurement. */
  known: boolean;
}

/** The part of some requests of a frame that falls to one group. */
interface GroupPart {
  readonly group: WorkGroup;
  /** Evaluations in all. */
  readonly rows: number;
  /** Runs that follow one another even on an empty machine. */
  readonly rounds: number;
  /** The most evaluations of one request. */
  readonly width: number;
}

/** Forecast cost of a part of a frame, in ms. */
export interface PartCost {
  /** Of workers: a row's share of its batch each. */
  workMs: number;
  /** On the clock, one request after another, in batches with other frames. */
  sequenceMs: number;
  /** On the clock, on an empty machine. */
  soloMs: number;
  /** Runs, one after another. */
  rounds: number;
}

/** What frames of one kind need: same size, same requests. Frames share it, so that costs are worked out once. */
export class WorkProfile {
  readonly key: string;
  readonly requestsPerStep: number;
  /** Admitted frames of this kind, by what they are at. */
  readonly frames: Record<Purpose, number> = { preview: 0, step: 0, closing: 0 };
  readonly costs: Readonly<Record<Purpose, PartCost>> = { preview: noCost(), step: noCost(), closing: noCost() };
  readonly parts: Readonly<Record<Purpose, readonly GroupPart[]>>;
  /** Whether all its costs rest on measurements. */
  known = false;
  references = 0;

  constructor(key: string, requestsPerStep: number, parts: Readonly<Record<Purpose, readonly GroupPart[]>>) {
    this.key = key;
    this.requestsPerStep = requestsPerStep;
    this.parts = parts;
  }
}

/** The profiles and groups of the frames that are admitted; it forgets those that no frame refers to. */
export class WorkProfiles {
  readonly #groups = new Map<string, WorkGroup>();
  readonly #profiles = new Map<string, WorkProfile>();
  readonly #rowsAtOnce: number;
  readonly #buckets: readonly number[];

  constructor({ workers, buckets }: { readonly workers: number; readonly buckets: readonly number[] }) {
    this.#buckets = buckets;
    this.#rowsAtOnce = workers * buckets.at(-1)!;
  }

  /** Profiles, and groups, that are remembered. */
  get size(): number {
    return this.#profiles.size + this.#groups.size;
  }

  /** The profile of an offer, held until {@link release}d. */
  hold({ size, preview, perStep, closing }: FrameOffer): WorkProfile {
    const key = JSON.stringify([size.key, size.pixels, preview ?? [], perStep, closing ?? []]);
    let profile = this.#profiles.get(key);
    if (profile === undefined) {
      profile = new WorkProfile(key, Math.max(1, perStep.length), {
        preview: this.#partsOf(preview === undefined ? [] : [preview], size),
        step: this.#partsOf(perStep, size),
        closing: this.#partsOf(closing === undefined ? [] : [closing], size),
      });
      this.#profiles.set(key, profile);
    }
    profile.references += 1;
    return profile;
  }

  release(profile: WorkProfile): void {
    profile.references -= 1;
    if (profile.references > 0) {
      return;
    }
    this.#profiles.delete(profile.key);
    for (const { group } of Object.values(profile.parts).flat()) {
      group.references -= 1;
      if (group.references === 0) {
        this.#groups.delete(groupKey(group.graph, group.size));
      }
    }
  }

  /** Work out all costs anew, from what is measured and from how many frames there are to share batches. */
  refreshCosts(costs: CostEstimator): void {
    for (const group of this.#groups.values()) {
      group.demand = 0;
    }
    for (const { frames, parts } of this.#profiles.values()) {
      // Frames that wait for a preview will have steps soon.
      addDemand(parts.step, frames.preview + frames.step);
      addDemand(parts.closing, frames.closing);
    }
    for (const group of this.#groups.values()) {
      group.stepDemand = group.demand;
    }
    for (const { frames, parts } of this.#profiles.values()) {
      addDemand(parts.preview, frames.preview);
    }
    const largest = this.#buckets.at(-1)!;
    for (const group of this.#groups.values()) {
      const { graph, size, demand } = group;
      const rows = Math.min(Math.max(1, demand), largest);
      group.batchMs = costs.costMs(
        graph,
        size,
        this.#buckets.find((bucket) => bucket >= rows)!,
      );
      group.rowMs = group.batchMs / rows;
      group.soloMs = costs.costMs(graph, size, 1);
      group.known ||= costs.knows(graph);
    }
    for (const profile of this.#profiles.values()) {
      const { costs: cost, parts } = profile;
      refresh(cost.preview, parts.preview);
      refresh(cost.step, parts.step);
      refresh(cost.closing, parts.closing);
      profile.known ||= Object.values(parts).every((each) => each.every(({ group }) => group.known));
    }
  }

  /**
   * Milliseconds in which each group has its turn once, as it is when groups take turns: how long one run of a frame
   * lasts at most, previews apart.
   *
   * @param share of the demand that is under way at a time
   */
  cycleMs(share: number): number {
    const largest = this.#buckets.at(-1)!;
    let sum = 0;
    for (const { batchMs, stepDemand } of this.#groups.values()) {
      sum += batchMs * Math.ceil((share * stepDemand) / largest);
    }
    return sum / (this.#rowsAtOnce / largest);
  }

  /** What these requests need, by group. */
  #partsOf(requests: readonly Evaluations[], size: ImageSize): GroupPart[] {
    const parts = new Map<string, { rows: number; rounds: number; width: number }>();
    for (const request of requests) {
      const counts = new Map<string, number>();
      for (const graph of request) {
        counts.set(graph, (counts.get(graph) ?? 0) + 1);
      }
      for (const [graph, count] of counts) {
        const { rows, rounds, width } = parts.get(graph) ?? { rows: 0, rounds: 0, width: 0 };
        parts.set(graph, {
          rows: rows + count,
          rounds: rounds + Math.ceil(count / this.#rowsAtOnce),
          width: Math.max(width, count),
        });
      }
    }
    return Array.from(parts, ([graph, part]) => ({ ...part, group: this.#groupOf(graph, size) }));
  }

  #groupOf(graph: string, size: ImageSize): WorkGroup {
    const key = groupKey(graph, size);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { graph, size, references: 0, demand: 0, stepDemand: 0, batchMs: 0, rowMs: 0, soloMs: 0, known: false };
      this.#groups.set(key, group);
    }
    group.references += 1;
    return group;
  }
}

function groupKey(graph: string, size: ImageSize): string {
  return `${graph}\n${size.key}`;
}

function noCost(): PartCost {
  return { workMs: 0, sequenceMs: 0, soloMs: 0, rounds: 0 };
}

function addDemand(parts: readonly GroupPart[], frames: number): void {
  for (const { group, width } of parts) {
    group.demand += frames * width;
  }
}

function refresh(cost: PartCost, parts: readonly GroupPart[]): void {
  cost.workMs = 0;
  cost.sequenceMs = 0;
  cost.soloMs = 0;
  cost.rounds = 0;
  for (const { group, rows, rounds } of parts) {
    cost.workMs += rows * group.rowMs;
    cost.sequenceMs += rounds * group.batchMs;
    cost.soloMs += rounds * group.soloMs;
    cost.rounds += rounds;
  }
}
