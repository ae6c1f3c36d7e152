/**
 * Items of many streams, taken in turns: one of each stream that has any, then the next of each.
 *
 * A stream that sends a hundred frames at once delays another stream's single frame by one frame, not by a hundred.
 * Within a stream the order is that of arrival.
 */
export class FairQueue<Item> {
  /** Streams with items, the one whose turn is next first. */
  readonly #lines = new Map<string, Item[]>();
  #size = 0;

  /** Items that wait. */
  get size(): number {
    return this.#size;
  }

  push(stream: string, item: Item): void {
    const line = this.#lines.get(stream);
    if (line === undefined) {
      this.#lines.set(stream, [item]);
    } else {
      line.push(item);
    }
    this.#size += 1;
  }

  /** The item whose turn it is, left where it is; undefined when none waits. */
  peek(): Item | undefined {
    const [first] = this.#lines.values();
    return first?.[0];
  }

  /** The item whose turn it is; undefined when none waits. */
  shift(): Item | undefined {
    const [first] = this.#lines;
    if (first === undefined) {
      return undefined;
    }
    const [stream, line] = first;
    const item = line.shift();
    // To the end of the round, or out of it.
    this.#lines.delete(stream);
    if (line.length > 0) {
      this.#lines.set(stream, line);
    }
    this.#size -= 1;
    return item;
  }

  /** Take an item out wherever it stands. @returns whether it was there */
  remove(stream: string, item: Item): boolean {
    const line = this.#lines.get(stream);
    const index = line?.indexOf(item) ?? -1;
    if (line === undefined || index < 0) {
      return false;
    }
    line.splice(index, 1);
    if (line.length === 0) {
      this.#lines.delete(stream);
    }
    this.#size -= 1;
    return true;
  }
}
