import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TRACE_CHARACTERS, parseTrace, traceAt, TraceError } from './index.js';

describe('parseTrace', () => {
  it('reads one column as frame after frame', () => {
    const trace = parseTrace('snr_db\n3\n4.5\n-2e0');
    expect([...trace.frames]).toEqual([0, 1, 2]);
    expect([...trace.snrDb]).toEqual([3, 4.5, -2]);
    expect(trace.period).toBe(3);
  });

  it('reads what spreadsheets and editors write: CRLF, a byte order mark, blanks, comments, capitals', () => {
    const trace = parseTrace('\uFEFF# drive of 3 May\r\n\r\nFrame, SNR_dB\r\n 0 , 3 \r\n# a tunnel\r\n10,\t-4\r\n\r\n');
    expect([...trace.frames]).toEqual([0, 10]);
    expect([...trace.snrDb]).toEqual([3, -4]);
    expect(trace.period).toBe(11);
  });

  it.each([
    ['', 'no rows'],
    ['snr_db\n', 'no rows'],
    ['# nothing\n\n', 'no rows'],
    ['3\n4\n', 'begins with "3"'],
    ['time,snr_db\n0,1', 'begins with "time,snr_db"'],
    ['snr_db,frame\n1,0', 'no header'],
    ['frame,snr_db\n0', 'line 2 of the trace has 1 cells, not 2'],
    ['snr_db\n1,2', 'line 2 of the trace has 2 cells, not 1'],
    ['frame,snr_db\n0,1\n0,2', "line 3 of the trace: frame 0 doesn't come after 0"],
    ['frame,snr_db\n5,1\n4,2', "frame 4 doesn't come after 5"],
    ['frame,snr_db\n-1,1', '"-1" is no frame number'],
    ['frame,snr_db\n1.5,1', '"1.5" is no frame number'],
    ['frame,snr_db\n,1', '"" is no frame number'],
    ['frame,snr_db\n1,', '"" is no SNR'],
    ['frame,snr_db\n9007199254740992,1', 'is no frame number'],
    ['snr_db\nNaN', '"NaN" is no SNR'],
    ['snr_db\nInfinity', '"Infinity" is no SNR'],
    ['snr_db\n101', '"101" is no SNR within -50 … 100 dB'],
    ['snr_db\n-50.1', '"-50.1" is no SNR'],
    ['snr_db\n12dB', '"12dB" is no SNR'],
  ])('refuses %j', (csv, message) => {
    expect(() => parseTrace(csv)).toThrow(TraceError);
    expect(() => parseTrace(csv)).toThrow(message);
  });

  it('reads a text at the limit of length, and none beyond', () => {
    const longest = `snr_db\n${'1\n'.repeat((MAX_TRACE_CHARACTERS - 7) / 2)}`.padEnd(MAX_TRACE_CHARACTERS, '\n');
    expect(longest.length).toBe(MAX_TRACE_CHARACTERS);
    expect(parseTrace(longest).frames.length).toBe(Math.floor((MAX_TRACE_CHARACTERS - 7) / 2));
    expect(() => parseTrace(`${longest}\n`)).toThrow(/at most 1048576/);
  });

  it('reads back any trace, and finds what a search row by row finds', () => {
    const rows = fc.uniqueArray(fc.tuple(fc.nat(500), fc.double({ min: -50, max: 100, noNaN: true })), {
      minLength: 1,
      selector: ([frame]) => frame,
    });
    fc.assert(
      fc.property(rows, fc.nat(600), (unsorted, frame) => {
        const sorted = unsorted.toSorted(([a], [b]) => a - b);
        const trace = parseTrace(`frame,snr_db\n${sorted.map((row) => row.join(',')).join('\n')}`);
        expect([...trace.frames]).toEqual(sorted.map(([at]) => at));
        const expected = sorted.findLast(([at]) => at <= frame) ?? sorted[0]!;
        // "-0" is written as "0".
        expect(traceAt(trace, frame)).toBe(expected[1] === 0 ? 0 : expected[1]);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});
