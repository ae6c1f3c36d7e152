import { describe, expect, it } from 'vitest';
import { metricsIn } from './support/queries.js';

describe('metricsIn', () => {
  it.each([
    ['up', ['up']],
    ['sum by (job, instance) (rate(a_total[5m])) / on (job) group_left (x) b', ['a_total', 'b']],
    ['sum(a) by (job) > bool 3', ['a']],
    ['a:b:c offset 5m or vector(0)', ['a:b:c']],
    ['histogram_quantile(0.9, sum by (le) (rate(h_bucket[1m:30s])))', ['h_bucket']],
    [`label_replace(a, "x", "b", "y", "(c)") unless ignoring (d) e{f="g h"}`, ['a', 'e']],
    ['min_over_time(q[5m]) > 1e3 and time() - start > Inf', ['q', 'start']],
    ['a # b\n+ c', ['a', 'c']],
  ])('%s', (expr, expected) => {
    expect(metricsIn(expr).map(({ metric }) => metric)).toEqual(expected);
  });

  it('tells the labels that a metric is selected by', () => {
    expect(metricsIn(`rate(a{b="c,d",e=~"f|g",h!~'i'}[5m]) + k{} + by_l{m!="n"}`)).toEqual([
      { metric: 'a', labels: ['b', 'e', 'h'] },
      { metric: 'k', labels: [] },
      { metric: 'by_l', labels: ['m'] },
    ]);
  });
});
