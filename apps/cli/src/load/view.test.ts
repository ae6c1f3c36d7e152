import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTerminal, type OutputStream } from '../terminal/terminal.js';
import { visibleWidth } from '../terminal/width.js';
import { Ledger } from './ledger.js';
import type { LoadProgress } from './run-load.js';
import { LoadView, rateText, reasonsText, verdictText } from './view.js';

afterEach(() => {
  vi.restoreAllMocks();
});

interface Recorded extends OutputStream {
  text: string;
}

function stream(tty: boolean): Recorded {
  return {
    isTTY: tty,
    columns: 160,
    text: '',
    write(chunk) {
      this.text += chunk;
    },
  };
}

function progress(): LoadProgress {
  const ledger = new Ledger({ streams: ['a'], fromMs: 0, toMs: 60_000, drainMs: 0 });
  const figures = { steps: 0, timingsMs: { queue: 0, preview: 1, decode: 1, total: 1 } };
  for (let i = 0; i < 30; i++) {
    const due = { stream: 0, dueAt: 100 * i, counted: true };
    ledger.due(due);
    if (i < 20) {
      ledger.completed(due, 100 * i + 250, figures, false);
    } else {
      ledger.dropped(due, 100 * i, i < 22 ? 'queue-full' : 'client-backlog', i < 22 ? 'peer' : 'generator');
    }
  }
  return { phase: 'measuring', leftMs: 50_000, measuredMs: 10_000, ledger, waiting: 12, underWay: 31, credits: 64 };
}

describe('the live view of a load run', () => {
  it('tells throughput, latency, what is under way, and drops', () => {
    const terminal = createTerminal({ stdout: stream(false), stderr: stream(true), env: { NO_COLOR: '1' } });
    const view = new LoadView(terminal);
    view.watch(4, progress());
    expect(view.render(159)).toBe(
      '  ⠋ 4.00/s measuring 50 s · goodput 2.00/s · p50 250 ms · p99 250 ms · 31/64 credits, 12 waiting · ' +
        '10 dropped: client-backlog 8, queue-full 2',
    );
    expect(visibleWidth(view.render(159))).toBeLessThan(160);
    view.watch(4, { ...progress(), phase: 'connecting', leftMs: 9000 });
    expect(view.render(80)).toBe('  ⠹ connecting … 9 s');
  });

  it('prints a line now and then where lines do not live', () => {
    const stderr = stream(false);
    const terminal = createTerminal({ stdout: stream(false), stderr, env: {} });
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const view = new LoadView(terminal);
    view.watch(4, progress());
    for (now = 0; now <= 25_000; now += 100) {
      view.tick();
    }
    expect(stderr.text.match(/goodput 2\.00\/s/g)).toHaveLength(2);
  });
});

describe('figures as text', () => {
  it('have the digits that tell something', () => {
    expect([0.5, 4, 12.34, 1250].map(rateText)).toEqual(['0.50', '4.00', '12.3', '1250']);
    expect(reasonsText({ deadline: 2, 'queue-full': 30 })).toBe('queue-full 30, deadline 2');
    expect(verdictText({ slo: 'p99=2s', value: 1300, limit: 2000, met: true })).toBe('p99=2s: 1.3 s');
    expect(verdictText({ slo: 'drops=1%', value: 0.034, limit: 0.01, met: false })).toBe('drops=1%: 3.40 %');
    expect(verdictText({ slo: 'p99=2s', value: null, limit: 2000, met: false })).toBe('p99=2s: never');
  });
});
