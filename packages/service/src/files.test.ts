import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareFolder, writeWhole } from './files.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'semcast-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('writeWhole', () => {
  it.each([false, true])('takes the place of an earlier file, sync %s', async (sync) => {
    const file = join(folder, 'a.txt');
    await writeFile(file, 'before');
    await writeWhole(file, ['', 'one, ', new TextEncoder().encode('two')], { sync });
    expect(await readFile(file, 'utf8')).toBe('one, two');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('leaves nothing behind when it fails', async () => {
    await writeWhole(join(folder, 'gone', 'a.txt'), 'x').catch(() => undefined);
    const taken = join(folder, 'folder');
    await prepareFolder(taken);
    await expect(writeWhole(taken, 'x')).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await readdir(folder)).toEqual(['folder']);
  });
});

describe('prepareFolder', () => {
  it('makes a folder, and refuses what is none', async () => {
    await prepareFolder(join(folder, 'a', 'b'));
    expect(await readdir(join(folder, 'a'))).toEqual(['b']);
    await writeFile(join(folder, 'file'), '');
    await expect(prepareFolder(join(folder, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  });
});
