import { describe, expect, it } from 'vitest';
import { Latencies } from './latencies.js';

function of(...times: number[]): Latencies {
  const latencies = new Latencies();
  for (const ms of times) {
    latencies.record(ms);
  }
  return latencies;
}

describe('latencies', () => {
  it('gives percentiles to three digits', () => {
    const { count, mean, p50, p90, p95, p99, max } = of(...Array.from({ length: 1000 }, (_, i) => i + 1)).summary();
    expect([count, mean, max]).toEqual([1000, 500.5, 1000]);
    for (const [value, expected] of [
      [p50, 500],
      [p90, 900],
      [p95, 950],
      [p99, 990],
    ] as const) {
      expect(Math.abs(value! / expected - 1)).toBeLessThan(1e-3);
    }
  });

  it('of nothing gives nothing', () => {
    const none = { count: 0, mean: null, p50: null, p90: null, p95: null, p99: null, max: null };
    expect(new Latencies().summary()).toEqual(none);
    expect(new Latencies().percentileOf(50, 0)).toBeNull();
  });

  it('counts frames without an answer as never answered', () => {
    const half = of(...Array.from({ length: 50 }, (_, i) => 10 * (i + 1)));
    // 50 answers to 100 frames: the median is the slowest answer, and the 51st of a hundred never came.
    expect(half.percentileOf(25, 100)).toBeCloseTo(250, 0);
    expect(half.percentileOf(50, 100)).toBeCloseTo(500, 0);
    expect(half.percentileOf(51, 100)).toBe(Infinity);
    expect(of().percentileOf(1, 3)).toBe(Infinity);
    expect(half.percentileOf(99, 50)).toBe(half.percentile(99));
  });

  it('takes any time, and grows by none', () => {
    const latencies = new Latencies({ digits: 2 });
    const { bytes } = latencies;
    latencies.record(-1);
    for (let i = 0; i < 20_000; i++) {
      latencies.record(1.37 ** (i % 60));
    }
    latencies.record(1e12);
    expect(latencies.summary().max).toBe(36_000_000);
    expect(latencies.bytes).toBe(bytes);
    expect(bytes).toBeLessThan(16_000);
    expect(new Latencies().bytes).toBeLessThan(100_000);
  });
});
