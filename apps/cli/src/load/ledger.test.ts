import { describe, expect, it } from 'vitest';
import { jainIndex, Ledger, maxMinShares, type DueFrame } from './ledger.js';

const figures = { steps: 0, timingsMs: { queue: 5, preview: 10, decode: 20, total: 30 } };
const frame = (stream: number, dueAt: number, counted = true): DueFrame => ({ stream, dueAt, counted });
const open = () => new Ledger({ streams: ['a', 'b'], fromMs: 1000, toMs: 2000, drainMs: 1000 });

describe('the ledger', () => {
  it('enters a frame when it is due and when it ends, and tells who ended it', () => {
    const ledger = open();
    const frames = [frame(0, 1100), frame(0, 1200), frame(1, 1300), frame(1, 1400)];
    for (const due of frames) {
      ledger.due(due);
    }
    expect(ledger.outstanding).toBe(4);
    ledger.transmitted(frames[0]!, 1150);
    ledger.completed(frames[0]!, 1500, { ...figures, steps: 4, evaluations: 9 }, false);
    ledger.dropped(frames[1]!, 1600, 'client-backlog', 'generator');
    ledger.dropped(frames[2]!, 1700, 'queue-full', 'peer');
    ledger.completed(frames[3]!, 2600, { ...figures, steps: 2, reducedSteps: true }, false);
    expect(ledger.outstanding).toBe(0);
    expect(ledger.maxOutstanding).toBe(4);
    expect(ledger.counts()).toEqual({
      sent: 4,
      transmitted: 1,
      completed: 2,
      dropped: 2,
      droppedByReason: { 'client-backlog': 1, 'queue-full': 1 },
      droppedByGenerator: { 'client-backlog': 1 },
    });
    // The second picture came when no frame was due any more: it is completed, and no part of the goodput.
    expect(ledger.completedWithin).toBe(1);
    expect(ledger.times.latencyMs.summary()).toMatchObject({ count: 2, max: 1200 });
    expect(ledger.times.creditMs.summary()).toMatchObject({ count: 1, max: 50 });
    expect(ledger.steps()).toEqual({ steps: 3, evaluations: 9, reducedShare: 0.5 });
    expect(ledger.streams()).toMatchObject([
      { stream: 'a', sent: 2, completed: 1, dropped: 1, latencyMs: { max: 400 } },
      { stream: 'b', sent: 2, completed: 1, dropped: 1, latencyMs: { max: 1200 } },
    ]);
  });

  it('counts pictures of the warm-up in the goodput, as the last frames come too late for it, and nowhere else', () => {
    const ledger = open();
    const warm = [frame(0, 500, false), frame(0, 600, false), frame(1, 700, false)];
    for (const due of warm) {
      ledger.due(due);
    }
    ledger.completed(warm[0]!, 900, figures, false);
    ledger.completed(warm[1]!, 1001, figures, false);
    ledger.dropped(warm[2]!, 1002, 'deadline', 'peer');
    expect(ledger.completedWithin).toBe(1);
    expect(ledger.outstanding).toBe(0);
    expect(ledger.counts()).toMatchObject({ sent: 0, completed: 0, dropped: 0, droppedByReason: {} });
    expect(ledger.times.latencyMs.count).toBe(0);
    expect(ledger.steps()).toEqual({ steps: null, evaluations: null, reducedShare: null });
  });

  it('takes the final picture for the first where no preview came before', () => {
    const ledger = open();
    const [one, other] = [frame(0, 1000), frame(0, 1000)];
    ledger.due(one);
    ledger.due(other);
    ledger.previewed(one, 1100);
    ledger.completed(one, 1900, figures, true);
    ledger.completed(other, 1200, figures, false);
    expect(ledger.times.previewLatencyMs.summary()).toMatchObject({ count: 2, max: 200 });
    expect(ledger.times.latencyMs.summary()).toMatchObject({ count: 2, max: 900 });
  });

  const serve = (offered: readonly number[], completed: readonly number[]) => {
    const ledger = new Ledger({ streams: offered.map(String), fromMs: 1000, toMs: 2000, drainMs: 1000 });
    for (const [stream, sent] of offered.entries()) {
      for (let i = 0; i < sent; i++) {
        const due = frame(stream, 1000);
        ledger.due(due);
        if (i < completed[stream]!) {
          ledger.completed(due, 1000 + 100 * (stream + 1), figures, false);
        } else {
          ledger.dropped(due, 1500, 'client-backlog', 'generator');
        }
      }
    }
    return ledger.fairness();
  };

  it('tells how fairly streams were served, whatever they asked for', () => {
    // Everything that was asked for: fair, though one asked for more.
    expect(serve([8, 2], [8, 2])).toEqual({
      jainIndex: 1,
      completedMin: 2,
      completedMax: 8,
      latencyMsP95Min: 100,
      latencyMsP95Max: 200,
    });
    // Half of what was asked for, evenly divided: fair, too.
    expect(serve([12, 4, 0], [4, 4, 0]).jainIndex).toBe(1);
    expect(serve([8, 8], [6, 2]).jainIndex).toBeCloseTo(64 / (2 * (36 + 4)), 10);
    expect(serve([8, 8], [8, 0]).jainIndex).toBeCloseTo(1 / 2, 10);
    expect(serve([3, 3], [0, 0])).toMatchObject({ jainIndex: null, completedMax: 0, latencyMsP95Max: null });
  });

  it('divides by max-min fairness', () => {
    expect(maxMinShares(10, [2, 8, 9])).toEqual([2, 4, 4]);
    expect(maxMinShares(9, [9, 1, 3])).toEqual([5, 1, 3]);
    expect(maxMinShares(20, [2, 8, 9])).toEqual([2, 8, 9]);
    // By weight; what a heavy one leaves is for the others.
    expect(maxMinShares(10, [9, 9, 9], [3, 1, 1])).toEqual([6, 2, 2]);
    expect(maxMinShares(10, [2, 9], [3, 1])).toEqual([2, 8]);
    expect([jainIndex([2, 2, 2]), jainIndex([6, 0, 0]), jainIndex([0, 0]), jainIndex([])]).toEqual([
      1,
      1 / 3,
      null,
      null,
    ]);
  });

  it('has one size, however many frames pass', () => {
    const ledger = open();
    const size = () => JSON.stringify([ledger.counts(), ledger.streams(), ledger.fairness(), ledger.series()]).length;
    const pass = (count: number) => {
      for (let i = 0; i < count; i++) {
        const due = frame(i % 2, 1000 + (i % 1000));
        ledger.due(due);
        if (i % 3 === 0) {
          ledger.dropped(due, 1500, 'client-backlog', 'generator');
        } else {
          ledger.completed(due, 1700, figures, false);
        }
      }
    };
    pass(1000);
    const bytes = Object.values(ledger.times).map((latencies) => latencies.bytes);
    const before = size();
    pass(50_000);
    expect(Object.values(ledger.times).map((latencies) => latencies.bytes)).toEqual(bytes);
    // A digit or two more in each count, and that is all.
    expect(size()).toBeLessThan(before + 100);
    const { sent, completed, dropped } = ledger.counts();
    expect(completed + dropped).toBe(sent);
  });
});
