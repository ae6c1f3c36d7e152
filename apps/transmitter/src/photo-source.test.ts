import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SourceError } from './errors.js';
import { DEMO_PHOTOS, listPhotos } from './photo-source.js';
import { openPhoto } from './read-photo.js';

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

  it("takes visible, regular files of a folder and links to such, whatever else has an image's name", async () => {
    const mixed = join(folder, 'mixed');
    await mkdir(join(mixed, 'folder.jpg'), { recursive: true });
    await writeFile(join(mixed, 'real.jpg'), 'x');
    await writeFile(join(mixed, '._real.jpg'), 'x');
    await symlink('real.jpg', join(mixed, 'link.jpg'));
    await symlink('absent.jpg', join(mixed, 'dangling.jpg'));
    await symlink('folder.jpg', join(mixed, 'folder-link.jpg'));
    execFileSync('mkfifo', [join(mixed, 'pipe.jpg')]);
    const { files } = await listPhotos([mixed]);
    expect(files.map((file) => basename(file))).toEqual(['link.jpg', 'real.jpg']);
  });

  it('names a file whose name is not in UTF-8, and says what to do', async () => {
    const old = join(folder, 'latin1');
    await mkdir(old);
    await writeFile(Buffer.concat([Buffer.from(`${old}/caf`), Buffer.from([0xe9]), Buffer.from('.jpg')]), 'x');
    const { files } = await listPhotos([old]);
    expect(files).toEqual([join(old, 'caf\uFFFD.jpg')]);
    const refused = { remedy: expect.stringContaining('rename it') as string };
    await expect(openPhoto(files[0]!, { size: 0, maxImagePixels: 1 })).rejects.toMatchObject(refused);
    await expect(listPhotos(files)).rejects.toMatchObject(refused);
  });

  it.runIf(process.getuid?.() === 0)('says of a folder that may not be read that it may not', async () => {
    const closed = join(folder, 'closed');
    await mkdir(closed);
    await chmod(closed, 0o000);
    await chmod(folder, 0o755);
    process.seteuid!(65_534);
    try {
      await expect(listPhotos([closed])).rejects.toMatchObject({
        code: 'E_SOURCE',
        message: `${closed} may not be read by this user`,
        remedy: 'change its permissions',
      });
    } finally {
      process.seteuid!(0);
    }
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
