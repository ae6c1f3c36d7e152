import { UsageError } from '../errors.js';
import type { ValueParser } from './values.js';

const UNIT_MS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 } as const;

/** A duration with its unit, `500ms`, `2s`, `1.5min`, `1h`; milliseconds, or undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  const [, digits, unit] = /^(\d+\.?\d*|\.\d+)(ms|s|min|h)$/.exec(text.trim()) ?? [];
  return digits === undefined ? undefined : Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

const MAX_MS = 86_400_000;

/** A duration of at least `minMs` and at most a day, in milliseconds; a number without a unit counts seconds. */
export function duration({ minMs = 0 }: { readonly minMs?: number } = {}): ValueParser<number> {
  return (typed) => {
    const ms = parseDurationMs(typed) ?? parseDurationMs(`${typed.trim()}s`);
    if (ms === undefined) {
      throw new UsageError(`"${typed}" is no duration`, {
        remedy: 'write seconds as 2 or 0.5, or 500ms, 2s, 1min, 1h',
      });
    }
    if (ms < minMs || ms > MAX_MS) {
      throw new UsageError(`${typed} is outside ${minMs / 1000} … ${MAX_MS / 1000} s`, {
        remedy: 'give a value from that range',
      });
    }
    return ms;
  };
}
