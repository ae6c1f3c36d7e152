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

const { signal } = new AbortController();
const pixels = Uint8Array.from({ length: 18 }, (_, i) => i * 10);
const image = { format: 'png', width: 3, height: 2, bytes: new Uint8Array([1, 2, 3]) } as const;

describe('createOutputFolder', () => {
  it('makes the folder, and writes files named after stream and frame, over earlier ones', async () => {
    const dir = path.join(folder, 'a', 'b');
    const output = await createOutputFolder(dir);
    await output.write('cam-1', 7, image, signal);
    await output.write('cam-1', 7, { ...image, bytes: new Uint8Array([9]) }, signal);
    await output.write('..', 8, { ...image, format: 'webp' }, signal);
    expect(new Uint8Array(await readFile(path.join(dir, 'cam-1-7.png')))).toEqual(new Uint8Array([9]));
    expect(await readdir(dir)).toEqual(['..-8.webp', 'cam-1-7.png']);
  });

  it('writes raw pixels as a PPM, which viewers open', async () => {
    const output = await createOutputFolder(folder);
    await output.write('s', 0, { ...image, format: 'raw', bytes: pixels }, signal);
    const header = Buffer.from('P6\n3 2\n255\n');
    expect(await readFile(path.join(folder, 's-0.ppm'))).toEqual(Buffer.concat([header, pixels]));
  });

  it('leaves nothing half-written behind', async () => {
    const output = await createOutputFolder(path.join(folder, 'gone'));
    await rm(path.join(folder, 'gone'), { recursive: true });
    await expect(output.write('s', 0, image, signal)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('leaves out what nobody wants any more when its turn comes', async () => {
    const output = await createOutputFolder(folder);
    const controller = new AbortController();
    const first = output.write('s', 0, image, controller.signal);
    const second = output.write('s', 1, image, controller.signal);
    const third = output.write('s', 2, image, signal);
    // The first one has begun by then.
    await Promise.resolve();
    controller.abort(new Error('not wanted'));
    await first;
    await expect(second).rejects.toThrow('not wanted');
    await third;
    expect((await readdir(folder)).toSorted()).toEqual(['s-0.png', 's-2.png']);
  });

  it('refuses what is no folder', async () => {
    const file = path.join(folder, 'file');
    await writeFile(file, '');
    await expect(createOutputFolder(file)).rejects.toThrow(OutputDirError);
  });
});
