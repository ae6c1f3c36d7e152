import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { randomFor, type RgbImage } from '@semcast/core';
import { measureQuality } from '@semcast/quality';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { QualityWorkerError } from './errors.js';
import { QualityPool, type QualityPoolOptions } from './quality-pool.js';

let pool: QualityPool | undefined;
afterEach(() => pool?.close());

function createPool(options: Partial<QualityPoolOptions> = {}): QualityPool {
  pool = new QualityPool({ workers: 1, maxQueue: 8, onWarning: () => {}, ...options });
  return pool;
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'quality-pool-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

async function moduleOf(name: string, source: string): Promise<URL> {
  const file = join(dir, `${name}.mjs`);
  await writeFile(file, source);
  return pathToFileURL(file);
}

function noise(frame: number, width = 190, height = 180): RgbImage {
  const random = randomFor({ seed: 1, stream: 'quality', frame, purpose: 'picture' });
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, () => random.uint32() & 0xff) };
}

describe('QualityPool', () => {
  it('gives the figures of packages/quality, bit for bit, and the pictures back', async () => {
    const [original, decoded] = [noise(0), noise(1)];
    const expected = measureQuality(original, decoded);
    expect(expected.msSsim).not.toBeNull();
    const comparison = await createPool().measure(original, decoded);
    expect(comparison.report).toEqual(expected);
    expect(original.data.length).toBe(0);
    expect(comparison.original.data).toEqual(noise(0).data);
    expect(comparison.decoded.data).toEqual(noise(1).data);
  });

  it('copies views of larger memory, and compares a picture with itself', async () => {
    const memory = new Uint8Array(100);
    const view: RgbImage = { width: 2, height: 2, data: memory.subarray(8, 20) };
    const { report } = await createPool().measure(view, view);
    expect(report.psnrDb).toBe(100);
    expect(memory.length).toBe(100);
    const same = noise(2, 20, 20);
    expect((await pool!.measure(same, same)).report).toMatchObject({ psnrDb: 100, ssim: 1, msSsim: null });
  });

  it('answers each asker with its own, over several threads', async () => {
    createPool({ workers: 2, maxQueue: 20 });
    const expected = Array.from({ length: 10 }, (_, i) => measureQuality(noise(i, 24, 24), noise(i + 1, 24, 24)));
    const asked = Array.from({ length: 10 }, (_, i) => pool!.measure(noise(i, 24, 24), noise(i + 1, 24, 24)));
    expect((await Promise.all(asked)).map(({ report }) => report)).toEqual(expected);
  });

  it('refuses the one comparison too many, and says what to do', async () => {
    createPool({ maxQueue: 2 });
    const asked = Array.from({ length: 4 }, (_, i) => pool!.measure(noise(i), noise(i + 1)));
    await expect(asked[3]).rejects.toThrow(QualityWorkerError);
    await expect(asked[3]).rejects.toMatchObject({ remedy: expect.stringContaining('qualityWorkers') as string });
    await expect(Promise.all(asked.slice(0, 3))).resolves.toHaveLength(3);
  });

  it('passes on what cannot be compared, and goes on', async () => {
    createPool();
    await expect(pool!.measure(noise(0, 8, 8), noise(0, 8, 9))).rejects.toThrow("can't be compared");
    await expect(pool!.measure(noise(0, 8, 8), noise(0, 8, 8))).resolves.toBeDefined();
  });

  it.each([
    ['throws', 'setImmediate(() => { throw new Error("out of memory"); })', 'out of memory'],
    ['exits', 'process.exit(3)', 'worker exited with code: 3'],
  ])('replaces a thread that %s, and fails only its job', async (how, end, message) => {
    const warnings: string[] = [];
    const source = `export default (job) => {
      if (job.decoded.width === 3) { ${end}; return new Promise(() => {}); }
      return { report: { psnrDb: 1, ssim: null, msSsim: null, contrast: null }, ...job };
    }`;
    createPool({ module: await moduleOf(how, source), onWarning: (warning) => warnings.push(warning) });
    const before = pool!.measure(noise(0, 2, 2), noise(0, 2, 2));
    const fatal = pool!.measure(noise(0, 3, 3), noise(0, 3, 3));
    const after = pool!.measure(noise(0, 2, 2), noise(0, 2, 2));
    await expect(fatal).rejects.toThrow(`the thread that compared the pictures died: ${message}`);
    await expect(fatal).rejects.toThrow(QualityWorkerError);
    expect((await Promise.all([before, after])).map(({ report }) => report.psnrDb)).toEqual([1, 1]);
    expect(warnings).toEqual([`a thread that compares pictures died and was replaced: ${message}`]);
  });

  it('fails what waits for threads that cannot run, and does not start them for ever', async () => {
    const warnings: string[] = [];
    const module = await moduleOf('broken', 'throw new Error("no such module")');
    createPool({ module, onWarning: (warning) => warnings.push(warning) });
    const asked = [pool!.measure(noise(0, 2, 2), noise(0, 2, 2)), pool!.measure(noise(0, 2, 2), noise(0, 2, 2))];
    await Promise.all(asked.map((each) => expect(each).rejects.toThrow('no such module')));
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    expect(warnings.length).toBeLessThanOrEqual(3);
    // The next job is worth another try, as what was missing may be back.
    await expect(pool!.measure(noise(0, 2, 2), noise(0, 2, 2))).rejects.toThrow(QualityWorkerError);
  });

  it('rejects what is under way when it closes, and what comes later', async () => {
    createPool();
    const asked = [pool!.measure(noise(0), noise(1)), pool!.measure(noise(0), noise(1))];
    const refused = Promise.all(asked.map((promise) => expect(promise).rejects.toThrow('closing')));
    await pool!.close();
    await refused;
    await expect(pool!.measure(noise(0), noise(1))).rejects.toThrow(QualityWorkerError);
  });
});
