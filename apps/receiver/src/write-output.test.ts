import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OutputDirError } from './errors.js';
import { createOutputFolder } from './write-output.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'semcast-output-'));
});
afterEach(async () => {
  await chmod(folder, 0o700);
  await rm(folder, { recursive: true });
});

const pixels = Uint8Array.from({ length: 18 }, (_, i) => i * 10);
const image = { format: 'png', width: 3, height: 2, bytes: new Uint8Array([1, 2, 3]) } as const;

describe('createOutputFolder', () => {
  it('makes the folder, and writes files named after stream and frame, over earlier ones', async () => {
    const dir = path.join(folder, 'a', 'b');
    const output = await createOutputFolder(dir);
    await output.write('cam-1', 7, image);
    await output.write('cam-1', 7, { ...image, bytes: new Uint8Array([9]) });
    await output.write('..', 8, { ...image, format: 'webp' });
    expect(new Uint8Array(await readFile(path.join(dir, 'cam-1-7.png')))).toEqual(new Uint8Array([9]));
    expect(await readdir(dir)).toEqual(['..-8.webp', 'cam-1-7.png']);
  });

  it('writes raw pixels as a PPM, which viewers open', async () => {
    const output = await createOutputFolder(folder);
    await output.write('s', 0, { ...image, format: 'raw', bytes: pixels });
    const header = Buffer.from('P6\n3 2\n255\n');
    expect(await readFile(path.join(folder, 's-0.ppm'))).toEqual(Buffer.concat([header, pixels]));
  });

  it('leaves nothing half-written behind', async () => {
    const output = await createOutputFolder(path.join(folder, 'gone'));
    await rm(path.join(folder, 'gone'), { recursive: true });
    await expect(output.write('s', 0, image)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses what is no folder', async () => {
    const file = path.join(folder, 'file');
    await writeFile(file, '');
    await expect(createOutputFolder(file)).rejects.toThrow(OutputDirError);
  });
});
