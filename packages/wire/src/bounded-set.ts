/** The latest numbers that were added, at most `capacity` of them: the oldest goes when a new one comes. */
export class BoundedSet {
  readonly #members = new Set<number>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#members.size;
  }

  add(member: number): void {
    // Again at the end, so that what was added last stays longest.
    this.#members.delete(member);
    this.#members.add(member);
    if (this.#members.size > this.#capacity) {
      for (const oldest of this.#members) {
        this.#members.delete(oldest);
        break;
      }
    }
  }

  has(member: number): boolean {
    return this.#members.has(member);
  }

  delete(member: number): void {
    this.#members.delete(member);
  }
}
