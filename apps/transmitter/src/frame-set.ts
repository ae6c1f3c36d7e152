/** A range of frame numbers, both ends included. */
export type FrameRange = readonly [first: number, last: number];

/**
 * A set of frame numbers that costs memory only for its holes: frames end nearly in order, so a stream of a million
 * finished frames is a range or two.
 */
export class FrameSet {
  /** Disjoint, ascending, never touching. */
  readonly #ranges: [number, number][] = [];

  constructor(ranges: Iterable<FrameRange> = []) {
    for (const [first, last] of ranges) {
      this.#addRange(first, last);
    }
  }

  get ranges(): readonly FrameRange[] {
    return this.#ranges;
  }

  /** How many frames the set holds. */
  get size(): number {
    return this.#ranges.reduce((size, [first, last]) => size + last - first + 1, 0);
  }

  /** The largest frame number of the set; -1 for none. */
  get last(): number {
    return this.#ranges.at(-1)?.[1] ?? -1;
  }

  /** Add a frame; false when it was there already. */
  add(frame: number): boolean {
    if (this.has(frame)) {
      return false;
    }
    this.#addRange(frame, frame);
    return true;
  }

  has(frame: number): boolean {
    const range = this.#ranges[this.#firstEndingFrom(frame)];
    return range !== undefined && range[0] <= frame;
  }

  /** The smallest frame number ≥ `from` that isn't in the set. */
  firstMissing(from: number): number {
    const range = this.#ranges[this.#firstEndingFrom(from)];
    return range !== undefined && range[0] <= from ? range[1] + 1 : from;
  }

  /** Index of the first range whose last frame is ≥ `frame`. */
  #firstEndingFrom(frame: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]![1] < frame) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  #addRange(first: number, last: number): void {
    // Every range that overlaps or touches [first, last] is swallowed by the new one.
    const begin = this.#firstEndingFrom(first - 1);
    let end = begin;
    let merged: [number, number] = [first, last];
    while (end < this.#ranges.length && this.#ranges[end]![0] <= last + 1) {
      merged = [Math.min(merged[0], this.#ranges[end]![0]), Math.max(merged[1], this.#ranges[end]![1])];
      end++;
    }
    this.#ranges.splice(begin, end - begin, merged);
  }
}
