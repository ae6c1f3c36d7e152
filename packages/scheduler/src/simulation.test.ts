import { describe, expect, it } from 'vitest';
import {
  CPU,
  GPU,
  guided,
  jainIndex,
  noisy,
  poissonArrivals,
  simulate,
  type Arrival,
  type Ended,
  type FrameTemplate,
  type Simulated,
  type Simulation,
} from '../test/simulator.js';

/*
 * The scheduler in simulated time, on two CPU workers (120 ms a guided step) and on a GPU (4 ms a run and 3 ms a row).
 * Frames take 4 to 12 steps. Rates are given as shares of the rate at which frames with the fewest steps would just
 * keep the machine busy: 4 frames a second on the CPU, 72 on the GPU.
 */
const machines = [
  { name: 'CPU', machine: CPU, perSecond: 1000 / ((4 * 120 + 16) / 2), deadlineMs: 6000, untilMs: 75_000 },
  { name: 'GPU', machine: GPU, perSecond: 1000 / ((4 * 52) / 16 + 0.9), deadlineMs: 500, untilMs: 8000 },
] as const;
type Machine = (typeof machines)[number];

const streamNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `s${i}`);

/** Eight streams, each offering an eighth of the load. */
function offerLoad(
  { machine, perSecond, untilMs }: Machine,
  load: number,
  changes: Partial<FrameTemplate> = {},
  simulation: Partial<Simulation> = {},
): Simulated {
  const streams = streamNames(8).map((stream) => ({
    stream,
    ratePerSecond: (load * perSecond) / 8,
    frame: { ...guided, ...changes },
  }));
  const arrivals = poissonArrivals(streams, { seed: 1, untilMs });
  return simulate({ options: { ...machine.options, maxFrames: 128 }, cost: machine.cost, arrivals, ...simulation });
}

const withOutcome = ({ ended }: Simulated, ...outcomes: readonly Ended['outcome'][]): Ended[] =>
  ended.filter(({ outcome }) => outcomes.includes(outcome));
const finished = (simulated: Simulated): Ended[] => withOutcome(simulated, 'finished');
const refused = (simulated: Simulated): Ended[] =>
  withOutcome(simulated, 'queue-full', 'too-many-steps', 'deadline', 'displaced', 'dropped');
const inTime = (simulated: Simulated): Ended[] =>
  finished(simulated).filter(({ arrival, atMs }) => atMs <= arrival.atMs + (arrival.deadlineMs ?? Infinity));
const goodput = (simulated: Simulated): number => inTime(simulated).length / simulated.endMs;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
const meanSteps = (simulated: Simulated): number => mean(finished(simulated).map(({ steps }) => steps));
function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? 0;
}
const latencies = (ended: readonly Ended[]): number[] => ended.map(({ arrival, atMs }) => atMs - arrival.atMs);

