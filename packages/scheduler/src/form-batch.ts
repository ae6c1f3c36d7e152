/**
 * How many of the rows that could share a batch do, and the size that the batch is padded to.
 *
 * Either all of them, padded up to the next bucket, or as many as fill the bucket below, while the others wait for the
 * next run: whichever is through sooner. (At 4 + n ms, nine rows go in two runs, of 8 and 1; at 20 + n ms in one of 16.)
 *
 * @param waiting rows, 1 up to the largest bucket
 * @param buckets rising from 1
 * @param costMs of a batch of a bucket's size
 */
export function formBatch(
  waiting: number,
  buckets: readonly number[],
  costMs: (bucket: number) => number,
): { rows: number; bucket: number } {
  const above = buckets.findIndex((bucket) => bucket >= waiting);
  const bucket = buckets[above]!;
  if (bucket === waiting) {
    return { rows: waiting, bucket };
  }
  const below = buckets[above - 1]!;
  const rest = buckets.find((each) => each >= waiting - below)!;
  return costMs(bucket) <= costMs(below) + costMs(rest) ? { rows: waiting, bucket } : { rows: below, bucket: below };
}
