import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WriteError } from './errors.js';
import { OutputFolder, outputName } from './output-folder.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'semcast-output-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const bytes = (i: number): Uint8Array => Uint8Array.of(i);

describe('OutputFolder', () => {
  it('makes the folder and keeps every picture by default', async () => {
    const output = new OutputFolder(join(folder, 'a', 'b'), 0);
    for (let i = 0; i < 5; i++) {
      const path = await output.write(`p${i}.png`, bytes(i));
      expect([...(await readFile(path))]).toEqual([i]);
    }
    expect(await readdir(join(folder, 'a', 'b'))).toHaveLength(5);
  });

  it('keeps the newest only, and nothing of what others put there', async () => {
    await writeFile(join(folder, 'mine.txt'), 'keep me');
    const output = new OutputFolder(folder, 3);
    for (let i = 0; i < 7; i++) {
      await output.write(`p${i}.png`, bytes(i));
      expect((await readdir(folder)).length).toBeLessThanOrEqual(4);
    }
    expect((await readdir(folder)).sort()).toEqual(['mine.txt', 'p4.png', 'p5.png', 'p6.png']);
  });

  it('says when a picture cannot be written, and leaves no half of it', async () => {
    await writeFile(join(folder, 'plain'), '');
    await expect(new OutputFolder(join(folder, 'plain'), 0).write('p.png', bytes(1))).rejects.toThrow(WriteError);
    expect(await readdir(folder)).toEqual(['plain']);
  });
});

describe('outputName', () => {
  it('is safe whatever the photograph is called', () => {
    expect(outputName('cam-1', 7, 'creek.jpg', 'png')).toBe('cam-1-000007-creek.png');
    expect(outputName('cam-1', 7, '../../etc/pass wd', 'webp')).toBe('cam-1-000007-pass_wd.webp');
    expect(outputName('cam-1', 1234567, `${'x'.repeat(300)}.png`, 'raw')).toBe(`cam-1-1234567-${'x'.repeat(100)}.png`);
    expect(outputName('cam-1', 0, '', 'png')).toBe('cam-1-000000-.png');
  });
});
