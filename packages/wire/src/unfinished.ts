/**
 * Bytes that have come of messages which aren't complete, of all links of a server together: ws keeps them until the
 * last one is there, and each link alone may have a message of the greatest length under way. Pure.
 */
export class UnfinishedMessages<Link> {
  readonly #maxBytes: number;
  readonly #bytes = new Map<Link, number>();
  #sum = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * So many bytes have come of a link's next message; 0: it is complete, or the link is gone.
   *
   * @returns the link that has most, to be closed, where all together have more than the limit
   */
  set(link: Link, bytes: number): Link | undefined {
    this.#sum += bytes - (this.#bytes.get(link) ?? 0);
    if (bytes === 0) {
      this.#bytes.delete(link);
    } else {
      this.#bytes.set(link, bytes);
    }
    if (this.#sum <= this.#maxBytes) {
      return undefined;
    }
    let most = link;
    for (const [other, its] of this.#bytes) {
      if (its > this.#bytes.get(most)!) {
        most = other;
      }
    }
    return most;
  }
}
