/**
 * What frames get at rising load, in simulated time: steps, latency, refusals.
 *
 *     npx tsx packages/scheduler/bench/overload.ts [--json FILE|-]
 *
 * Eight streams at Poisson times, frames of 4 to 12 guided steps with a deadline, on two simulated CPU workers (120 ms a
 * step, deadline 6 s) and on a simulated GPU (4 ms a run and 3 ms a row, batches to 16, deadline 0.5 s). Load 1 is the
 * rate at which frames of 4 steps would just keep the machine busy. No clock is read: the figures are the same on every
 * machine.
 */
import { parseArgs } from 'node:util';
import { writeBenchReport } from '@semcast/testkit';
import { CPU, GPU, guided, jainIndex, poissonArrivals, simulate, type Ended } from '../test/simulator.js';

const SEED = 1;
const LOADS = [0.2, 0.4, 0.6, 0.8, 1, 2, 4];

const { values: flags } = parseArgs({ options: { json: { type: 'string' } } });

const machines = [
  { name: 'CPU', ...CPU, perSecond: 1000 / ((4 * 120 + 16) / 2), deadlineMs: 6000, untilMs: 120_000 },
  { name: 'GPU', ...GPU, perSecond: 1000 / ((4 * 52) / 16 + 0.9), deadlineMs: 500, untilMs: 20_000 },
];

function percentile(values: readonly number[], share: number): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? 0);
}

const rows = machines.flatMap(({ name, options, cost, perSecond, deadlineMs, untilMs }) =>
  LOADS.map((load) => {
    const streams = Array.from({ length: 8 }, (_, i) => ({
      stream: `s${i}`,
      ratePerSecond: (load * perSecond) / 8,
      frame: { ...guided, deadlineMs },
    }));
    const arrivals = poissonArrivals(streams, { seed: SEED, untilMs });
    const simulated = simulate({
      options: { ...options, maxFrames: 64, maxBacklogMs: 2 * deadlineMs },
      cost,
      arrivals,
    });
    const { ended, endMs } = simulated;
    const which = (...outcomes: readonly Ended['outcome'][]): Ended[] =>
      ended.filter(({ outcome }) => outcomes.includes(outcome));
    const finished = which('finished');
    const late = finished.filter(({ arrival, atMs }) => atMs > arrival.atMs + deadlineMs);
    const latencies = finished.map(({ arrival, atMs }) => atMs - arrival.atMs);
    const previews = finished.map(({ arrival, previewMs }) => previewMs! - arrival.atMs);
    return {
      machine: name,
      load,
      offeredPerSecond: load * perSecond,
      goodputPerSecond: (1000 * (finished.length - late.length)) / endMs,
      meanSteps: finished.reduce((sum, { steps }) => sum + steps, 0) / finished.length,
      refusedShare: which('queue-full', 'too-many-steps', 'deadline', 'displaced').length / ended.length,
      missedShare: (late.length + which('dropped').length) / ended.length,
      latencyMs: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) },
      previewP99Ms: percentile(previews, 0.99),
      mostFrames: simulated.maxFrames,
      jain: jainIndex([...simulated.spentMs.values()]),
      rowsPerJob: simulated.rows / simulated.jobs,
    };
  }),
);

writeBenchReport(
  { schema: 'semcast.bench.scheduler-overload/1', seed: SEED, device: 'simulated', rows },
  flags.json,
  rows.map((row) => ({
    machine: row.machine,
    load: row.load,
    'offered/s': row.offeredPerSecond.toFixed(1),
    'in time/s': row.goodputPerSecond.toFixed(1),
    steps: row.meanSteps.toFixed(1),
    refused: `${(100 * row.refusedShare).toFixed(1)} %`,
    missed: `${(100 * row.missedShare).toFixed(1)} %`,
    'p50 / p99 ms': `${row.latencyMs.p50} / ${row.latencyMs.p99}`,
    'preview p99 ms': row.previewP99Ms,
    'most frames': row.mostFrames,
    Jain: row.jain.toFixed(3),
    'rows/run': row.rowsPerJob.toFixed(1),
  })),
);
