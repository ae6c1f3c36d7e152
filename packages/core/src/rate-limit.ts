/** Owners beyond this number, the longest unheard of first, begin anew. */
const MAX_OWNERS = 4096;

export interface RateLimitOptions {
  /** How many an owner may have a second, in the long run. */
  readonly perSecond: number;
  /** How many at once, after a pause. */
  readonly burst: number;
}

/** Wrong tokens of an address, before none of its is looked at: ten, then ten a minute. */
export const WRONG_TOKENS: RateLimitOptions = { perSecond: 10 / 60, burst: 10 };

/**
 * A token bucket for each owner, an address mostly. Pure: the clock is an argument, in milliseconds, and never goes back.
 */
export class RateLimit {
  readonly #options: RateLimitOptions;
  /** What each had left, and when; the longest unheard of first. */
  readonly #buckets = new Map<string, { readonly left: number; readonly atMs: number }>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** Whether the owner has one left, which is taken. */
  admit(owner: string, nowMs: number): boolean {
    const left = this.#left(owner, nowMs);
    const admitted = left >= 1;
    this.#buckets.delete(owner);
    this.#buckets.set(owner, { left: admitted ? left - 1 : left, atMs: nowMs });
    if (this.#buckets.size > MAX_OWNERS) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest!);
    }
    return admitted;
  }

  /** Whether the owner has none left. */
  isSpent(owner: string, nowMs: number): boolean {
    return this.#left(owner, nowMs) < 1;
  }

  #left(owner: string, nowMs: number): number {
    const { perSecond, burst } = this.#options;
    const { left, atMs } = this.#buckets.get(owner) ?? { left: burst, atMs: nowMs };
    return Math.min(burst, left + (perSecond * (nowMs - atMs)) / 1000);
  }
}

/**
 * Whose an address is: an IPv4 address itself, of IPv6 the first 64 bits, as one customer has at least as many.
 */
export function addressOwner(address: string | undefined): string {
  const plain = (address ?? 'unknown').replace(/^::ffff:(?=\d+\.)/i, '');
  if (!plain.includes(':')) {
    return plain;
  }
  const [head = '', tail] = plain.split('%', 1)[0]!.split('::');
  const groups = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? 0 : tail.split(':').length;
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - groups.length - behind }, () => '0');
  return [...groups, ...zeros, ...(tail ?? '').split(':')].slice(0, 4).join(':');
}
