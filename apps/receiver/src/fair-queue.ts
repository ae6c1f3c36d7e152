/** The items of each stream of one client that has any, the stream whose turn is next first. */
type Lines<Item> = Map<string, Item[]>;

/**
 * Items of many streams, taken in turns: one of each client that has any, then the next of each; and of the streams of
 * one client in the same way.
 *
 * A stream that sends a hundred frames at once delays another stream's single frame by one frame, not by a hundred; and
 * so does a client with a hundred streams delay another's. Within a stream the order is that of arrival.
 */
export class FairQueue<Item> {
  /** Clients with items, the one whose turn is next first. */
  readonly #clients = new Map<string, Lines<Item>>();
  #size = 0;

  /** Items that wait. */
  get size(): number {
    return this.#size;
  }

  /** @param client whose stream it is; a stream is a client of its own unless told */
  push(stream: string, item: Item, client: string = stream): void {
    const lines = this.#clients.get(client) ?? new Map<string, Item[]>();
    const line = lines.get(stream) ?? [];
    line.push(item);
    lines.set(stream, line);
    this.#clients.set(client, lines);
    this.#size += 1;
  }

  /** The item whose turn it is, left where it is; undefined when none waits. */
  peek(): Item | undefined {
    const [lines] = this.#clients.values();
    const [line] = lines?.values() ?? [];
    return line?.[0];
  }

  /** The item whose turn it is; undefined when none waits. */
  shift(): Item | undefined {
    const [next] = this.#clients;
    if (next === undefined) {
      return undefined;
    }
    const [client, lines] = next;
    const [stream, line] = lines.entries().next().value!;
    const item = line.shift();
    // To the end of the round, or out of it.
    lines.delete(stream);
    if (line.length > 0) {
      lines.set(stream, line);
    }
    this.#clients.delete(client);
    if (lines.size > 0) {
      this.#clients.set(client, lines);
    }
    this.#size -= 1;
    return item;
  }

  /** Take an item out wherever it stands. @returns whether it was there */
  remove(stream: string, item: Item, client: string = stream): boolean {
    const lines = this.#clients.get(client);
    const line = lines?.get(stream);
    const index = line?.indexOf(item) ?? -1;
    if (lines === undefined || line === undefined || index < 0) {
      return false;
    }
    line.splice(index, 1);
    if (line.length === 0) {
      lines.delete(stream);
    }
    if (lines.size === 0) {
      this.#clients.delete(client);
    }
    this.#size -= 1;
    return true;
  }
}