describe.each(machines)('on a $name', (each) => {
  const { machine, perSecond, deadlineMs, untilMs } = each;

  it('eight equal streams that want too much get equal shares', () => {
    for (const changes of [{ deadlineMs }, { steps: { min: 8, max: 8 } }]) {
      const simulated = offerLoad(each, 2, changes, { untilMs });
      const spentMs = streamNames(8).map((stream) => simulated.spentMs.get(stream)!);
      expect(jainIndex(spentMs)).toBeGreaterThan(0.98);
      const done = streamNames(8).map((name) => finished(simulated).filter(({ stream }) => stream === name).length);
      expect(jainIndex(done)).toBeGreaterThan(0.95);
    }
  });

  it('a client with seven streams gets as much as one with a single stream', () => {
    const streams = streamNames(8).map((stream, i) => ({
      stream,
      ratePerSecond: perSecond / (i === 0 ? 1 : 2),
      frame: { ...guided, steps: { min: 8, max: 8 }, client: i === 0 ? 'single' : 'many' },
    }));
    const arrivals = poissonArrivals(streams, { seed: 8, untilMs });
    const simulated = simulate({ options: machine.options, cost: machine.cost, arrivals, untilMs });
    const [single, ...many] = streamNames(8).map((stream) => simulated.spentMs.get(stream)!);
    expect(single! / many.reduce((sum, spentMs) => sum + spentMs, 0)).toBeGreaterThan(0.9);
    expect(jainIndex(many)).toBeGreaterThan(0.95);
  });

  it("streams of a client share by their weights, and another client's part stays what it was", () => {
    const weights = [3, 1, 1, 1];
    const streams = ['other', ...streamNames(4)].map((stream, i) => ({
      stream,
      ratePerSecond: perSecond,
      frame: {
        ...guided,
        steps: { min: 8, max: 8 },
        client: i === 0 ? 'other' : 'weighted',
        weight: i === 0 ? 1 : weights[i - 1]!,
      },
    }));
    const arrivals = poissonArrivals(streams, { seed: 8, untilMs });
    const simulated = simulate({
      options: { ...machine.options, maxFrames: 128 },
      cost: machine.cost,
      arrivals,
      untilMs,
    });
    const [other, ...weighted] = ['other', ...streamNames(4)].map((stream) => simulated.spentMs.get(stream)!);
    const spentMs = weighted.reduce((sum, ms) => sum + ms, 0);
    expect(other! / spentMs).toBeGreaterThan(0.9);
    expect(jainIndex(weighted.map((ms, i) => ms / weights[i]!))).toBeGreaterThan(0.95);
  });

  it('shares are of compute time, not of frames: large pictures get fewer frames', () => {
    const large = { key: '512x512', pixels: 512 * 512 };
    const streams = streamNames(4).map((stream, i) => ({
      stream,
      ratePerSecond: perSecond / 2,
      frame: i < 2 ? guided : { ...guided, size: large },
    }));
    const arrivals = poissonArrivals(streams, { seed: 2, untilMs });
    const simulated = simulate({
      options: { ...machine.options, maxFrames: 128 },
      cost: machine.cost,
      arrivals,
      untilMs,
    });
    expect(jainIndex([...simulated.spentMs.values()])).toBeGreaterThan(0.95);
    const done = (name: string): number => finished(simulated).filter(({ stream }) => stream === name).length;
    expect(done('s0') + done('s1')).toBeGreaterThan(2 * (done('s2') + done('s3')));
  });

  it('streams with different decoders get about equal shares, though previews go ahead of everything', () => {
    const { size, preview } = guided;
    const closing = ['encoder'];
    const decoders: readonly FrameTemplate[] = [
      { size, preview, perStep: [], closing, steps: { min: 0, max: 0 } },
      { size, preview, perStep: [['denoiser', 'denoiser']], closing, steps: { min: 4, max: 8 } },
      { size, preview, perStep: [['denoiser'], ['encoderVjp'], ['encoderVjp']], closing, steps: { min: 4, max: 16 } },
      { ...guided, closing },
    ];
    const streams = decoders.map((frame, i) => ({
      stream: `s${i}`,
      ratePerSecond: perSecond * (i === 0 ? 4 : 1),
      frame,
    }));
    const arrivals = poissonArrivals(streams, { seed: 7, untilMs });
    const options = { ...machine.options, maxFrames: 128, maxBacklogMs: 2 * deadlineMs };
    const simulated = simulate({ options, cost: machine.cost, arrivals, untilMs });
    expect(jainIndex([...simulated.spentMs.values()])).toBeGreaterThan(0.9);
  });

  it('a stream that floods loses what it has too much; those within their share lose nothing', () => {
    for (const changes of [{}, { deadlineMs }]) {
      const streams = [
        { stream: 'flood', ratePerSecond: 3 * perSecond, frame: { ...guided, ...changes } },
        ...streamNames(3).map((stream) => ({
          stream,
          ratePerSecond: perSecond / 10,
          frame: { ...guided, ...changes },
        })),
      ];
      const arrivals = poissonArrivals(streams, { seed: 3, untilMs });
      const simulated = simulate({ options: machine.options, cost: machine.cost, arrivals });
      const light = simulated.ended.filter(({ stream }) => stream !== 'flood');
      expect(light.filter(({ outcome }) => outcome !== 'finished').length).toBeLessThanOrEqual(0.03 * light.length);
      const flood = finished(simulated).filter(({ stream }) => stream === 'flood');
      // And what they leave over is its: 30 % of the machine went to the others.
      expect((1000 * flood.length) / simulated.endMs).toBeGreaterThan(0.5 * perSecond);
      expect(percentile(latencies(light.filter(({ outcome }) => outcome === 'finished')), 0.5)).toBeLessThan(
        percentile(latencies(flood), 0.5),
      );
    }
  });

  it('a rare picture size waits no longer than the others', () => {
    const rare = { key: '320x192', pixels: 320 * 192 };
    const streams = streamNames(8).map((stream, i) => ({
      stream,
      ratePerSecond: perSecond / 4,
      frame: { ...guided, size: i === 0 ? rare : guided.size },
    }));
    const arrivals = poissonArrivals(streams, { seed: 4, untilMs });
    const simulated = simulate({
      options: { ...machine.options, maxFrames: 128 },
      cost: machine.cost,
      arrivals,
      untilMs,
    });
    const others = streamNames(8)
      .slice(1)
      .map((stream) => simulated.spentMs.get(stream)!);
    expect(simulated.spentMs.get('s0')!).toBeGreaterThan(0.8 * mean(others));
    const latency = (own: boolean): number =>
      percentile(latencies(finished(simulated).filter(({ stream }) => (stream === 's0') === own)), 0.95);
    expect(latency(true)).toBeLessThan(1.5 * latency(false));
  });

  it('deadlines that can be met are met, however costs vary', () => {
    for (const cost of [machine.cost, noisy(machine.cost, 0.3, 5)]) {
      const simulated = offerLoad(each, 0.4, { deadlineMs }, { cost });
      expect(simulated.ended.length).toBeGreaterThan(100);
      expect(inTime(simulated).length).toBeGreaterThanOrEqual(0.99 * simulated.ended.length);
    }
  });

  it('an admitted frame is in time, except for a few', () => {
    for (const load of [0.7, 2]) {
      const simulated = offerLoad(each, load, { deadlineMs });
      const late = finished(simulated).length - inTime(simulated).length;
      expect(late + withOutcome(simulated, 'dropped').length).toBeLessThan(0.05 * finished(simulated).length);
    }
  });

  it('steps fall smoothly with load, and frames are refused only when there are few left to take', () => {
    const options = { ...machine.options, maxFrames: 128, maxBacklogMs: 2 * deadlineMs };
    for (const changes of [{}, { deadlineMs }]) {
      const runs = [0.1, 0.4, 0.6, 0.8, 1.2].map((load) => offerLoad(each, load, changes, { options }));
      const steps = runs.map(meanSteps);
      expect(steps[0]).toBeGreaterThan(11.5);
      expect(steps.at(-1)).toBeLessThan(4.5);
      for (let i = 1; i < steps.length; i++) {
        expect(steps[i]!).toBeLessThan(steps[i - 1]!);
      }
      for (const run of runs.filter((_, i) => steps[i]! > 6)) {
        expect(refused(run).length).toBeLessThanOrEqual(0.01 * run.ended.length);
      }
    }
  });

  it('at twice the rate that saturates it, it does at least 80 % of its best, in bounded memory', () => {
    for (const changes of [{}, { deadlineMs }]) {
      const options = { ...machine.options, maxFrames: 64, maxBacklogMs: 2 * deadlineMs };
      const runs = [0.8, 1, 1.5, 2, 4].map((load) => offerLoad(each, load, changes, { options }));
      const peak = Math.max(...runs.map(goodput));
      for (const run of runs.slice(1)) {
        expect(goodput(run)).toBeGreaterThan(0.85 * peak);
        expect(run.maxFrames).toBeLessThanOrEqual(64);
        expect(run.maxBacklogMs).toBeLessThan(1.05 * 2 * deadlineMs);
        // Every frame has its end, and a reason if it is a bad one.
        expect(finished(run).length + refused(run).length).toBe(run.ended.length);
        const { offered, finished: done, displaced, dropped, refused: no } = run.scheduler.stats(run.endMs).totals;
        expect(offered).toBe(run.ended.length);
        expect(done + displaced + dropped + no['queue-full'] + no['too-many-steps'] + no.deadline).toBe(offered);
      }
    }
  });

  it('keeps its workers busy while there is work for all of them', () => {
    const simulated = offerLoad(each, 2, {}, { untilMs });
    expect(simulated.busyShare).toBeGreaterThan(0.98);
    const { utilisation, totals } = simulated.scheduler.stats(untilMs);
    expect(utilisation).toBeGreaterThan(0.98);
    expect(totals.busyMs).toBeGreaterThan(0.97 * untilMs * machine.options.workers);
  });

  it('previews are there within a few runs, whatever the load', () => {
    const longestMs = Math.max(
      ...machine.options.buckets.map((bucket) => machine.cost('posteriorStep', 65_536, bucket)),
    );
    for (const load of [0.5, 2]) {
      const previews = offerLoad(each, load, { deadlineMs }).ended.flatMap(({ arrival, previewMs }) =>
        previewMs === undefined ? [] : [previewMs - arrival.atMs],
      );
      expect(percentile(previews, 0.99)).toBeLessThan(1.5 * longestMs);
    }
  });

  it('a cancelled stream has no row in any later job, and its workers go to others with the next step', () => {
    const rowsAfter: string[] = [];
    const sizes: number[] = [];
    offerLoad(
      each,
      2,
      {},
      {
        untilMs: untilMs / 3,
        onEvent: (scheduler, nowMs) => {
          // Again and again, as the other end of this simulation goes on offering frames.
          if (nowMs > untilMs / 6) {
            sizes.push(scheduler.size - scheduler.cancelStream('s3').length - scheduler.size);
          }
        },
        onJob: (job, nowMs) => {
          rowsAfter.push(...(nowMs > untilMs / 6 ? job.rows : []).map(({ stream, purpose }) => `${stream} ${purpose}`));
        },
      },
    );
    // The first cancels what was there; places are free at once.
    expect(sizes[0]).toBe(0);
    expect(rowsAfter.length).toBeGreaterThan(50);
    expect(rowsAfter.filter((row) => row === 's3 step').length).toBeLessThanOrEqual(1);
  });

  it('eight streams take no longer than one after another', () => {
    const frames = streamNames(8).flatMap((stream) =>
      Array.from({ length: 6 }, (_, frame): Arrival => ({
        ...guided,
        steps: { min: 8, max: 8 },
        stream,
        frame,
        atMs: 0,
      })),
    );
    const together = simulate({ options: machine.options, cost: machine.cost, arrivals: frames });
    const oneByOne = streamNames(8).map((stream) =>
      simulate({
        options: machine.options,
        cost: machine.cost,
        arrivals: frames.filter((frame) => frame.stream === stream),
      }),
    );
    expect(finished(together)).toHaveLength(48);
    // But for the last frame, when one worker may have nothing left.
    expect(together.endMs).toBeLessThanOrEqual(1.02 * oneByOne.reduce((sum, { endMs }) => sum + endMs, 0));
    // Nobody is last with everything.
    const means = streamNames(8).map((name) => mean(latencies(together.ended.filter(({ stream }) => stream === name))));
    expect(jainIndex(means)).toBeGreaterThan(0.95);
  });
});

describe('a batch', () => {
  it('is shared by frames of many streams: a GPU does several times what it does one by one', () => {
    const [, gpu] = machines;
    const batched = offerLoad(gpu, 2, {});
    const single = offerLoad(gpu, 2, {}, { options: { workers: 1, buckets: [1], maxFrames: 128 } });
    expect(batched.rows / batched.jobs).toBeGreaterThan(6);
    expect(goodput(batched)).toBeGreaterThan(1.7 * goodput(single));
  });
});
