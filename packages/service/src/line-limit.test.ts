import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from './logger.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function start() {
  const lines: { msg: string; frame?: number; leftOut?: number }[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as (typeof lines)[number]);
  return { lines, logger: createLogger({ service: 'test', destination: { write } }) };
}

describe('warnings that peers bring about', () => {
  it('are limited by kind, over all children of a logger, and what was left out is told', () => {
    const { lines, logger } = start();
    for (let frame = 0; frame < 5000; frame++) {
      logger.child({ stream: `s${frame % 7}` }).warn({ event: 'frame-dropped', frame }, 'frame dropped');
    }
    expect(lines).toHaveLength(60);
    logger.warn({ code: 'E_TOKEN' }, 'no token');
    expect(lines).toHaveLength(61);
    vi.advanceTimersByTime(60_000);
    expect(lines.slice(61)).toMatchObject([
      { leftOut: 4940, msg: '4940 more lines like this one ("frame-dropped") were left out within a minute' },
    ]);
    logger.warn({ event: 'frame-dropped', frame: 9 }, 'frame dropped');
    expect(lines.at(-1)).toMatchObject({ frame: 9 });
  });

  it('of ever new kinds are limited together; other lines are not', () => {
    const { lines, logger } = start();
    for (let i = 0; i < 1000; i++) {
      logger.warn({ code: `E_${i}` }, 'peer');
    }
    // 63 kinds of their own, and 60 lines of all others.
    expect(lines.length).toBeLessThan(64 + 61);
    const before = lines.length;
    for (let i = 0; i < 200; i++) {
      logger.info({ event: 'stream-joined' }, 'stream linked');
      logger.warn('without a kind');
      logger.error({ code: 'E_X' }, 'failed');
    }
    expect(lines.length - before).toBe(600);
  });
});
