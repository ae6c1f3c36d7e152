import { describe, expect, it } from 'vitest';
import { SchedulerOptionsError } from './errors.js';
import { parseSchedulerOptions, type SchedulerOptionsInput } from './options.js';

describe('parseSchedulerOptions', () => {
  it('has defaults for one CPU worker', () => {
    expect(parseSchedulerOptions({})).toEqual({
      workers: 1,
      buckets: [1],
      maxFrames: 64,
      maxPixels: Number.POSITIVE_INFINITY,
      maxBacklogMs: 60_000,
      targetWaitMs: 60_000,
      previewBurst: 4,
      safety: 1.1,
      initialCostMs: 50,
    });
  });

  it.each<[string, SchedulerOptionsInput]>([
    ['buckets', { buckets: [2, 4] }],
    ['buckets', { buckets: [1, 4, 4] }],
    ['workers', { workers: 0 }],
    ['maxFrames', { maxFrames: 0 }],
    ['safety', { safety: 0.9 }],
    ['wrokers', { wrokers: 2 } as SchedulerOptionsInput],
  ])('names %s when it is wrong', (key, input) => {
    expect(() => parseSchedulerOptions(input)).toThrow(SchedulerOptionsError);
    expect(() => parseSchedulerOptions(input)).toThrow(key);
  });
});
