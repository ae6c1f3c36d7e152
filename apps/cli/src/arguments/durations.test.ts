import { describe, expect, it } from 'vitest';
import { duration, parseDurationMs } from './durations.js';

describe('durations', () => {
  it('counts seconds unless a unit says otherwise', () => {
    const parse = duration();
    expect(['2', '0.5', '.25', '500ms', '2s', '1.5min', '1h'].map(parse)).toEqual([
      2000, 500, 250, 500, 2000, 90_000, 3_600_000,
    ]);
  });

  it('insists on a unit where the unit matters', () => {
    expect(parseDurationMs('2')).toBeUndefined();
    expect(parseDurationMs('2 s')).toBeUndefined();
    expect(parseDurationMs('2s')).toBe(2000);
  });

  it('refuses what is none, and what is out of range', () => {
    expect(() => duration()('soon')).toThrow('"soon" is no duration');
    expect(() => duration()('-1')).toThrow('"-1" is no duration');
    expect(() => duration({ minMs: 100 })('50ms')).toThrow('50ms is outside 0.1 … 86400 s');
    expect(() => duration()('25h')).toThrow('25h is outside');
  });
});
