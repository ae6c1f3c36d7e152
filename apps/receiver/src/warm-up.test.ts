import type { BundleManifest } from '@semcast/bundle';
import { describe, expect, it } from 'vitest';
import type { BatchNetworks } from './networks/batch-networks.js';
import { warmUp } from './warm-up.js';

const manifest = { stride: 24, latentChannels: 4, csnrDb: { min: 0, max: 20 } } as BundleManifest;

function start(budgetMs: number, passes = 1) {
  const runs: string[] = [];
  const observed: unknown[][] = [];
  const networks: BatchNetworks = {
    run: async (rows, bucket) => {
      runs.push(`${rows[0]!.graph} ${bucket}`);
      return [];
    },
  };
  const done = warmUp(networks, manifest, {
    graphs: ['decoder', 'posteriorStep'],
    buckets: [1, 2],
    passes,
    budgetMs,
    observe: (...each) => observed.push(each),
  });
  return { runs, observed, done };
}

describe('warmUp', () => {
  it('runs each graph at each batch size, on pictures that suit the stride, and tells what it took', async () => {
    const { runs, observed, done } = start(Infinity, 2);
    await done;
    const once = ['decoder 1', 'decoder 2', 'posteriorStep 1', 'posteriorStep 2'];
    expect(runs).toEqual(once.flatMap((each) => [each, each]));
    const size = { key: '264x264', pixels: 264 * 264 };
    expect(observed.map((each) => each.slice(0, 3))).toEqual([
      ['decoder', size, 1],
      ['decoder', size, 2],
      ['posteriorStep', size, 1],
      ['posteriorStep', size, 2],
    ]);
    expect(observed.every(([, , , elapsedMs]) => (elapsedMs as number) >= 0)).toBe(true);
  });

  it('begins nothing more when its time is up', async () => {
    const { runs, observed, done } = start(-1);
    await done;
    expect([runs, observed]).toEqual([[], []]);
  });
});
