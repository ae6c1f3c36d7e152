import { execFileSync, spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { checkFolder, checkWritable, makeTemporaryFolder, writeFileWhole } from './json-output.js';

const SEMCAST = fileURLToPath(new URL('../bin/semcast.js', import.meta.url));
const refused = (message: string) => ({
  code: 'E_OUTPUT',
  message: expect.stringContaining(message) as string,
  remedy: expect.any(String) as string,
});

let folder: string;
let plain: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'semcast-output-'));
  plain = join(folder, 'plain');
  await writeFile(plain, 'a file, no folder');
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('what will be written', () => {
  it('is tried before anything is measured, and leaves nothing behind', async () => {
    await checkWritable(join(folder, 'made', 'report.json'));
    await checkFolder(join(folder, 'made', 'pictures'));
    expect(await readdir(join(folder, 'made'), { recursive: true })).toEqual(['pictures']);
    await expect(checkWritable(join(plain, 'report.json'))).rejects.toMatchObject(refused('report.json'));
    await expect(checkFolder(plain)).rejects.toMatchObject(refused(plain));
    await expect(checkWritable(folder)).rejects.toMatchObject(refused('it is a folder'));
  });

  it("goes into a pipe that stands in its place, and doesn't replace it", async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await checkFolder(folder);
    const [text] = await Promise.all([readFile(pipe, 'utf8'), writeFileWhole(pipe, 'the report')]);
    expect(text).toBe('the report');
    expect((await lstat(pipe)).isFIFO()).toBe(true);
  });

  it.runIf(process.platform === 'linux')('is told when the disk is full, and leaves no half of it', async () => {
    const full = join(folder, 'full');
    await symlink('/dev/full', full);
    await checkWritable(full);
    await expect(writeFileWhole(full, 'x')).rejects.toMatchObject(refused('ENOSPC'));
    expect((await lstat(full)).isSymbolicLink()).toBe(true);
    await mkdir(join(folder, 'report.json'));
    await expect(writeFileWhole(join(folder, 'report.json'), 'x')).rejects.toMatchObject(refused('it is a folder'));
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('is told with code and remedy when it is standard output that is full', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [SEMCAST, '--help'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
      timeout: 50_000,
    });
    expect(stderr).toMatch(/^standard output can't be written: ENOSPC — .*\[E_OUTPUT\]\n$/);
    expect(status).toBe(1);
  });
});

describe('a temporary folder', () => {
  it('is asked of TMPDIR, and says so when that is not there', async () => {
    const made = await makeTemporaryFolder('semcast-output-');
    await rm(made, { recursive: true });
    vi.stubEnv('TMPDIR', '/nothing/here');
    try {
      await expect(makeTemporaryFolder('semcast-')).rejects.toMatchObject({
        ...refused('in /nothing/here'),
        remedy: expect.stringContaining('TMPDIR') as string,
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
