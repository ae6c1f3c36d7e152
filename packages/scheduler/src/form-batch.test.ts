import { describe, expect, it } from 'vitest';
import { formBatch } from './form-batch.js';

const buckets = [1, 2, 4, 8, 16];

describe('formBatch', () => {
  it('fills a bucket exactly when it can', () => {
    for (const waiting of buckets) {
      expect(formBatch(waiting, buckets, (bucket) => 4 + bucket)).toEqual({ rows: waiting, bucket: waiting });
    }
  });

  it('pads where a run costs much and a row little', () => {
    expect(formBatch(3, buckets, (bucket) => 20 + bucket)).toEqual({ rows: 3, bucket: 4 });
    expect(formBatch(9, buckets, (bucket) => 20 + bucket)).toEqual({ rows: 9, bucket: 16 });
  });

  it('splits where padding would cost more than a second run', () => {
    expect(formBatch(3, buckets, (bucket) => 0.5 + bucket)).toEqual({ rows: 2, bucket: 2 });
    expect(formBatch(9, buckets, (bucket) => 4 + bucket)).toEqual({ rows: 8, bucket: 8 });
    expect(formBatch(15, buckets, (bucket) => 4 + bucket)).toEqual({ rows: 15, bucket: 16 });
  });

  it('does not pad while costs are proportional, as they are taken to be before they are measured', () => {
    expect(formBatch(4, [1, 3, 6], (bucket) => bucket)).toEqual({ rows: 3, bucket: 3 });
    expect(formBatch(1, [1], () => 1)).toEqual({ rows: 1, bucket: 1 });
  });
});
