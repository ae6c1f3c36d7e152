import { describe, expect, it } from 'vitest';
import { buckets, mean, quantile, rate } from './promql.js';

describe('queries', () => {
  it('are made of a histogram with a selector', () => {
    expect(rate('x_total')).toBe('sum (rate(x_total[$__rate_interval]))');
    expect(rate('x_total{a="b"}', ['c', 'd'])).toBe('sum by (c, d) (rate(x_total{a="b"}[$__rate_interval]))');
    expect(mean('h{a="b"}')).toBe(
      'sum (rate(h_sum{a="b"}[$__rate_interval])) / sum (rate(h_count{a="b"}[$__rate_interval]))',
    );
    expect(quantile(0.95, 'h', ['d'])).toBe(
      'histogram_quantile(0.95, sum by (le, d) (rate(h_bucket[$__rate_interval])))',
    );
    expect(buckets('h{a="b"}')).toBe('sum by (le) (increase(h_bucket{a="b"}[$__rate_interval]))');
  });
});
