import { deepEqual } from 'node:assert/strict';
import {
  array,
  assert,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  option,
  property,
  record,
  tuple,
  type Arbitrary,
} from 'fast-check';
import { describe, it } from 'vitest';
import { Comparison, type Operation } from '../test/comparison.js';
import type { SchedulerOptionsInput } from './options.js';

const ms = integer({ min: 0, max: 60 });
const which = nat(100);
const stream = nat(4);
const anyOperation: Arbitrary<Operation> = oneof(
  {
    weight: 15,
    arbitrary: record({
      do: constant('admit' as const),
      stream,
      kind: nat(3),
      steps: tuple(nat(6), nat(6)),
      leftMs: option(integer({ min: 0, max: 3000 }), { nil: undefined }),
    }),
  },
  { weight: 18, arbitrary: record({ do: constant('plan' as const), ms }) },
  { weight: 3, arbitrary: record({ do: constant('wait' as const), ms }) },
  { weight: 24, arbitrary: record({ do: constant('complete' as const), which, ms }) },
  { weight: 3, arbitrary: record({ do: constant('fail' as const), which, ms }) },
  { weight: 3, arbitrary: record({ do: constant('cancel' as const), which, ms }) },
  { weight: 1, arbitrary: record({ do: constant('cancelStream' as const), stream }) },
);
const anyOptions: Arbitrary<SchedulerOptionsInput> = record({
  workers: integer({ min: 1, max: 3 }),
  buckets: constantFrom([1], [1, 2, 4, 8, 16], [1, 3]),
  maxFrames: integer({ min: 1, max: 12 }),
  maxBacklogMs: constantFrom(500, 60_000),
  previewBurst: integer({ min: 1, max: 3 }),
  // One large frame alone, one large and one small, or no limit.
  maxPixels: constantFrom(200_000, 330_000, undefined),
});

describe('a runner that does what it is told', () => {
  it('sees every frame end once, nothing run twice, no limit passed, and no worker idle beside work', () => {
    assert(
      property(anyOptions, array(anyOperation, { maxLength: 120, size: 'max' }), (options, operations) => {
        const comparison = new Comparison(options);
        for (const operation of operations) {
          comparison.apply(operation);
        }
        comparison.drain();
      }),
      { numRuns: 300 },
    );
  });

  it('is told the same when the same happens', () => {
    assert(
      property(anyOptions, array(anyOperation, { maxLength: 60, size: 'max' }), (options, operations) => {
        const logs = [0, 1].map(() => {
          const comparison = new Comparison(options);
          for (const operation of operations) {
            comparison.apply(operation);
          }
          return comparison.log;
        });
        deepEqual(logs[0], logs[1]);
      }),
      { numRuns: 15 },
    );
  });
});
