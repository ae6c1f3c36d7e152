/**
 * How many frames a second one to ten decode workers at a queue take with p99 below 2 s, in simulated time.
 *
 *     npx tsx packages/scheduler/bench/workers.ts [--preview-ms 132] [--step-ms 320] [--json FILE|-]
 *
 * Each worker has two threads, a step scheduler of its own (the real one) and places for four frames, as a receiver with
 * `--role decode` has; it takes the oldest frame of the queue whenever it has a place. Frames come at Poisson times from
 * a fixed seed, and are a preview, and for `distilled` one step. A run takes what was recorded, ±20 % uniformly: by
 * default what docs/results/load.md has of two cores: decoding of `jscc` at its capacity, and of `distilled` at a tenth of
 * its own less that. The queue itself takes no time here, and no clock is read: the
 * figures are the same on every machine.
 */
import { parseArgs } from 'node:util';
import { randomFor } from '@semcast/core';
import { writeBenchReport } from '@semcast/testkit';
import { StepScheduler, type Job } from '../src/index.js';
import { noisy, type CostModel } from '../test/simulator.js';

const SEED = 1;
const THREADS = 2;
/** Batches that run, and as many frames that wait for the next: `capacity` of a worker at the queue. */
const PLACES = 2 * THREADS;
const SECONDS = 120;
const OBJECTIVE_MS = 2000;
const PIXELS = 256 * 256;

const { values: flags } = parseArgs({
  options: {
    'preview-ms': { type: 'string', default: '132' },
    'step-ms': { type: 'string', default: '320' },
    json: { type: 'string' },
  },
});
const costsMs = { decoder: Number(flags['preview-ms']), student: Number(flags['step-ms']) };
const recorded: CostModel = (graph) => costsMs[graph as keyof typeof costsMs];

const DECODERS = { jscc: 0, distilled: 1 } as const;
type DecoderName = keyof typeof DECODERS;

interface Worker {
  readonly scheduler: StepScheduler;
  running: { readonly job: Job; readonly endMs: number }[];
}

interface Simulated {
  /** Frames that were decoded by the time at which the last one came, a second. */
  readonly goodput: number;
  readonly p50Ms: number;
  /** Over the frames that came up to two seconds before the end; those without a picture by then are never. */
  readonly p99Ms: number;
  readonly busyShare: number;
}

function simulate(decoder: DecoderName, workers: number, ratePerSecond: number): Simulated {
  const steps = DECODERS[decoder];
  const cost = noisy(recorded, 0.2, SEED);
  const random = randomFor({ seed: SEED, stream: 'queue', frame: 0, purpose: 'arrivals' });
  const gapMs = (): number => (-1000 * Math.log(1 - random.uniform())) / ratePerSecond;
  const crew = Array.from({ length: workers }, (): Worker => {
    const scheduler = new StepScheduler({ workers: THREADS, buckets: [1] });
    return { scheduler, running: [] };
  });
  const queue: number[] = [];
  const cameMs: number[] = [];
  /** By frame; those that are missing have no picture yet. */
  const tookMs: number[] = [];
  const untilMs = 1000 * SECONDS;
  let nextMs = gapMs();
  let busyMs = 0;
  let first = 0;
  for (let nowMs = 0; nowMs < untilMs;) {
    nowMs = Math.min(nextMs, ...crew.flatMap(({ running }) => running.map(({ endMs }) => endMs)));
    if (nowMs >= untilMs) {
      break;
    }
    if (nowMs === nextMs) {
      queue.push(cameMs.push(nowMs) - 1);
      nextMs += gapMs();
    }
    const changed = new Set<Worker>();
    for (const worker of crew) {
      const { scheduler } = worker;
      for (const { job } of worker.running.filter(({ endMs }) => endMs <= nowMs)) {
        changed.add(worker);
        for (const { stream, frame, purpose } of scheduler.complete(job.id, nowMs)) {
          if (purpose === 'preview' && steps > 0) {
            scheduler.request({ stream, frame }, { purpose: 'step', step: 0, evaluations: ['student'] });
          } else {
            scheduler.finish({ stream, frame });
            tookMs[frame] = nowMs - cameMs[frame]!;
          }
        }
      }
      worker.running = worker.running.filter(({ endMs }) => endMs > nowMs);
    }
    // Each worker asks for one frame at a time, and none is first for ever.
    for (let asked = true; asked && queue.length > 0;) {
      asked = false;
      for (let i = 0; i < workers && queue.length > 0; i++) {
        const worker = crew[(first + i) % workers]!;
        const { scheduler } = worker;
        if (scheduler.size < PLACES) {
          changed.add(worker);
          const frame = queue.shift()!;
          const size = { key: '256x256', pixels: PIXELS };
          const stream = `s${frame % 64}`;
          scheduler.admit(
            {
              stream,
              frame,
              size,
              preview: ['decoder'],
              perStep: steps > 0 ? [['student']] : [],
              steps: { min: steps, max: steps },
            },
            nowMs,
          );
          asked = true;
        }
      }
      first += 1;
    }
    for (const { scheduler, running } of changed) {
      for (const job of scheduler.plan(nowMs).jobs) {
        const ms = cost(job.graph, PIXELS, job.bucket);
        running.push({ job, endMs: nowMs + ms });
        busyMs += ms;
      }
    }
  }
  // Later ones had less time than the objective gives.
  const judged = cameMs.filter((atMs) => atMs < untilMs - OBJECTIVE_MS).map((_, frame) => tookMs[frame] ?? Infinity);
  const sorted = judged.toSorted((a, b) => a - b);
  return {
    goodput: tookMs.filter((ms) => ms !== undefined).length / SECONDS,
    p50Ms: sorted[Math.floor(sorted.length / 2)] ?? Infinity,
    p99Ms: sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Infinity,
    busyShare: busyMs / (workers * THREADS * untilMs),
  };
}

/** The highest rate with p99 below the objective, within 4 %. */
function capacity(decoder: DecoderName, workers: number): number {
  let [low, high] = [0, (2 * workers * THREADS * 1000) / (costsMs.decoder + DECODERS[decoder] * costsMs.student)];
  while (high - low > 0.04 * high) {
    const rate = (low + high) / 2;
    [low, high] = simulate(decoder, workers, rate).p99Ms < OBJECTIVE_MS ? [rate, high] : [low, rate];
  }
  return low;
}

const rows = (['jscc', 'distilled'] as const).flatMap((decoder) => {
  const one = capacity(decoder, 1);
  return [1, 2, 5, 10].map((workers) => {
    const rate = workers === 1 ? one : capacity(decoder, workers);
    return {
      decoder,
      workers,
      ratePerSecond: rate,
      ofOneEach: rate / workers / one,
      at: simulate(decoder, workers, rate),
      atThree: simulate(decoder, workers, 3 * rate).goodput / rate,
    };
  });
});

writeBenchReport(
  { schema: 'semcast.bench.workers/1', seed: SEED, device: 'simulated', costsMs, rows },
  flags.json,
  rows.map(({ decoder, workers, ratePerSecond, ofOneEach, at, atThree }) => ({
    decoder,
    workers,
    'frames/s with p99 < 2 s': ratePerSecond.toFixed(1),
    'of so many single ones': `${(100 * ofOneEach).toFixed(0)} %`,
    'p50 / p99 ms': `${at.p50Ms.toFixed(0)} / ${at.p99Ms.toFixed(0)}`,
    busy: `${(100 * at.busyShare).toFixed(0)} %`,
    'goodput at 300 %': `${(100 * atThree).toFixed(0)} %`,
  })),
);
