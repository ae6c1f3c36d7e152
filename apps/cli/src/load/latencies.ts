import { build, type Histogram } from 'hdr-histogram-js';

/** Figures of a distribution of times in a report; all null without any time. */
export interface LatencySummary {
  readonly count: number;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Resolution of the histograms. */
const UNITS_PER_MS = 10;
/** Ten hours; beyond, a time counts as this long. */
const MAX_MS = 36_000_000;

/**
 * Times in milliseconds in a high dynamic range histogram: its memory is fixed from the start (some 80 kB at three
 * digits, 13 kB at two), however many times are recorded, and any percentile is within `digits` significant digits.
 */
export class Latencies {
  readonly #histogram: Histogram;
  #max = 0;
  #sum = 0;

  constructor({ digits = 3 }: { readonly digits?: 2 | 3 } = {}) {
    this.#histogram = build({
      bitBucketSize: 32,
      autoResize: false,
      lowestDiscernibleValue: 1,
      highestTrackableValue: MAX_MS * UNITS_PER_MS,
      numberOfSignificantValueDigits: digits,
    });
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Bytes that the histogram takes, now and ever. */
  get bytes(): number {
    return this.#histogram.estimatedFootprintInBytes;
  }

  record(ms: number): void {
    const bounded = Math.min(Math.max(ms, 0), MAX_MS);
    this.#histogram.recordValue(Math.round(bounded * UNITS_PER_MS));
    this.#max = Math.max(this.#max, bounded);
    this.#sum += bounded;
  }

  /**
   * The time within which `percent` of the times were; null of nothing.
   *
   * @param percent 0 … 100
   */
  percentile(percent: number): number | null {
    return this.count === 0
      ? null
      : rounded(Math.min(this.#histogram.getValueAtPercentile(percent) / UNITS_PER_MS, this.#max));
  }

  /**
   * The time within which `percent` of `total` frames were answered, where those without an answer count as never:
   * Infinity when fewer than that were answered at all; null when there were none to answer.
   */
  percentileOf(percent: number, total: number): number | null {
    if (total === 0) {
      return null;
    }
    const rank = (percent / 100) * total;
    return rank > this.count ? Infinity : this.percentile((100 * rank) / this.count);
  }

  summary(): LatencySummary {
    const empty = this.count === 0;
    return {
      count: this.count,
      mean: empty ? null : rounded(this.#sum / this.count),
      p50: this.percentile(50),
      p90: this.percentile(90),
      p95: this.percentile(95),
      p99: this.percentile(99),
      max: empty ? null : rounded(this.#max),
    };
  }
}

const rounded = (ms: number): number => Math.round(ms * UNITS_PER_MS) / UNITS_PER_MS;
