import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { growWhole, prepareFolder, unfinishedIn, writeWhole } from './files.js';

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

describe('growWhole', () => {
  it('has its name when it is finished, and not before', async () => {
    const path = join(folder, 'a.bin');
    const file = await growWhole(path);
    await file.append('one, ');
    await file.append([new TextEncoder().encode('two'), '']);
    expect((await readdir(folder)).filter((name) => !name.startsWith('.'))).toEqual([]);
    await file.finish();
    expect(await readFile(path, 'utf8')).toBe('one, two');
    expect(await readdir(folder)).toEqual(['a.bin']);
  });

  it('keeps nothing of a piece that fails, and nothing at all when it is discarded', async () => {
    const path = join(folder, 'a.bin');
    const file = await growWhole(path);
    await file.append('whole, ');
    const broken = {
      *[Symbol.iterator]() {
        yield 'half';
        throw new Error('the disk is full');
      },
    } as unknown as string[];
    await expect(file.append(broken)).rejects.toThrow('the disk is full');
    await file.append('and on');
    await file.finish();
    expect(await readFile(path, 'utf8')).toBe('whole, and on');
    const other = await growWhole(path);
    await other.append('other');
    await other.discard();
    expect(await readdir(folder)).toEqual(['a.bin']);
    expect(await readFile(path, 'utf8')).toBe('whole, and on');
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

describe('unfinishedIn', () => {
  it('finds what processes that have ended had begun, and nothing else', async () => {
    await (await growWhole(join(folder, 'mine.bin'))).append('x');
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(join(folder, `.theirs.${pid}.tmp`), 'x');
    for (const other of [`.running.${process.ppid}.tmp`, 'plain.txt', '.hidden', '.12.tmp']) {
      await writeFile(join(folder, other), 'x');
    }
    const found = await unfinishedIn(folder);
    expect(found).toEqual([
      { unfinished: join(folder, `.mine.bin.${process.pid}.tmp`), path: join(folder, 'mine.bin') },
      { unfinished: join(folder, `.theirs.${pid}.tmp`), path: join(folder, 'theirs') },
    ]);
  });
});
