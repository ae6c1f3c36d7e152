import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.js';
import { judgeSlo, parseSlo } from './slo.js';

describe('objectives', () => {
  it.each([
    ['p99=2s', { kind: 'latency', text: 'p99=2s', of: 'latencyMs', percent: 99, limitMs: 2000 }],
    ['p99.9=2s', { kind: 'latency', text: 'p99.9=2s', of: 'latencyMs', percent: 99.9, limitMs: 2000 }],
    ['max=1min', { kind: 'latency', text: 'max=1min', of: 'latencyMs', percent: 100, limitMs: 60_000 }],
    [
      'preview-p50=80ms',
      { kind: 'latency', text: 'preview-p50=80ms', of: 'previewLatencyMs', percent: 50, limitMs: 80 },
    ],
    ['drops=0.5%', { kind: 'drops', text: 'drops=0.5%', limitShare: 0.005 }],
  ])('%s', (typed, expected) => {
    expect(parseSlo(typed)).toEqual(expected);
  });

  it.each(['p99', 'p99=2', 'p0=1s', 'p100=1s', 'q99=1s', 'drops=1', 'p99=soon', ''])('refuses "%s"', (typed) => {
    expect(() => parseSlo(typed)).toThrow(/is no objective/);
  });

  const run = (answered: readonly number[], sent: number) => {
    const { times } = new Ledger({ streams: ['a'], fromMs: 0, toMs: 1000, drainMs: 0 });
    for (const ms of answered) {
      times.latencyMs.record(ms);
      times.previewLatencyMs.record(ms / 10);
    }
    const dropped = sent - answered.length;
    const counts = {
      sent,
      transmitted: sent,
      completed: answered.length,
      dropped,
      droppedByReason: {},
      droppedByGenerator: {},
    };
    return { counts, times };
  };
  const judge = (typed: string, of: ReturnType<typeof run>) => judgeSlo(parseSlo(typed), of.counts, of.times);

  it('are met or missed', () => {
    const figures = run(
      Array.from({ length: 100 }, (_, i) => 10 * (i + 1)),
      100,
    );
    expect(judge('p90=1s', figures)).toMatchObject({ slo: 'p90=1s', limit: 1000, met: true });
    expect(judge('p90=800ms', figures)).toMatchObject({ met: false });
    expect(judge('preview-p90=100ms', figures)).toMatchObject({ met: true });
    expect(judge('max=1s', figures)).toMatchObject({ value: 1000, met: true });
    expect(judge('drops=0%', figures)).toEqual({ slo: 'drops=0%', value: 0, limit: 0, met: true });
  });

  it('take a dropped frame for one that never came', () => {
    const figures = run(
      Array.from({ length: 90 }, () => 5),
      100,
    );
    expect(judge('p90=1s', figures)).toMatchObject({ met: true });
    expect(judge('p95=1h', figures)).toMatchObject({ value: null, met: false });
    expect(judge('drops=5%', figures)).toMatchObject({ value: 0.1, met: false });
  });

  it('are missed by a run without frames', () => {
    expect(judge('p99=2s', run([], 0))).toMatchObject({ value: null, met: false });
    expect(judge('drops=100%', run([], 0))).toMatchObject({ value: null, met: false });
  });
});
