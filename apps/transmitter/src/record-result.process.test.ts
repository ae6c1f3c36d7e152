import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RgbImage } from '@semcast/core';
import type { ResultHead, ResultMessage } from '@semcast/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPreview } from './open-preview.js';
import { OutputFolder } from './output-folder.js';
import { QualityPool } from './quality-pool.js';
import { recordResult } from './record-result.js';

const quality = new QualityPool({ workers: 1, maxQueue: 4, onWarning: () => {} });
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'semcast-record-'));
});
afterAll(async () => {
  await quality.close();
  await rm(folder, { recursive: true, force: true });
});

const image = (value: number): RgbImage => ({ width: 4, height: 3, data: new Uint8Array(36).fill(value) });

function result(stage: ResultHead['stage'], { width, height, data }: RgbImage): ResultMessage {
  const head: ResultHead = {
    stream: 's',
    frame: 0,
    stage,
    decoder: 'conditional',
    image: { format: 'raw', width, height },
    steps: stage === 'final' ? 8 : 0,
    csnrDb: { estimated: 3 },
    residual: null,
    timingsMs: { queue: 0, preview: 1, sampling: 5, decode: 7, total: 8 },
    evaluations: 16,
  };
  return { kind: 'result', head, payload: data };
}

describe('the record of a result', () => {
  it('keeps the final picture when its preview cannot be written, and says so', async () => {
    // A file stands where the folder of the previews should be.
    const taken = join(folder, 'taken');
    await writeFile(taken, '');
    const warnings: string[] = [];
    const onWarning = (message: string): number => warnings.push(message);
    const original = image(10);
    const preview = openPreview(result('preview', image(14)), original, { timeoutMs: 1000, onWarning });
    const recorded = await recordResult(
      result('final', image(11)),
      { name: 'a.png', original, preview },
      {
        config: { imageTimeoutMs: 1000 },
        quality,
        metricPool: undefined,
        output: new OutputFolder(folder, 0),
        previewOutput: new OutputFolder(join(taken, 'below'), 0),
        onWarning,
      },
    );
    expect(warnings).toEqual([expect.stringContaining('the preview of frame 0')]);
    expect(await readdir(folder)).toContain('s-000000-a.png');
    expect(recorded.previewPath).toBeUndefined();
    // 20·log10(255/4) and 20·log10(255/1).
    expect(recorded.previewPsnrDb).toBeCloseTo(36.0896, 3);
    expect(recorded.psnrDb).toBeCloseTo(48.1308, 3);
    expect(recorded).toMatchObject({ steps: 8, evaluations: 16, samplingMs: 5, decodeMs: 7 });
  });
});
