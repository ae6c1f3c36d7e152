/**
 * What deciding costs: `plan()` and `admit()` with many frames admitted.
 *
 *     npx tsx packages/scheduler/bench/plan.ts [--json FILE|-] [--frames N] [--plans N]
 *
 * N frames (1000 by default) of 32 streams, half of them with deadlines, two image sizes, on two CPU workers and on a
 * GPU with batches of up to 16. Each plan is followed by the completion of the earliest of its jobs, in simulated time;
 * a frame that ends is replaced by a new one. Times are those of single calls; beside them stands what a whole round
 * (plan, complete, request, now and then admit) takes of the CPU, which other programs on the machine don't add to.
 */
import { parseArgs } from 'node:util';
import { randomFor } from '@semcast/core';
import { StepScheduler, type FrameOffer, type Job } from '@semcast/scheduler';
import { writeBenchReport } from '@semcast/testkit';

const SEED = 1;
const STREAMS = 32;

const { values: flags } = parseArgs({
  options: {
    json: { type: 'string' },
    frames: { type: 'string', default: '1000' },
    plans: { type: 'string', default: '2000' },
  },
});
const frames = Number(flags.frames);
const plans = Number(flags.plans);
if (!Number.isSafeInteger(frames) || frames < 1 || !Number.isSafeInteger(plans) || plans < 1) {
  console.error('--frames and --plans take positive integers');
  process.exit(2);
}

interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

function quantiles(timesUs: number[]): Quantiles {
  timesUs.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(10 * timesUs[Math.floor(share * (timesUs.length - 1))]!) / 10;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

interface Row {
  readonly plan: Quantiles;
  readonly admit: Quantiles;
  readonly roundCpu: number;
}

function run(workers: number, buckets: number[], costMs: (job: Job) => number): Row {
  const random = randomFor({ seed: SEED, stream: 'bench', frame: 0, purpose: 'frames' });
  const scheduler = new StepScheduler({ workers, buckets, maxFrames: frames, maxBacklogMs: 86_400_000 });
  const running: { job: Job; endMs: number }[] = [];
  const planUs: number[] = [];
  const admitUs: number[] = [];
  let nowMs = 0;
  let next = 0;

  const offer = (): void => {
    const side = random.uniform() < 0.5 ? 256 : 512;
    const frame: FrameOffer = {
      stream: `s${next % STREAMS}`,
      frame: next++,
      size: { key: `${side}x${side}`, pixels: side * side },
      preview: ['decoder'],
      perStep: [['posteriorStep']],
      closing: ['encoder'],
      steps: { min: 4, max: 16 },
      deadlineMs: random.uniform() < 0.5 ? undefined : nowMs + 4e6,
    };
    const before = performance.now();
    const { admitted } = scheduler.admit(frame, nowMs);
    admitUs.push(1000 * (performance.now() - before));
    if (!admitted) {
      throw new Error(`frame ${frame.frame} was refused`);
    }
  };

  for (let i = 0; i < frames; i++) {
    offer();
  }
  admitUs.length = 0;
  const cpuBefore = process.cpuUsage();
  for (let i = 0; i < plans; i++) {
    const before = performance.now();
    const { jobs } = scheduler.plan(nowMs);
    planUs.push(1000 * (performance.now() - before));
    for (const job of jobs) {
      running.push({ job, endMs: nowMs + costMs(job) });
    }
    running.sort((a, b) => a.endMs - b.endMs);
    const { job, endMs } = running.shift()!;
    nowMs = endMs;
    for (const { stream, frame, purpose, steps } of scheduler.complete(job.id, nowMs)) {
      const { step } = job.rows.find((row) => row.stream === stream && row.frame === frame)!;
      if (purpose === 'closing') {
        scheduler.finish({ stream, frame });
        offer();
      } else if (purpose === 'step' && step + 1 === steps) {
        scheduler.request({ stream, frame }, { purpose: 'closing', evaluations: ['encoder'] });
      } else {
        const done = purpose === 'step' ? step + 1 : 0;
        scheduler.request({ stream, frame }, { purpose: 'step', step: done, evaluations: ['posteriorStep'] });
      }
    }
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { plan: quantiles(planUs), admit: quantiles(admitUs), roundCpu: Math.round((user + system) / plans) };
}

const costOf = ({ graph, size }: Job): number => (graph === 'posteriorStep' ? 3 : 1) * (size === '256x256' ? 1 : 4);
const rows = [
  { device: 'cpu, 2 workers', ...run(2, [1], (job) => 40 * costOf(job)) },
  { device: 'gpu, batches to 16', ...run(1, [1, 2, 4, 8, 16], (job) => 4 + costOf(job) * job.bucket) },
];

writeBenchReport(
  { schema: 'semcast.bench.scheduler/1', seed: SEED, frames, plans, unit: 'microseconds', rows },
  flags.json,
  rows.map(({ device, plan, admit, roundCpu }) => ({
    device,
    'plan p50 µs': plan.p50,
    'p95 µs': plan.p95,
    'max µs': plan.max,
    'admit p50 µs': admit.p50,
    'admit p95 µs': admit.p95,
    'round, CPU µs': roundCpu,
  })),
);
