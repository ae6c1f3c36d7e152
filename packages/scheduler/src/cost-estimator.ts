import type { ImageSize } from './frame.js';

/** Weight of the newest measurement once there are enough of them. */
const NEWEST_WEIGHT = 0.2;
/** A measurement counts as at most this multiple of the mean so far: one hiccup isn't a trend, a few are. */
const MOST_SURPRISE = 3;
/** Combinations of graph, size and batch that are remembered; the one not measured for longest is forgotten. */
const MAX_ENTRIES = 1024;
const GUESS_PIXELS = 256 * 256;

interface Entry {
  readonly graph: string;
  readonly size: ImageSize;
  readonly rows: number;
  meanMs: number;
  count: number;
}

/**
 * Estimates the cost of a run by (graph, image size, rows of the batch) from completed jobs.
 *
 * The mean of the first five, then exponentially weighted: m ← m + w·(min(x, 3m) - m), w = max(1/count, 0.2).
 *
 * Costs that haven't been measured are estimated from those that have: other batches of the same graph and size (on the
 * line through the two nearest, or in proportion to the only one), then another size of the same graph (in proportion
 * to pixels), then a constant a pixel.
 */
export class CostEstimator {
  readonly #initialCostMs: number;
  /** The entry measured last stands last. */
  readonly #entries = new Map<string, Entry>();

  constructor({ initialCostMs }: { readonly initialCostMs: number }) {
    this.#initialCostMs = initialCostMs;
  }

  /** Combinations remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** A run of `rows` rows (padding included) took so long. */
  observe(graph: string, size: ImageSize, rows: number, elapsedMs: number): void {
    if (!(elapsedMs >= 0 && elapsedMs < Infinity)) {
      return;
    }
    const key = keyOf(graph, size, rows);
    const entry = this.#entries.get(key) ?? { graph, size, rows, meanMs: 0, count: 0 };
    entry.count += 1;
    const surprise = entry.count === 1 ? elapsedMs : Math.min(elapsedMs, MOST_SURPRISE * entry.meanMs);
    entry.meanMs += Math.max(1 / entry.count, NEWEST_WEIGHT) * (surprise - entry.meanMs);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > MAX_ENTRIES) {
      this.#entries.delete(this.#entries.keys().next().value!);
    }
  }

  /** Whether any run of this graph has been measured, at whatever size. */
  knows(graph: string): boolean {
    for (const entry of this.#entries.values()) {
      if (entry.graph === graph) {
        return true;
      }
    }
    return false;
  }

  /** Milliseconds that a run of `rows` rows takes; always above 0. */
  costMs(graph: string, size: ImageSize, rows: number): number {
    const exact = this.#entries.get(keyOf(graph, size, rows));
    const ms = exact?.meanMs ?? this.#fromOtherRows(graph, size, rows) ?? this.#fromOtherSizes(graph, size, rows);
    return Math.max(ms, 1e-6);
  }

  #fromOtherRows(graph: string, size: ImageSize, rows: number): number | undefined {
    // The two nearest, above and below as far as there are such.
    const known = [...this.#entries.values()]
      .filter((entry) => entry.graph === graph && entry.size.key === size.key)
      .sort((a, b) => a.rows - b.rows);
    const above = known.findIndex((entry) => entry.rows > rows);
    const to = above < 0 ? known.length - 1 : Math.max(above, Math.min(1, known.length - 1));
    const [high, low] = [known[to], known[to - 1]];
    if (high === undefined) {
      return undefined;
    }
    const proportionalMs = (high.meanMs * rows) / high.rows;
    if (low === undefined) {
      return proportionalMs;
    }
    const slope = (high.meanMs - low.meanMs) / (high.rows - low.rows);
    const linearMs = high.meanMs + slope * (rows - high.rows);
    // Neither does a larger batch cost less, nor a row of it more.
    return rows > high.rows ? Math.min(Math.max(linearMs, high.meanMs), proportionalMs) : Math.max(linearMs, 0);
  }

  #fromOtherSizes(graph: string, size: ImageSize, rows: number): number {
    let nearest: Entry | undefined;
    let nearestDistance = Infinity;
    for (const entry of this.#entries.values()) {
      if (entry.graph === graph) {
        const distance = Math.abs(Math.log((entry.size.pixels * entry.rows) / (size.pixels * rows)));
        if (distance < nearestDistance) {
          nearestDistance = distance;
          nearest = entry;
        }
      }
    }
    const [knownMs, knownPixels] =
      nearest === undefined
        ? [this.#initialCostMs, GUESS_PIXELS]
        : [nearest.meanMs, nearest.size.pixels * nearest.rows];
    return (knownMs * size.pixels * rows) / knownPixels;
  }
}

function keyOf(graph: string, size: ImageSize, rows: number): string {
  return `${graph}\n${size.key}\n${rows}`;
}
