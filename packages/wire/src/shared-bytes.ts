/**
 * Bytes that several owners have, with a limit on their sum: incomplete messages of all links of a server (ws keeps
 * them until the last byte is there), what their peers haven't read, outcomes that wait for their streams. Each owner
 * alone may have as much as its own limit lets it. Pure.
 */
export class SharedBytes<Owner> {
  readonly maxBytes: number;
  readonly #bytes = new Map<Owner, number>();
  #sum = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Whether so many bytes more are within the limit. */
  hasRoom(bytes: number): boolean {
    return this.#sum + bytes <= this.maxBytes;
  }

  /**
   * An owner has so many bytes now; 0: none, or it is gone.
   *
   * @returns the owner that has most, to give some up, where all together have more than the limit
   */
  set(owner: Owner, bytes: number): Owner | undefined {
    this.#sum += bytes - (this.#bytes.get(owner) ?? 0);
    if (bytes === 0) {
      this.#bytes.delete(owner);
    } else {
      this.#bytes.set(owner, bytes);
    }
    if (this.#sum <= this.maxBytes) {
      return undefined;
    }
    let most: Owner | undefined;
    for (const [other, its] of this.#bytes) {
      if (most === undefined || its > this.#bytes.get(most)!) {
        most = other;
      }
    }
    return most;
  }
}
