import { describe, expect, it } from 'vitest';
import { CostEstimator } from './cost-estimator.js';

const small = { key: '256x256', pixels: 256 * 256 };
const large = { key: '512x512', pixels: 512 * 512 };

describe('CostEstimator', () => {
  it('guesses by pixels and rows until it knows better', () => {
    const costs = new CostEstimator({ initialCostMs: 10 });
    expect(costs.knows('denoiser')).toBe(false);
    expect(costs.costMs('denoiser', small, 1)).toBe(10);
    expect(costs.costMs('denoiser', large, 2)).toBe(80);
  });

  it('takes the mean of the first runs, and follows a change in a few more', () => {
    const costs = new CostEstimator({ initialCostMs: 10 });
    for (const ms of [30, 50, 40]) {
      costs.observe('denoiser', small, 1, ms);
    }
    expect(costs.costMs('denoiser', small, 1)).toBeCloseTo(40);
    for (let i = 0; i < 20; i++) {
      costs.observe('denoiser', small, 1, 80);
    }
    expect(costs.costMs('denoiser', small, 1)).toBeGreaterThan(78);
  });

  it('is not carried away by one slow run', () => {
    const costs = new CostEstimator({ initialCostMs: 10 });
    for (let i = 0; i < 10; i++) {
      costs.observe('denoiser', small, 1, 40);
    }
    costs.observe('denoiser', small, 1, 4000);
    expect(costs.costMs('denoiser', small, 1)).toBeCloseTo(40 + 0.2 * (120 - 40));
  });

  it('guesses batches in proportion to one, and on the line through two', () => {
    const costs = new CostEstimator({ initialCostMs: 10 });
    costs.observe('denoiser', small, 4, 20);
    expect([1, 2, 8, 16].map((rows) => costs.costMs('denoiser', small, rows))).toEqual([5, 10, 40, 80]);
    costs.observe('denoiser', small, 8, 32);
    expect([1, 2, 6, 16].map((rows) => costs.costMs('denoiser', small, rows))).toEqual([11, 14, 26, 56]);
  });

  it('takes a larger batch to cost no less, and no more a row', () => {
    const costs = new CostEstimator({ initialCostMs: 10 });
    costs.observe('falls', small, 1, 20);
    costs.observe('falls', small, 2, 18);
    expect(costs.costMs('falls', small, 4)).toBe(18);
    costs.observe('soars', small, 1, 10);
    costs.observe('soars', small, 2, 60);
    expect(costs.costMs('soars', small, 4)).toBe(120);
  });

  it('guesses a new size from the nearest one of the same graph, never from another graph', () => {
    const costs = new CostEstimator({ initialCostMs: 10 });
    costs.observe('denoiser', small, 1, 40);
    costs.observe('decoder', large, 1, 3);
    expect(costs.costMs('denoiser', large, 1)).toBe(160);
    expect(costs.costMs('encoder', small, 1)).toBe(10);
  });

  it('ignores what is no time', () => {
    const costs = new CostEstimator({ initialCostMs: 10 });
    for (const ms of [Number.NaN, -1, Infinity]) {
      costs.observe('denoiser', small, 1, ms);
    }
    expect(costs.knows('denoiser')).toBe(false);
    costs.observe('denoiser', small, 1, 0);
    expect(costs.costMs('denoiser', small, 1)).toBeGreaterThan(0);
  });

  it('forgets what was not measured for longest, beyond 1,024 combinations', () => {
    const costs = new CostEstimator({ initialCostMs: 10 });
    costs.observe('kept', small, 1, 7);
    costs.observe('forgotten', small, 1, 7);
    for (let i = 0; i < 1023; i++) {
      costs.observe('kept', small, 1, 7);
      costs.observe(`graph-${i}`, small, 1, 7);
    }
    expect(costs.size).toBe(1024);
    expect(costs.knows('kept')).toBe(true);
    expect(costs.knows('forgotten')).toBe(false);
  });
});
