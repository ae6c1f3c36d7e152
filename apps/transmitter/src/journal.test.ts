import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JournalCorruptError, JournalLockedError, JournalMismatchError, WriteError } from './errors.js';
import { Journal, type JournalOptions } from './journal.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'semcast-journal-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

let streams = 0;
function options(change: Partial<JournalOptions> = {}): JournalOptions {
  return {
    file: join(folder, 'journal.jsonl'),
    photos: 'abc',
    size: 0,
    maxBytes: 1_000_000,
    newStream: () => `tx-${streams++}`,
    newRun: () => `run-${streams}`,
    ...change,
  };
}

/** The journal as a process killed at this moment would leave it: what is on the disk, under another name. */
async function afterKill(file: string): Promise<string> {
  const copy = `${file}.killed`;
  await copyFile(file, copy);
  return copy;
}

describe('Journal', () => {
  it('keeps its stream id, and knows after a restart what it recorded', async () => {
    const first = await Journal.open(options());
    await first.record({ frame: 0, kind: 'completed' });
    await first.record({ frame: 2, kind: 'dropped', reason: 'channel-loss' });
    const killed = await afterKill(options().file);
    await first.close();
    for (const file of [options().file, killed]) {
      const again = await Journal.open(options({ file }));
      expect([again.stream, again.run]).toEqual([first.stream, first.run]);
      expect([0, 1, 2, 3].map((frame) => again.has(frame))).toEqual([true, false, true, false]);
      expect([again.firstMissing(0), again.firstMissing(2), again.size]).toEqual([1, 3, 2]);
      await again.close();
    }
  });

  it('is on the disk when record() resolves, one JSON line a frame', async () => {
    const journal = await Journal.open(options());
    await Promise.all([0, 1, 2, 3, 4].map((frame) => journal.record({ frame, name: `p${frame}` })));
    const lines = (await readFile(options().file, 'utf8')).trimEnd().split('\n');
    expect(lines.slice(1).map((line) => JSON.parse(line) as unknown)).toEqual(
      [0, 1, 2, 3, 4].map((frame) => ({ frame, name: `p${frame}` })),
    );
    await journal.close();
  });

  it('forgets a line that a crash cut short, and writes the next one in its place', async () => {
    const journal = await Journal.open(options());
    await journal.record({ frame: 0 });
    await journal.close();
    await appendFile(options().file, '{"frame":1,"na');
    const again = await Journal.open(options());
    expect([again.has(0), again.has(1)]).toEqual([true, false]);
    await again.record({ frame: 1 });
    await again.close();
    const third = await Journal.open(options());
    expect([third.has(1), third.size]).toEqual([true, 2]);
    await third.close();
  });

  it('begins anew in an empty file', async () => {
    await writeFile(options().file, '');
    const journal = await Journal.open(options({ stream: 'cam-1' }));
    expect([journal.stream, journal.size]).toEqual(['cam-1', 0]);
    await journal.close();
  });

  it('refuses a journal of another stream, other photographs or another size', async () => {
    await (await Journal.open(options({ stream: 'cam-1' }))).close();
    await expect(Journal.open(options({ stream: 'cam-2' }))).rejects.toThrow('of stream "cam-1", not "cam-2"');
    await expect(Journal.open(options({ photos: 'other' }))).rejects.toThrow('other photographs');
    await expect(Journal.open(options({ size: 256 }))).rejects.toThrow(JournalMismatchError);
    // And lets go of the file each time.
    await (await Journal.open(options({ stream: 'cam-1' }))).close();
  });

  it.each([
    ['no JSON', 'frame 7 done\n'],
    ['no frame', '{"name":"x"}\n'],
    ['a negative frame', '{"frame":-1}\n'],
  ])('refuses a line that is %s, with its number', async (_, line) => {
    const journal = await Journal.open(options());
    await journal.record({ frame: 0 });
    await journal.close();
    await appendFile(options().file, line);
    await expect(Journal.open(options())).rejects.toThrow(JournalCorruptError);
    await expect(Journal.open(options())).rejects.toThrow('line 3');
  });

  it('refuses a file that is no journal, and leaves it alone', async () => {
    await writeFile(options().file, 'my shopping list\n');
    await expect(Journal.open(options())).rejects.toThrow('line 1');
    expect(await readFile(options().file, 'utf8')).toBe('my shopping list\n');
  });

  it('says so when it cannot be written at all', async () => {
    await writeFile(join(folder, 'plain'), 'a file, no folder');
    await expect(Journal.open(options({ file: join(folder, 'plain', 'journal') }))).rejects.toThrow(WriteError);
    await expect(Journal.open(options({ file: folder }))).rejects.toThrow(WriteError);
  });

  it('is bounded: beyond maxBytes it starts a new file that still knows every frame', async () => {
    const maxBytes = 4000;
    const journal = await Journal.open(options({ maxBytes }));
    for (let frame = 0; frame < 300; frame++) {
      await journal.record({ frame, name: 'a photograph with a name of some length.jpg' });
      // One line may cross the limit.
      expect((await stat(options().file)).size).toBeLessThan(maxBytes + 100);
    }
    await journal.close();
    const names = await readdir(folder);
    expect(names.sort()).toEqual(['journal.jsonl', 'journal.jsonl.old']);
    const again = await Journal.open(options({ maxBytes }));
    expect([again.size, again.firstMissing(0), again.stream]).toEqual([300, 300, journal.stream]);
    await again.close();
  });

  it('takes nothing more once a write has failed', async () => {
    const place = join(folder, 'gone');
    const journal = await Journal.open(options({ file: join(place, 'journal'), maxBytes: 4000 }));
    await journal.record({ frame: 0 });
    await rm(place, { recursive: true });
    // What is still open can be written to; the rotation finds that the file is gone.
    await journal.record({ frame: 1, name: 'x'.repeat(4000) });
    const results = await Promise.allSettled([journal.record({ frame: 2 }), journal.record({ frame: 3 })]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(journal.record({ frame: 4 })).rejects.toThrow(WriteError);
    expect([journal.has(1), journal.has(2)]).toEqual([true, false]);
    await journal.close();
  });

  it('is used by one transmitter at a time, and taken over from one that was killed', async () => {
    const journal = await Journal.open(options());
    await expect(Journal.open(options())).rejects.toThrow(JournalLockedError);
    await journal.close();

    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(other, 'spawn');
    await writeFile(`${options().file}.lock`, JSON.stringify({ pid: other.pid }));
    await expect(Journal.open(options())).rejects.toThrow(`the running process ${other.pid}`);
    // The same number, but another process: one that started at another time.
    await writeFile(`${options().file}.lock`, JSON.stringify({ pid: other.pid, started: '1' }));
    await (await Journal.open(options())).close();
    await writeFile(`${options().file}.lock`, JSON.stringify({ pid: other.pid }));
    const gone = once(other, 'exit');
    other.kill('SIGKILL');
    await gone;
    await (await Journal.open(options())).close();
    await writeFile(`${options().file}.lock`, '{"pi');
    await (await Journal.open(options())).close();
  });
});
