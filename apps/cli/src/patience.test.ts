import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startPatience } from './patience.js';
import { createTerminal } from './terminal/terminal.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function start(timeoutMs: number, isTTY = false) {
  const lines: string[] = [];
  const stderr = { isTTY, write: (text: string) => lines.push(text) };
  const terminal = createTerminal({ stdout: stderr, stderr, env: { NO_COLOR: '1' } });
  return { lines, ...startPatience({ terminal, timeoutMs, waitingFor: () => 'pictures\u001b[31m from far' }) };
}

describe('patience', () => {
  it('ends when nothing has come for so long, with what was waited for', () => {
    const { signal, progress } = start(60_000);
    vi.advanceTimersByTime(59_000);
    progress();
    vi.advanceTimersByTime(59_000);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1500);
    expect(signal.reason).toMatchObject({
      code: 'E_TIMEOUT',
      message: 'waited 1 min in vain for pictures from far',
      remedy: expect.stringContaining('--timeout') as string,
    });
  });

  it('says what it waits for, less and less often, and only where no live line does', () => {
    const { lines, progress, stop } = start(Infinity);
    vi.advanceTimersByTime(100_000);
    expect(lines).toEqual(
      [10, 20, 40]
        .map((s) => `waiting for pictures from far, for ${s} s now\n`)
        .concat('waiting for pictures from far, for 1 min 20 s now\n'),
    );
    progress();
    vi.advanceTimersByTime(10_500);
    expect(lines).toHaveLength(5);
    stop();
    vi.advanceTimersByTime(100_000);
    expect(lines).toHaveLength(5);
    const live = start(Infinity, true);
    vi.advanceTimersByTime(100_000);
    expect(live.lines).toEqual([]);
    live.stop();
  });
});
