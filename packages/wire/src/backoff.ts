/** How long to wait between attempts to connect. */
export interface BackoffOptions {
  /** Milliseconds before the second attempt; 200 by default. Each wait is twice the one before. */
  readonly initialMs?: number;
  /** The longest wait in milliseconds; 5,000 by default. */
  readonly maxMs?: number;
}

/** The share of a wait that is random, so that many clients don't come back at once. */
const JITTER = 0.5;

/**
 * Milliseconds to wait after the `failures`-th failure in a row (1, 2, …):
 * d·(1 - u/2), d = min(initial·2^(failures-1), max), u uniform on [0, 1).
 */
export function backoffDelayMs(
  failures: number,
  { initialMs = 200, maxMs = 5000 }: BackoffOptions = {},
  random: () => number = Math.random,
): number {
  return Math.min(initialMs * 2 ** Math.max(0, failures - 1), maxMs) * (1 - JITTER * random());
}
