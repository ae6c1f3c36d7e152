/**
 * A limited number of places, for those of whom nothing is known but where they come from. A newcomer always gets
 * one: where there is none left, the longest holder gives its own up, of the newcomer's owner when that has as many as
 * it may or at least as many as anybody else, otherwise of the owner that has the most. So nobody can keep others out
 * by holding places.
 */
export class Places<Holder> {
  readonly #max: number;
  readonly #maxPerOwner: number;
  /** The holders of each owner, oldest first. */
  readonly #held = new Map<string, Set<Holder>>();
  readonly #owners = new Map<Holder, string>();

  constructor({ max, maxPerOwner = max }: { readonly max: number; readonly maxPerOwner?: number }) {
    this.#max = max;
    this.#maxPerOwner = maxPerOwner;
  }

  has(holder: Holder): boolean {
    return this.#owners.has(holder);
  }

  /** @returns who has lost its place for it, if somebody has */
  add(holder: Holder, owner: string): Holder | undefined {
    const loser = this.#loserFor(owner);
    if (loser !== undefined) {
      this.delete(loser);
    }
    const own = this.#held.get(owner) ?? new Set();
    this.#held.set(owner, own.add(holder));
    this.#owners.set(holder, owner);
    return loser;
  }

  delete(holder: Holder): void {
    const owner = this.#owners.get(holder);
    if (owner === undefined) {
      return;
    }
    this.#owners.delete(holder);
    const held = this.#held.get(owner)!;
    held.delete(holder);
    if (held.size === 0) {
      this.#held.delete(owner);
    }
  }

  #loserFor(owner: string): Holder | undefined {
    const own = this.#held.get(owner) ?? new Set();
    if (own.size < this.#maxPerOwner && this.#owners.size < this.#max) {
      return undefined;
    }
    let most = own;
    if (own.size < this.#maxPerOwner) {
      for (const held of this.#held.values()) {
        if (held.size > most.size) {
          most = held;
        }
      }
    }
    const [oldest] = most;
    return oldest;
  }
}
