import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLogFile } from './log-file.js';
import { createLineSplitter, readLogLine } from './log-lines.js';

describe('lines of a log', () => {
  it('come whole, however the bytes arrive', () => {
    const lines: string[] = [];
    const push = createLineSplitter((line) => lines.push(line));
    for (const chunk of ['{"a"', ':1}\n\nse', 'cond\r\nthi', 'rd']) {
      push(chunk);
    }
    expect(lines).toEqual(['{"a":1}', 'second']);
  });

  it('are cut when they are endless', () => {
    const lines: string[] = [];
    const push = createLineSplitter((line) => lines.push(line), 10);
    for (let i = 0; i < 100; i++) {
      push('xxxxx');
    }
    expect(lines.length).toBeGreaterThan(30);
    expect(Math.max(...lines.map((line) => line.length))).toBe(10);
  });

  it.each([
    ['{"level":30,"msg":"listening"}', 'quiet', 'listening'],
    ['{"level":40,"msg":"slow reader"}', 'warning', 'slow reader'],
    ['{"level":"info","msg":"closing"}', 'quiet', 'closing'],
    ['{"level":"warn","msg":"slow reader"}', 'warning', 'slow reader'],
    ['{"level":"fatal","msg":"gone"}', 'error', 'gone'],
    ['{"level":50,"err":{"message":"out of memory"},"msg":"decode failed"}', 'error', 'decode failed: out of memory'],
    ['{"level":50,"err":{"message":"out of memory"},"msg":"out of memory"}', 'error', 'out of memory'],
    ['{"level":60,"error":{"message":"gone"}}', 'error', 'gone'],
    ['Error: no such file', 'error', 'Error: no such file'],
    ['{"level":40,"msg":"a\\u001b[2Jb"}', 'warning', 'ab'],
    ['"text"', 'quiet', '"text"'],
    ['null', 'quiet', 'null'],
  ])('%s', (line, level, text) => expect(readLogLine(line)).toEqual({ level, text }));
});

describe('a log file', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'semcast-test-'));
  });
  afterAll(async () => await rm(dir, { recursive: true }));

  it('never grows beyond twice its limit, and keeps the newest lines', async () => {
    const path = join(dir, 'up.log');
    const log = await openLogFile(path, 1000);
    for (let i = 0; i < 100; i++) {
      log.write(`line ${i} ${'x'.repeat(40)}`);
      if (i % 10 === 0) {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    await log.close();
    const newest = await readFile(path, 'utf8');
    const older = await readFile(`${path}.1`, 'utf8');
    expect(newest.trimEnd().split('\n').at(-1)).toMatch(/^line 99 /);
    expect(newest.length).toBeLessThanOrEqual(1000);
    expect(older.length).toBeLessThanOrEqual(1000);
  });
});
