/** How long to wait between attempts to connect. */
export interface BackoffOptions {
  /** Milliseconds before the second attempt; 200 by default. */
  readonly initialMs?: number;
  /** The longest wait in milliseconds; 5,000 by default. */
  readonly maxMs?: number;
  /** By how much each wait is longer than the one before; 2 by default. */
  readonly factor?: number;
  /** The share of a wait that is random, from 0 to 1, so that many clients don't come back at once; 0.5 by default. */
  readonly jitter?: number;
  /** Attempts in a row without a welcome before giving up; unlimited by default. */
  readonly maxAttempts?: number;
  /**
   * Links in a row that may end because of a broken message or broken framing, with no frame's outcome between them,
   * before giving up; 8 by default. One changed bit is a fault of the network; the same fault again and again is not.
   */
  readonly maxBroken?: number;
  /** Uniform numbers on [0, 1) for the jitter; Math.random by default. */
  readonly random?: () => number;
}

/**
 * Milliseconds to wait after the `failures`-th failure in a row (1, 2, …):
 * d·(1 - jitter·u), d = min(initial·factor^(failures-1), max), u uniform on [0, 1).
 */
export function backoffDelayMs(failures: number, options: BackoffOptions = {}): number {
  const { initialMs = 200, maxMs = 5000, factor = 2, jitter = 0.5, random = Math.random } = options;
  const full = Math.min(initialMs * factor ** Math.max(0, failures - 1), maxMs);
  return full * (1 - jitter * random());
}
