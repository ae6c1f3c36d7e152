import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRowPrinter, fitColumns, renderTable } from './columns.js';
import { bar, formatMilliseconds, formatSeconds, sparkline, startProgress } from './progress.js';
import { createTerminal, type OutputStream } from './terminal.js';
import { fit, printable, truncate, visibleWidth, wrap } from './width.js';

afterEach(() => {
  vi.restoreAllMocks();
});

interface Recorded extends OutputStream {
  text: string;
}

function stream(tty: boolean, columns?: number): Recorded {
  return {
    isTTY: tty,
    ...(columns === undefined ? {} : { columns }),
    text: '',
    write(chunk) {
      this.text += chunk;
    },
  };
}

const plain = createTerminal({ stdout: stream(false), stderr: stream(false), env: {} }).colours;

describe('width', () => {
  it('counts columns, not code units', () => {
    expect(visibleWidth('abc')).toBe(3);
    expect(visibleWidth('\u001B[31mabc\u001B[39m')).toBe(3);
    expect(visibleWidth('写真')).toBe(4);
    expect(visibleWidth('e\u0301')).toBe(1);
    expect(visibleWidth('768×512')).toBe(7);
  });
  it('cuts and fills', () => {
    expect(truncate('dandelion', 5)).toBe('dand…');
    expect(truncate('写真写真', 5)).toBe('写真…');
    expect(truncate('abc', 3)).toBe('abc');
    expect(truncate('abc', 0)).toBe('');
    expect(fit('7', 3, 'right')).toBe('  7');
    expect(fit('a', 3)).toBe('a  ');
  });
  it('wraps at spaces', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('incomprehensible word', 5)).toEqual(['incomprehensible', 'word']);
  });
  it('makes texts of other hosts harmless', () => {
    expect(printable('a\u001B[2Jb\nc\u0007')).toBe('ab\ufffdc\ufffd');
  });
});

