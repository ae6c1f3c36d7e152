import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SourceError } from './errors.js';
import { DEMO_PHOTOS, listPhotos } from './photo-source.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'semcast-source-'));
  await mkdir(join(folder, 'empty'));
  for (const name of ['b.PNG', 'a.jpg', 'C.webp', 'notes.txt']) {
    await writeFile(join(folder, name), 'x');
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('listPhotos', () => {
  it('finds the nine demonstration photographs', async () => {
    const { files } = await listPhotos([DEMO_PHOTOS]);
    expect(files).toHaveLength(9);
    expect(basename(files[0]!)).toBe('brushes.jpg');
  });

  it('lists images of folders by name and files as named', async () => {
    const { files } = await listPhotos([join(folder, 'notes.txt'), folder]);
    expect(files.map((file) => basename(file))).toEqual(['notes.txt', 'C.webp', 'a.jpg', 'b.PNG']);
  });

  it('has one fingerprint for the same names in the same order', async () => {
    const [all, again, other] = await Promise.all([
      listPhotos([folder]),
      listPhotos([folder]),
      listPhotos([join(folder, 'b.PNG'), join(folder, 'a.jpg')]),
    ]);
    expect(again.fingerprint).toBe(all.fingerprint);
    expect(other.fingerprint).not.toBe(all.fingerprint);
  });

  it('is empty for no paths: then frames are only submitted', async () => {
    expect((await listPhotos([])).files).toEqual([]);
  });

  it('refuses what is not there, and folders without images', async () => {
    await expect(listPhotos([join(folder, 'absent')])).rejects.toThrow(SourceError);
    await expect(listPhotos([join(folder, 'empty')])).rejects.toThrow('holds no photograph');
  });
});
