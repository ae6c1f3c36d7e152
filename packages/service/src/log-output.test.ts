import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogOutput, type LogGap } from './log-output.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'semcast-log-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A pipe that is read only on request. */
function openPipe(name: string): { fd: number; drain: () => string } {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const drain = (): string => {
    const chunk = Buffer.alloc(64 * 1024);
    let text = '';
    for (;;) {
      try {
        text += chunk.toString('utf8', 0, readSync(fd, chunk));
      } catch {
        return text;
      }
    }
  };
  return { fd, drain };
}

describe('LogOutput', () => {
  it('leaves out what a full pipe does not take, waits no longer than a second, and tells of both ends', () => {
    const { fd, drain } = openPipe('full');
    const gaps: LogGap[] = [];
    const failures: string[] = [];
    const log = new LogOutput(fd, (gap) => gaps.push(gap));
    log.onFailure(({ message }) => failures.push(message));
    const line = (n: number): string => `${String(n).padStart(999, '.')}\n`;
    const began = performance.now();
    for (let n = 0; n < 200; n++) {
      log.write(line(n));
    }
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(failures).toEqual([expect.stringContaining('EAGAIN')]);
    expect(gaps).toEqual([]);
    // A listener that comes late hears of it, too.
    log.onFailure(({ message }) => failures.push(message));
    expect(failures).toHaveLength(2);

    const whole = drain().split('\n').slice(0, -1);
    expect(whole).toEqual(whole.map((_, n) => line(n).trimEnd()));
    log.write(line(200));
    log.write(line(201));
    expect(gaps).toEqual([{ lines: 200 - whole.length, error: expect.any(Error) as Error }]);
    // The first of them begins a line of its own, whatever was cut short before it.
    expect(drain().split('\n').slice(-3)).toEqual([line(200).trimEnd(), line(201).trimEnd(), '']);
    closeSync(fd);
  });

  it('is stopped by no error', () => {
    const fd = openSync('/dev/full', 'w');
    const failures: unknown[] = [];
    const log = new LogOutput(fd, () => {});
    log.onFailure((error) => failures.push(error));
    log.write('one\n');
    closeSync(fd);
    // A closed descriptor.
    log.write('two\n');
    expect(failures).toEqual([expect.objectContaining({ code: 'ENOSPC' })]);
  });
});