describe('the terminal', () => {
  it('sends results to standard output and the rest to standard error', () => {
    const [stdout, stderr] = [stream(false), stream(false)];
    const terminal = createTerminal({ stdout, stderr, env: {} });
    terminal.result('table');
    terminal.note('by the way');
    expect(stdout.text).toBe('table\n');
    expect(stderr.text).toBe('by the way\n');
  });

  it('leaves standard output to JSON when asked', () => {
    const [stdout, stderr] = [stream(false), stream(false)];
    createTerminal({ stdout, stderr, env: {}, jsonOnStdout: true }).result('table');
    expect(stdout.text).toBe('');
    expect(stderr.text).toBe('table\n');
  });

  it('colours a terminal only, honours NO_COLOR and FORCE_COLOR', () => {
    const coloured = (tty: boolean, env: Record<string, string>) =>
      createTerminal({ stdout: stream(tty), stderr: stream(tty), env }).colours.isColorSupported;
    expect(coloured(true, {})).toBe(true);
    expect(coloured(false, {})).toBe(false);
    expect(coloured(true, { NO_COLOR: '1' })).toBe(false);
    expect(coloured(true, { NO_COLOR: '' })).toBe(true);
    expect(coloured(true, { TERM: 'dumb' })).toBe(false);
    expect(coloured(false, { FORCE_COLOR: '1' })).toBe(true);
    expect(coloured(true, { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false);
  });

  it('keeps the live line below what is printed, and gives the cursor back', () => {
    const stderr = stream(true, 40);
    const terminal = createTerminal({ stdout: stream(false), stderr, env: { NO_COLOR: '1' } });
    terminal.setLive({ render: (columns) => 'x'.repeat(columns + 5) });
    // Never as wide as the screen, or it would wrap.
    expect(stderr.text.endsWith(`${'x'.repeat(38)}…`)).toBe(true);
    stderr.text = '';
    terminal.note('above');
    expect(stderr.text.indexOf('above')).toBeLessThan(stderr.text.lastIndexOf('xxx'));
    terminal.close();
    expect(stderr.text.endsWith('\u001B[?25h')).toBe(true);
  });

  it('shows no live line where there is no terminal', () => {
    const stderr = stream(false);
    const terminal = createTerminal({ stdout: stream(false), stderr, env: {} });
    terminal.setLive({ render: () => 'busy' });
    terminal.close();
    expect(stderr.text).toBe('');
  });
});

describe('tables', () => {
  interface Row {
    readonly name: string;
    readonly psnr: string;
  }
  const columns = [
    { title: 'photo', width: 6, cell: (row: Row) => row.name },
    { title: 'PSNR', width: 6, align: 'right' as const, cell: (row: Row) => row.psnr },
    { title: 'extra', width: 10, optional: 1, cell: () => 'e' },
    { title: 'more', width: 10, optional: 2, cell: () => 'm' },
  ];

  it('leaves out what is least important first, and never what must stay', () => {
    const titles = (width: number) => fitColumns(columns, width).map(({ title }) => title);
    expect(titles(38)).toEqual(['photo', 'PSNR', 'extra', 'more']);
    expect(titles(37)).toEqual(['photo', 'PSNR', 'extra']);
    expect(titles(25)).toEqual(['photo', 'PSNR']);
    expect(titles(1)).toEqual(['photo', 'PSNR']);
  });

  it('prints rows one at a time under one header', () => {
    const printer = createRowPrinter(columns, { colours: plain, width: 20 });
    expect(printer.header).toEqual(['  photo     PSNR', '  ──────────────']);
    expect(printer.row({ name: 'dandelion', psnr: '31.42' })).toBe('  dande…   31.42');
    expect(printer.row({ name: '写真', psnr: '9.5' })).toBe('  写真       9.5');
  });

  it('draws a whole table with a rule below the titles', () => {
    const rows = [
      { name: 'a', psnr: '30.00' },
      { name: 'bb', psnr: '9.00' },
    ];
    expect(renderTable(columns.slice(0, 2), rows, { colours: plain, width: 80 })).toEqual([
      '  photo   PSNR',
      '  ────────────',
      '  a      30.00',
      '  bb      9.00',
    ]);
  });
});

describe('progress', () => {
  it.each([
    [0, '0 s'],
    [59.4, '59 s'],
    [60, '1 min'],
    [75, '1 min 15 s'],
    [3600, '1 h'],
    [4000, '1 h 6 min'],
    [Infinity, '–'],
  ])('%d s reads %s', (seconds, expected) => expect(formatSeconds(seconds)).toBe(expected));
  it.each([
    [0.25, '0.3 ms'],
    [840.4, '840 ms'],
    [2340, '2.3 s'],
    [120_000, '2 min'],
  ])('%d ms reads %s', (ms, expected) => expect(formatMilliseconds(ms)).toBe(expected));

  it('draws bars and sparklines', () => {
    expect(bar(0.5, 4)).toEqual({ full: '██', empty: '  ' });
    expect(bar(0.53, 4)).toEqual({ full: '██▏', empty: ' ' });
    expect(bar(7, 2)).toEqual({ full: '██', empty: '' });
    expect(sparkline([0, 10, 20, 99], 0, 20)).toBe('▁▅██');
  });

  it('tells the time left on a terminal, and now and then a line elsewhere', () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const stderr = stream(false);
    const terminal = createTerminal({ stdout: stream(false), stderr, env: {} });
    const progress = startProgress({ terminal, total: 4, label: 'sweep' });
    now = 6000;
    progress.advance('a.png');
    expect(stderr.text).toBe('');
    now = 12_000;
    progress.advance('b.png');
    expect(stderr.text).toBe('sweep 2/4 · 12 s left · b.png\n');
    progress.advance();
    progress.advance();
    progress.stop();
    expect(stderr.text.split('\n')).toEqual(['sweep 2/4 · 12 s left · b.png', 'sweep 4/4 · 12 s', '']);

    const screen = stream(true, 60);
    const live = startProgress({
      terminal: createTerminal({ stdout: stream(false), stderr: screen, env: { NO_COLOR: '1' } }),
      total: 4,
      label: 'sweep',
    });
    live.advance('a very long name of a photograph that does not fit.png');
    live.stop();
    expect(screen.text).toContain('1/4 · 0 s left');
    for (const line of screen.text.split('\r')) {
      expect(visibleWidth(line)).toBeLessThan(60);
    }
  });
});
