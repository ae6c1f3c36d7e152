import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createMetricPool } from './metric-pool.js';

const toy = fileURLToPath(new URL('../fixtures/toy-metric', import.meta.url));

describe('createMetricPool', () => {
  it('measures distances and features by the names of the folders', async () => {
    const pool = await createMetricPool([toy], { workers: 1 });
    try {
      expect([pool.distances, pool.featureSets]).toEqual([['toy-metric'], ['toy-metric']]);
      const black = { width: 5, height: 3, data: new Uint8Array(45) };
      const white = { width: 5, height: 3, data: new Uint8Array(45).fill(255) };
      // Mean squared difference of -1 and 1.
      expect(await pool.distance('toy-metric', black, white)).toBeCloseTo(4, 6);
      expect(await pool.distance('toy-metric', white, white)).toBe(0);

      // More patches than one run takes; patch n is n everywhere, so its means are n.
      const size = 3 * 64 * 64;
      const data = Float32Array.from({ length: 70 * size }, (_, i) => Math.floor(i / size));
      const features = await pool.features('toy-metric', { data, dims: [70, 3, 64, 64] });
      expect(features.dims).toEqual([70, 3]);
      for (const patch of [0, 31, 32, 69]) {
        expect(features.data[3 * patch + 1]).toBeCloseTo(patch, 3);
      }
      expect((await pool.features('toy-metric', { data: new Float32Array(0), dims: [0, 3, 64, 64] })).dims).toEqual([
        0, 0,
      ]);

      const wide = { width: 3, height: 5, data: new Uint8Array(45) };
      await expect(pool.distance('toy-metric', black, wide)).rejects.toThrow(/one size, not 5×3 and 3×5/);
      await expect(pool.distance('lpips', black, white)).rejects.toMatchObject({
        code: 'E_FEED',
        remedy: 'there are toy-metric',
      });
      await expect(pool.features('toy-metric', { data: new Float32Array(3), dims: [1, 3, 1, 1] })).rejects.toThrow(
        /patches/,
      );
    } finally {
      await pool.close();
    }
  });

  it('gives the same bytes, however many workers share the work', async () => {
    const pictures = Array.from({ length: 6 }, (_, k) => ({
      width: 40,
      height: 24,
      data: Uint8Array.from({ length: 3 * 40 * 24 }, (__, i) => (i * (7 + k) + k * 31) % 251),
    }));
    const measured = async (workers: number): Promise<number[]> => {
      const pool = await createMetricPool([toy], { workers });
      try {
        return await Promise.all(pictures.map(async (picture) => pool.distance('toy-metric', pictures[0]!, picture)));
      } finally {
        await pool.close();
      }
    };
    expect(await measured(3)).toEqual(await measured(1));
  });

  it('refuses folders without a metric, and two of one name', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'semcast-metric-'));
    await expect(createMetricPool([empty])).rejects.toMatchObject({ code: 'E_BUNDLE_MISSING' });
    rmSync(empty, { recursive: true });
    await expect(createMetricPool([toy, `${toy}/`])).rejects.toThrow(/two metric bundles are named toy-metric/);
  });
});
