import { parseDurationMs } from '../arguments/durations.js';
import { UsageError } from '../errors.js';
import type { FrameCounts, Ledger } from './ledger.js';

/** One thing that a run must keep: `p99=2s`, `preview-p95=300ms`, `drops=1%`. */
export type Slo =
  | {
      readonly kind: 'latency';
      /** As typed. */
      readonly text: string;
      readonly of: 'latencyMs' | 'previewLatencyMs';
      /** 0 … 100; 100 for `max`. */
      readonly percent: number;
      readonly limitMs: number;
    }
  | { readonly kind: 'drops'; readonly text: string; readonly limitShare: number };

/** How a run kept it. */
export interface SloVerdict {
  readonly slo: string;
  /** Milliseconds, or for `drops` a share; null: never, as too few frames were answered, or nothing was sent. */
  readonly value: number | null;
  readonly limit: number;
  readonly met: boolean;
}

const LATENCY = /^(?<preview>preview-)?(?:p(?<percent>\d{1,2}(?:\.\d+)?)|(?<max>max))=(?<limit>.+)$/;
const DROPS = /^drops=(?<percent>\d+\.?\d*|\.\d+)%$/;

/** @throws UsageError */
export function parseSlo(typed: string): Slo {
  const text = typed.trim();
  const drops = DROPS.exec(text)?.groups;
  if (drops !== undefined) {
    return { kind: 'drops', text, limitShare: Number(drops['percent']) / 100 };
  }
  const latency = LATENCY.exec(text)?.groups;
  const limitMs = parseDurationMs(latency?.['limit'] ?? '');
  const percent = latency?.['max'] === undefined ? Number(latency?.['percent']) : 100;
  if (latency === undefined || limitMs === undefined || !(percent > 0)) {
    throw new UsageError(`"${typed}" is no objective`, {
      remedy: 'write p99=2s, max=10s, preview-p95=300ms or drops=1%',
    });
  }
  return {
    kind: 'latency',
    text,
    of: latency['preview'] === undefined ? 'latencyMs' : 'previewLatencyMs',
    percent,
    limitMs,
  };
}

/**
 * Judge a run. A frame without a picture counts as one that never came: dropping whatever would be late keeps no
 * promise about latency.
 */
export function judgeSlo(slo: Slo, { sent, dropped }: FrameCounts, times: Ledger['times']): SloVerdict {
  if (slo.kind === 'drops') {
    const value = sent === 0 ? null : dropped / sent;
    return { slo: slo.text, value, limit: slo.limitShare, met: value !== null && value <= slo.limitShare };
  }
  const value = times[slo.of].percentileOf(slo.percent, sent);
  const met = value !== null && value <= slo.limitMs;
  return { slo: slo.text, value: value === Infinity ? null : value, limit: slo.limitMs, met };
}
