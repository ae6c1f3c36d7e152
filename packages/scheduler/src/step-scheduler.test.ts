import { describe, expect, it } from 'vitest';
import { FrameOfferError, SchedulerStateError } from './errors.js';
import type { FrameKey, FrameOffer } from './frame.js';
import type { SchedulerOptionsInput } from './options.js';
import type { Job, Plan } from './plan.js';
import { StepScheduler } from './step-scheduler.js';

const size = { key: '256x256', pixels: 65_536 };
const gpu = { buckets: [1, 2, 4, 8, 16] };

/** A frame; by default of three guided steps and nothing else. */
function offerOf(stream: string, frame = 0, changes: Partial<FrameOffer> = {}): FrameOffer {
  return { stream, frame, size, perStep: [['posteriorStep']], steps: { min: 3, max: 3 }, ...changes };
}

/** A scheduler that knows that every graph takes 10 ms a row, and each run so much more. */
function schedulerOf(options: SchedulerOptionsInput = {}, runMs = 0): StepScheduler {
  const scheduler = new StepScheduler(options);
  for (const graph of ['posteriorStep', 'denoiser', 'decoder', 'encoder']) {
    for (const bucket of scheduler.options.buckets) {
      scheduler.observe(graph, size, bucket, runMs + 10 * bucket);
    }
  }
  return scheduler;
}

function admit(scheduler: StepScheduler, ...offers: readonly FrameOffer[]): void {
  for (const offer of offers) {
    expect(scheduler.admit(offer, 0)).toEqual({ admitted: true, displaced: [] });
  }
}

const names = (keys: readonly FrameKey[]): string[] => keys.map(({ stream, frame }) => `${stream}${frame}`);
const rowsOf = ({ jobs }: Plan): string[][] => jobs.map(({ rows }) => names(rows));

/** Run the one job that is planned, for 10 ms a row, and let each answered frame ask for its next step or finish. */
function runStep(scheduler: StepScheduler, nowMs: number): { job: Job; nowMs: number } {
  const { jobs } = scheduler.plan(nowMs);
  expect(jobs).toHaveLength(1);
  const job = jobs[0]!;
  const doneMs = nowMs + 10 * job.bucket;
  for (const { purpose, steps, ...key } of scheduler.complete(job.id, doneMs)) {
    const { step } = job.rows.find((row) => row.stream === key.stream && row.frame === key.frame)!;
    const next = purpose === 'step' ? step + 1 : 0;
    if (next === steps) {
      scheduler.finish(key);
    } else {
      scheduler.request(key, { purpose: 'step', step: next, evaluations: ['posteriorStep'] });
    }
  }
  return { job, nowMs: doneMs };
}

describe('a frame', () => {
  it('has its preview, its steps and its closing, one after another', () => {
    const scheduler = schedulerOf();
    const key = { stream: 'a', frame: 7 };
    admit(scheduler, offerOf('a', 7, { preview: ['decoder'], closing: ['encoder'], steps: { min: 2, max: 2 } }));
    const jobs: object[] = [];
    const run = (nowMs: number): void => {
      const [job] = scheduler.plan(nowMs).jobs;
      jobs.push(job!);
      expect(scheduler.plan(nowMs).jobs).toEqual([]);
      expect(names(scheduler.complete(job!.id, nowMs + 10))).toEqual(['a7']);
      expect(scheduler.plan(nowMs + 10).jobs).toEqual([]);
    };
    run(0);
    scheduler.request(key, { purpose: 'step', step: 0, evaluations: ['posteriorStep'] });
    run(10);
    scheduler.request(key, { purpose: 'step', step: 1, evaluations: ['denoiser'] });
    run(20);
    scheduler.request(key, { purpose: 'closing', evaluations: ['encoder'] });
    run(30);
    expect(scheduler.finish(key)).toBe(true);
    const job = { worker: 0, size: '256x256', bucket: 1 };
    const row = { ...key, evaluation: 0, steps: 2 };
    expect(jobs).toEqual([
      { ...job, id: 0, graph: 'decoder', rows: [{ ...row, purpose: 'preview', step: 0 }] },
      { ...job, id: 1, graph: 'posteriorStep', rows: [{ ...row, purpose: 'step', step: 0 }] },
      { ...job, id: 2, graph: 'denoiser', rows: [{ ...row, purpose: 'step', step: 1 }] },
      { ...job, id: 3, graph: 'encoder', rows: [{ ...row, purpose: 'closing', step: 2 }] },
    ]);
    expect(scheduler.size).toBe(0);
    expect(scheduler.stats(40).totals).toMatchObject({
      offered: 1,
      finished: 1,
      steps: 2,
      jobs: 4,
      rows: 4,
      busyMs: 40,
    });
  });

  it('has evaluations of one request side by side, and is answered when all are back', () => {
    const scheduler = schedulerOf({ workers: 2 });
    admit(scheduler, offerOf('a', 0, { perStep: [['denoiser', 'denoiser']] }));
    const { jobs } = scheduler.plan(0);
    expect(jobs.map(({ worker, rows }) => [worker, rows[0]!.evaluation])).toEqual([
      [0, 0],
      [1, 1],
    ]);
    expect(scheduler.complete(jobs[1]!.id, 9)).toEqual([]);
    expect(scheduler.complete(jobs[0]!.id, 10)).toEqual([{ stream: 'a', frame: 0, purpose: 'step', steps: 3 }]);
  });

  it('has evaluations of one request in one batch, where there are batches', () => {
    const scheduler = schedulerOf(gpu);
    admit(scheduler, offerOf('a', 0, { perStep: [['denoiser', 'denoiser', 'posteriorStep']] }));
    const [first] = scheduler.plan(0).jobs;
    expect([first!.graph, first!.rows.map(({ evaluation }) => evaluation)]).toEqual(['denoiser', [0, 1]]);
    expect(scheduler.complete(first!.id, 20)).toEqual([]);
    const [second] = scheduler.plan(20).jobs;
    expect([second!.graph, second!.rows.map(({ evaluation }) => evaluation)]).toEqual(['posteriorStep', [2]]);
    expect(scheduler.complete(second!.id, 30)).toHaveLength(1);
  });

  it('may make several requests a step', () => {
    const scheduler = schedulerOf();
    const key = { stream: 'a', frame: 0 };
    admit(scheduler, offerOf('a', 0, { perStep: [['denoiser'], ['denoiser']], steps: { min: 2, max: 2 } }));
    for (const [i, step] of [0, 0, 1, 1].entries()) {
      const [job] = scheduler.plan(10 * i).jobs;
      expect(job!.rows[0]).toMatchObject({ step, steps: 2 });
      expect(scheduler.stats(10 * i).backlogMs.planned).toBeCloseTo(10 * (3 - i));
      scheduler.complete(job!.id, 10 * i + 10);
      if (i < 3) {
        scheduler.request(key, { purpose: 'step', step: i < 1 ? 0 : 1, evaluations: ['denoiser'] });
      }
    }
    scheduler.finish(key);
    expect(scheduler.stats(40).totals.steps).toBe(2);
  });
});

describe('the time that a graph took to be loaded', () => {
  it('is not expected again', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a', 0, { perStep: [['denoiser']], steps: { min: 3, max: 3 } }));
    scheduler.complete(scheduler.plan(0).jobs[0]!.id, 5010, 5000);
    scheduler.request({ stream: 'a', frame: 0 }, { purpose: 'step', step: 1, evaluations: ['denoiser'] });
    expect(scheduler.stats(5010).backlogMs.planned).toBeCloseTo(20);
  });
});

describe('batches', () => {
  it('hold one graph and one size, whosever frames they are', () => {
    const scheduler = schedulerOf(gpu, 20);
    const other = { key: '64x96', pixels: 64 * 96 };
    admit(
      scheduler,
      offerOf('a'),
      offerOf('b', 0, { size: other }),
      offerOf('c'),
      offerOf('d', 0, { perStep: [['denoiser']] }),
      offerOf('e'),
    );
    const batches: string[][] = [];
    for (let nowMs = 0; scheduler.size > 0;) {
      const { job, nowMs: doneMs } = runStep(scheduler, nowMs);
      nowMs = doneMs;
      batches.push([job.graph, job.size, ...names(job.rows).sort()]);
      for (const { stream, frame } of job.rows) {
        scheduler.cancel({ stream, frame });
      }
    }
    expect(batches.sort((a, b) => a.join().localeCompare(b.join()))).toEqual([
      ['denoiser', '256x256', 'd0'],
      ['posteriorStep', '256x256', 'a0', 'c0', 'e0'],
      ['posteriorStep', '64x96', 'b0'],
    ]);
  });

  it('are joined and left at every step', () => {
    const scheduler = schedulerOf(gpu, 20);
    admit(scheduler, offerOf('a', 0, { steps: { min: 2, max: 2 } }), offerOf('b'));
    let { job, nowMs } = runStep(scheduler, 0);
    expect(names(job.rows).sort()).toEqual(['a0', 'b0']);
    scheduler.admit(offerOf('c'), nowMs);
    ({ job, nowMs } = runStep(scheduler, nowMs));
    expect(names(job.rows).sort()).toEqual(['a0', 'b0', 'c0']);
    expect(job.bucket).toBe(4);
    ({ job, nowMs } = runStep(scheduler, nowMs));
    expect(names(job.rows).sort()).toEqual(['b0', 'c0']);
    ({ job, nowMs } = runStep(scheduler, nowMs));
    expect(names(job.rows)).toEqual(['c0']);
    expect(scheduler.size).toBe(0);
    expect(scheduler.stats(nowMs).totals).toMatchObject({ jobs: 4, rows: 8, paddedRows: 1, steps: 8 });
  });

  it('take streams along that are ahead of their share where that is cheap, while others wait', () => {
    const rows = (runMs: number): number => {
      const scheduler = schedulerOf(gpu, runMs);
      const other = { key: '64x96', pixels: 64 * 96 };
      admit(scheduler, ...Array.from({ length: 8 }, (_, frame) => offerOf('a', frame)));
      expect(scheduler.plan(0).jobs[0]!.rows).toHaveLength(8);
      scheduler.cancelStream('a');
      scheduler.complete(0, 1000);
      admit(
        scheduler,
        ...Array.from({ length: 8 }, (_, frame) => offerOf('a', frame)),
        offerOf('b', 0, { size: other }),
      );
      return scheduler.plan(1000).jobs[0]!.rows.length;
    };
    expect([0, 5, 50].map(rows)).toEqual([1, 1, 8]);
  });

  it('are no larger than the largest bucket', () => {
    const scheduler = schedulerOf({ ...gpu, maxFrames: 100 });
    admit(scheduler, ...Array.from({ length: 20 }, (_, frame) => offerOf(`s${frame % 5}`, frame)));
    const [job] = scheduler.plan(0).jobs;
    expect([job!.bucket, job!.rows.length]).toEqual([16, 16]);
  });
});

describe('the order of service', () => {
  it('ends one frame before it begins the next, within a stream', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a', 0), offerOf('a', 1));
    const served: string[] = [];
    for (let nowMs = 0; scheduler.size > 0;) {
      const { job, nowMs: doneMs } = runStep(scheduler, nowMs);
      nowMs = doneMs;
      served.push(...names(job.rows));
    }
    expect(served).toEqual(['a0', 'a0', 'a0', 'a1', 'a1', 'a1']);
  });

  it('lets a stream with one frame in after the running frame of one with a hundred', () => {
    const scheduler = schedulerOf({ maxFrames: 200 });
    admit(scheduler, ...Array.from({ length: 100 }, (_, frame) => offerOf('busy', frame)));
    let { nowMs } = runStep(scheduler, 0);
    scheduler.admit(offerOf('light'), nowMs);
    const served: string[] = [];
    while (!served.includes('light0')) {
      const { job, nowMs: doneMs } = runStep(scheduler, nowMs);
      nowMs = doneMs;
      served.push(...names(job.rows));
    }
    expect(served).toEqual(['busy0', 'busy0', 'light0']);
  });

  it('puts the earlier deadline first among streams that had their share', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a', 0, { deadlineMs: 900 }), offerOf('b', 0, { deadlineMs: 100 }));
    expect(rowsOf(scheduler.plan(0))).toEqual([['b0']]);
  });

  it('puts a frame last that can not be in time any more, so that it makes no other late', () => {
    const scheduler = schedulerOf({ safety: 1 });
    admit(
      scheduler,
      offerOf('x', 0, { deadlineMs: 70 }),
      offerOf('y', 0, { deadlineMs: 70 }),
      offerOf('z', 0, { deadlineMs: 130, steps: { min: 6, max: 6 } }),
    );
    // The runner comes 15 ms late: x can be done at 45, y at 75 at the earliest, and z and another only without y.
    expect(scheduler.admit(offerOf('w', 0, { deadlineMs: 140 }), 15).admitted).toBe(true);
    const ended: [string, number][] = [];
    for (let nowMs = 15; scheduler.size > 0;) {
      const before = ['w', 'x', 'y', 'z'].filter((stream) => scheduler.has({ stream, frame: 0 }));
      ({ nowMs } = runStep(scheduler, nowMs));
      for (const stream of before) {
        if (!scheduler.has({ stream, frame: 0 })) {
          ended.push([stream, nowMs]);
        }
      }
    }
    expect(ended).toEqual([
      ['x', 45],
      ['y', 55],
      ['z', 105],
      ['w', 135],
    ]);
    expect(scheduler.stats(135).totals).toMatchObject({ finished: 3, dropped: 1 });
  });

  it('puts previews first, but lets a step by after four', () => {
    const scheduler = schedulerOf({ maxFrames: 100 });
    admit(scheduler, offerOf('steps', 0, { steps: { min: 50, max: 50 } }));
    admit(scheduler, ...Array.from({ length: 10 }, (_, frame) => offerOf('p', frame, { preview: ['decoder'] })));
    const served: string[] = [];
    for (let nowMs = 0; served.length < 14;) {
      const { job, nowMs: doneMs } = runStep(scheduler, nowMs);
      nowMs = doneMs;
      served.push(job.graph === 'decoder' ? 'preview' : 'step');
    }
    const four = ['preview', 'preview', 'preview', 'preview'];
    expect(served).toEqual([...four, 'step', ...four, 'step', 'preview', 'preview', 'step', 'step']);
  });
});

describe('admission', () => {
  it('takes as many frames as it may, and says why it takes no more', () => {
    const scheduler = schedulerOf({ maxFrames: 3 });
    admit(scheduler, offerOf('a', 0), offerOf('a', 1), offerOf('a', 2));
    expect(scheduler.admit(offerOf('a', 3), 0)).toEqual({
      admitted: false,
      reason: 'queue-full',
      detail: '3 frames are waiting or running already',
    });
    expect(scheduler.has({ stream: 'a', frame: 3 })).toBe(false);
    scheduler.cancel({ stream: 'a', frame: 1 });
    expect(scheduler.admit(offerOf('a', 3), 0).admitted).toBe(true);
    expect(scheduler.stats(0).totals).toMatchObject({
      offered: 5,
      refused: { 'queue-full': 1, 'too-many-steps': 0, deadline: 0 },
      cancelled: 1,
    });
  });

  it('counts what is running', () => {
    const scheduler = schedulerOf();
    scheduler.observe('slow', size, 1, 100);
    admit(scheduler, offerOf('a', 0, { perStep: [['slow']], steps: { min: 1, max: 1 } }));
    expect(scheduler.plan(0).jobs).toHaveLength(1);
    expect(scheduler.admit(offerOf('b', 0, { deadlineMs: 120 }), 0)).toMatchObject({ admitted: false });
    expect(scheduler.admit(offerOf('b', 0, { deadlineMs: 160 }), 0)).toMatchObject({ admitted: true });
  });

  it('takes as much work as it may, at the fewest steps', () => {
    const scheduler = schedulerOf({ workers: 2, maxBacklogMs: 100 });
    const steps = { min: 10, max: 20 };
    admit(scheduler, offerOf('a', 0, { steps }), offerOf('a', 1, { steps }));
    expect(scheduler.admit(offerOf('a', 2, { steps }), 0)).toMatchObject({ admitted: false, reason: 'queue-full' });
  });

  it('refuses a frame that insists on more than the share of its stream, and lets nobody else pay for one within it', () => {
    const scheduler = schedulerOf({ maxBacklogMs: 1000 });
    const insisting = (min: number) => ({ steps: { min, max: 1000 } });
    expect(scheduler.admit(offerOf('a', 0, insisting(101)), 0)).toEqual({
      admitted: false,
      reason: 'too-many-steps',
      detail: 'its fewest steps, 101, need 1010 ms of this receiver, and the share of its stream is 1000 ms',
    });
    admit(scheduler, offerOf('a', 0, insisting(100)));
    scheduler.plan(0);
    // The backlog is full, and nothing of it can be put out: that is its stream's business alone.
    expect(scheduler.admit(offerOf('a', 1), 0)).toMatchObject({ admitted: false, reason: 'queue-full' });
    admit(scheduler, offerOf('b', 0, insisting(50)), offerOf('c', 0, insisting(33)));
    expect(scheduler.admit(offerOf('d', 0, insisting(26)), 0)).toMatchObject({ reason: 'too-many-steps' });
    expect(scheduler.admit(offerOf('b', 1), 0)).toMatchObject({ reason: 'queue-full' });
    admit(scheduler, offerOf('d', 0), offerOf('d', 1));
    expect(scheduler.stats(0).totals.refused).toEqual({ 'queue-full': 2, 'too-many-steps': 2, deadline: 0 });
  });

  it('takes a frame of one pass alone, however long that is, and one of which nobody knows how long', () => {
    const onePass = offerOf('a', 0, { preview: ['decoder'], perStep: [], steps: { min: 0, max: 0 } });
    expect(schedulerOf({ maxBacklogMs: 1 }).admit(onePass, 0).admitted).toBe(true);
    expect(new StepScheduler({ maxBacklogMs: 1 }).admit(offerOf('a'), 0).admitted).toBe(true);
  });

  it('gives who sends many streams no more of the backlog than who sends one', () => {
    const scheduler = schedulerOf({ maxBacklogMs: 1000 });
    const many = (stream: string, min: number) => offerOf(stream, 0, { client: 'many', steps: { min, max: min } });
    for (let i = 0; i < 9; i++) {
      scheduler.admit(many(`m${i}`, 10), 0);
    }
    // Alone it may have all; beside another, a tenth of a half for each stream.
    expect(scheduler.size).toBe(9);
    admit(scheduler, offerOf('single', 0, { steps: { min: 50, max: 50 } }));
    expect(scheduler.admit(many('m9', 6), 0)).toMatchObject({ reason: 'too-many-steps' });
    expect(scheduler.admit(many('m9', 5), 0)).toMatchObject({ admitted: true });
  });

  it('refuses a frame that could not be in time on an empty machine', () => {
    const scheduler = schedulerOf();
    expect(scheduler.admit(offerOf('a', 0, { deadlineMs: 29 }), 0)).toEqual({
      admitted: false,
      reason: 'deadline',
      detail: 'the deadline is 29 ms away, and 3 steps take 30 ms',
    });
    expect(scheduler.admit(offerOf('a', 0, { deadlineMs: 40 }), 0).admitted).toBe(true);
    expect(scheduler.admit(offerOf('b', 0, { deadlineMs: 40 }), 50)).toMatchObject({ reason: 'deadline' });
  });

  it('knows nothing of costs at first, and then lets a deadline try', () => {
    const scheduler = new StepScheduler();
    expect(scheduler.admit(offerOf('a', 0, { deadlineMs: 20 }), 0).admitted).toBe(true);
  });

  it('refuses a frame that would be late behind those ahead, or make one late', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a', 0, { deadlineMs: 40 }), offerOf('c', 0, { deadlineMs: 80 }));
    expect(scheduler.admit(offerOf('b', 0, { deadlineMs: 90 }), 0)).toMatchObject({
      admitted: false,
      reason: 'queue-full',
      detail: 'the frames ahead leave too little time before the deadline',
    });
    expect(scheduler.admit(offerOf('b', 0, { deadlineMs: 35 }), 0)).toMatchObject({
      admitted: false,
      reason: 'queue-full',
      detail: 'another frame would miss its deadline',
    });
    expect(scheduler.admit(offerOf('b', 0, { deadlineMs: 120 }), 0).admitted).toBe(true);
  });

  it('refuses a waiting frame of a stream that holds more, in the stead of one of a stream that holds less', () => {
    const scheduler = schedulerOf({ maxFrames: 3 });
    admit(scheduler, offerOf('a', 0), offerOf('a', 1), offerOf('a', 2));
    expect(scheduler.admit(offerOf('b', 0), 0)).toEqual({ admitted: true, displaced: [{ stream: 'a', frame: 2 }] });
    expect(scheduler.has({ stream: 'a', frame: 2 })).toBe(false);
    // b would hold as much as a would keep: neither goes for the other.
    expect(scheduler.admit(offerOf('b', 1), 0)).toMatchObject({ admitted: false });
    expect(scheduler.admit(offerOf('c', 0), 0)).toEqual({ admitted: true, displaced: [{ stream: 'a', frame: 1 }] });
    expect(scheduler.admit(offerOf('d', 0), 0)).toMatchObject({ admitted: false });
    expect(scheduler.stats(0).totals).toMatchObject({ offered: 7, displaced: 2, refused: { 'queue-full': 2 } });
  });

  it('puts a frame out of the client that holds most, however its streams are called; else among its own streams', () => {
    const scheduler = schedulerOf({ maxFrames: 5 });
    const many = (stream: string, frame = 0) => offerOf(stream, frame, { client: 'many' });
    admit(scheduler, many('m0'), many('m0', 1), many('m1'), many('m1', 1), offerOf('calm'));
    // A stream of many's that holds nothing yet doesn't put out what calm has.
    expect(scheduler.admit(many('m2'), 0)).toEqual({ admitted: true, displaced: [{ stream: 'm1', frame: 1 }] });
    // Each of many's streams holds as much as calm; together they hold more.
    expect(scheduler.admit(offerOf('calm', 1), 0)).toEqual({
      admitted: true,
      displaced: [{ stream: 'm0', frame: 1 }],
    });
    expect(scheduler.admit(many('m3'), 0)).toMatchObject({ admitted: false, reason: 'queue-full' });
  });

  it('puts nobody out who has begun, and puts back whoever would go in vain', () => {
    const scheduler = schedulerOf({ maxFrames: 2, workers: 2 });
    const steps = { min: 9, max: 9 };
    admit(scheduler, offerOf('a', 0, { steps }), offerOf('a', 1, { steps }));
    const { jobs } = scheduler.plan(0);
    expect(scheduler.admit(offerOf('b', 0), 0)).toMatchObject({ admitted: false });
    for (const { id } of jobs) {
      for (const key of scheduler.complete(id, 10)) {
        scheduler.request(key, { purpose: 'step', step: 1, evaluations: ['posteriorStep'] });
      }
    }
    expect(scheduler.admit(offerOf('b', 0), 10)).toMatchObject({ admitted: false });

    const busy = schedulerOf({ maxBacklogMs: 100 });
    admit(busy, offerOf('a', 0), offerOf('a', 1), offerOf('a', 2));
    expect(busy.admit(offerOf('b', 0, { steps: { min: 9, max: 9 } }), 0)).toMatchObject({ admitted: false });
    expect(busy.size).toBe(3);
    expect(busy.stats(0).backlogMs.fewest).toBeCloseTo(90);
  });
});

describe('a spare run', () => {
  it('gets a worker that frames leave free, one at a time, and is no frame', () => {
    const scheduler = schedulerOf({ workers: 3 });
    admit(scheduler, offerOf('a'));
    expect(scheduler.spare('encoder', size, 0)).toMatchObject({ graph: 'encoder', bucket: 1, rows: [] });
    expect(scheduler.spare('encoder', size, 0)).toBeUndefined();
    const { jobs } = scheduler.plan(0);
    expect(jobs).toHaveLength(1);
    expect(scheduler.stats(0)).toMatchObject({ frames: 1, runningJobs: 2, totals: { jobs: 2, rows: 1 } });
    expect(scheduler.complete(0, 10)).toEqual([]);
    expect(scheduler.stats(10)).toMatchObject({ frames: 1, runningJobs: 1 });
    expect(scheduler.spare('encoder', size, 10)?.id).toBe(2);
    expect(scheduler.fail(2, 20)).toEqual([]);
  });

  it('takes a fiftieth of the time of workers that frames would keep busy', () => {
    const scheduler = schedulerOf();
    admit(scheduler, ...Array.from({ length: 60 }, (_, frame) => offerOf('a', frame)));
    let spareMs = 0;
    let nowMs = 0;
    while (nowMs < 1500) {
      const job = scheduler.spare('encoder', size, nowMs);
      if (job === undefined) {
        ({ nowMs } = runStep(scheduler, nowMs));
      } else {
        nowMs += 10;
        spareMs += 10;
        scheduler.complete(job.id, nowMs);
      }
    }
    expect(spareMs).toBe(30);
  });
});

describe('steps', () => {
  const steps = { min: 4, max: 12 };

  it('are the most when there is time, and as many as there is time for', () => {
    const granted = (deadlineMs: number | undefined): number => {
      const scheduler = schedulerOf({ safety: 1 });
      admit(scheduler, offerOf('a', 0, { steps, deadlineMs }));
      return scheduler.plan(0).jobs[0]!.rows[0]!.steps;
    };
    expect([undefined, 1000, 120, 119, 85, 41, 40].map(granted)).toEqual([12, 12, 12, 11, 8, 4, 4]);
  });

  it('are shared out by equal shares among all that a deadline makes hurry', () => {
    const scheduler = schedulerOf({ safety: 1 });
    admit(scheduler, ...['a', 'b', 'c'].map((stream) => offerOf(stream, 0, { steps, deadlineMs: 240 })));
    const granted = new Map<string, number>();
    for (let nowMs = 0; scheduler.size > 0;) {
      const { job, nowMs: doneMs } = runStep(scheduler, nowMs);
      nowMs = doneMs;
      granted.set(job.rows[0]!.stream, job.rows[0]!.steps);
      expect(nowMs).toBeLessThanOrEqual(240);
    }
    expect([...granted.values()]).toEqual([8, 8, 8]);
  });

  it('of those behind a hurried frame are what is left, shared in the same way', () => {
    const scheduler = schedulerOf({ safety: 1 });
    admit(
      scheduler,
      offerOf('a', 0, { steps, deadlineMs: 100 }),
      offerOf('b', 0, { steps, deadlineMs: 100 }),
      offerOf('c', 0, { steps, deadlineMs: 170 }),
    );
    expect(scheduler.plan(0).jobs[0]!.rows[0]!.steps).toBe(5);
    // One step of a is running; four of a, five of b and seven of c are to come.
    expect(scheduler.stats(0).backlogMs.planned).toBeCloseTo(160);
  });

  it('are not taken from others for a deadline that has nothing to do with them', () => {
    const scheduler = schedulerOf({ workers: 2, safety: 1 });
    admit(scheduler, offerOf('hasty', 0, { steps, deadlineMs: 45 }), offerOf('calm', 0, { steps }));
    const rows = scheduler.plan(0).jobs.map((job) => [job.rows[0]!.stream, job.rows[0]!.steps]);
    expect(rows).toEqual([
      ['hasty', 4],
      ['calm', 12],
    ]);
  });

  it('fall as the scheduler fills up, from half of the most frames on, and are the fewest when it refuses', () => {
    const granted = (offers: number): number => {
      const scheduler = schedulerOf({ maxFrames: 16 });
      for (let frame = 0; frame < offers; frame++) {
        scheduler.admit(offerOf('a', frame, { steps }), 0);
      }
      return scheduler.plan(0).jobs[0]!.rows[0]!.steps;
    };
    expect([1, 8, 10, 12, 14, 16, 20, 30].map(granted)).toEqual([12, 12, 11, 10, 9, 7, 5, 4]);
  });

  it('are the most again once the scheduler has been empty', () => {
    const scheduler = schedulerOf({ maxFrames: 2 });
    for (let frame = 0; frame < 50; frame++) {
      scheduler.admit(offerOf('a', frame, { steps }), 0);
    }
    scheduler.cancelStream('a');
    admit(scheduler, offerOf('a', 50, { steps }));
    expect(scheduler.plan(0).jobs[0]!.rows[0]!.steps).toBe(12);
  });

  it('fall for frames without a deadline when others would wait longer than the target', () => {
    const scheduler = schedulerOf({ safety: 1, targetWaitMs: 300, maxFrames: 100 });
    admit(scheduler, ...Array.from({ length: 5 }, (_, frame) => offerOf('a', frame, { steps })));
    // Four frames ahead of the last: at most 75 ms, seven steps, each.
    expect(scheduler.plan(0).jobs[0]!.rows[0]!.steps).toBe(7);
    expect(scheduler.stats(0).stepShare).toBeLessThan(0.6);
  });

  it('are cut short for a running frame when nothing else keeps a deadline', () => {
    const scheduler = schedulerOf({ safety: 1 });
    const key = { stream: 'long', frame: 0 };
    admit(scheduler, offerOf('long', 0, { steps: { min: 2, max: 50 }, deadlineMs: 510 }));
    let nowMs = 0;
    for (let step = 0; step < 5; step++) {
      const ran = runStep(scheduler, nowMs);
      nowMs = ran.nowMs;
      expect(ran.job.rows[0]!.steps).toBe(50);
    }
    // The machine turns out ten times as slow.
    const [slow] = scheduler.plan(nowMs).jobs;
    nowMs += 410;
    expect(scheduler.complete(slow!.id, nowMs)).toHaveLength(1);
    scheduler.request(key, { purpose: 'step', step: 6, evaluations: ['posteriorStep'] });
    const { jobs, finishEarly } = scheduler.plan(nowMs);
    expect(finishEarly).toEqual([]);
    // 50 ms are left, and a step is thought to take 14 to 30 ms now.
    expect(jobs[0]!.rows[0]!.steps).toBeGreaterThanOrEqual(7);
    expect(jobs[0]!.rows[0]!.steps).toBeLessThan(10);
  });

  it('are not cut in the middle of one', () => {
    const scheduler = schedulerOf({ safety: 1 });
    const key = { stream: 'a', frame: 0 };
    const perStep = [['denoiser'], ['denoiser']];
    admit(scheduler, offerOf('a', 0, { perStep, steps: { min: 1, max: 50 }, deadlineMs: 510 }));
    const run = (nowMs: number, doneMs: number, step: number): Plan => {
      const plan = scheduler.plan(nowMs);
      scheduler.complete(plan.jobs[0]!.id, doneMs);
      scheduler.request(key, { purpose: 'step', step, evaluations: ['denoiser'] });
      return plan;
    };
    expect(run(0, 10, 0).jobs[0]!.rows[0]).toMatchObject({ step: 0, steps: 25 });
    run(10, 20, 1);
    run(20, 505, 1);
    expect(run(505, 509, 2).jobs[0]!.rows[0]).toMatchObject({ step: 1, steps: 2 });
    expect(names(scheduler.plan(509).finishEarly)).toEqual(['a0']);
  });

  it('end when the deadline passes, with what there is if that is enough', () => {
    const scheduler = schedulerOf();
    const key = { stream: 'a', frame: 0 };
    admit(scheduler, offerOf('a', 0, { steps: { min: 1, max: 50 }, deadlineMs: 510, closing: ['encoder'] }));
    const { nowMs } = runStep(scheduler, 0);
    expect(scheduler.plan(nowMs).jobs).toHaveLength(1);
    expect(scheduler.complete(1, 600)).toHaveLength(1);
    scheduler.request(key, { purpose: 'step', step: 2, evaluations: ['posteriorStep'] });
    const plan = scheduler.plan(600);
    expect([plan.jobs, names(plan.finishEarly), plan.dropped]).toEqual([[], ['a0'], []]);
    // It keeps its place for a last evaluation.
    expect(scheduler.request(key, { purpose: 'closing', evaluations: ['encoder'] })).toBe(true);
    expect(scheduler.plan(600).jobs[0]!.graph).toBe('encoder');
    scheduler.complete(2, 610);
    expect(scheduler.finish(key)).toBe(true);
    expect(scheduler.stats(610).totals).toMatchObject({ finished: 1, finishedEarly: 1, steps: 2 });
  });

  it('are none where the preview will do and there is no time', () => {
    const scheduler = schedulerOf({ safety: 1 });
    const key = { stream: 'a', frame: 0 };
    admit(scheduler, offerOf('a', 0, { preview: ['decoder'], steps: { min: 0, max: 9 }, deadlineMs: 15 }));
    scheduler.complete(scheduler.plan(0).jobs[0]!.id, 10);
    scheduler.request(key, { purpose: 'step', step: 0, evaluations: ['posteriorStep'] });
    const plan = scheduler.plan(10);
    expect([plan.jobs, names(plan.finishEarly)]).toEqual([[], ['a0']]);
    scheduler.finish(key);
    expect(scheduler.stats(10).totals).toMatchObject({ finished: 1, steps: 0 });
  });

  it('drop a frame that can not be in time any more, before it costs anything', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a', 0, { deadlineMs: 100 }), offerOf('b', 0));
    const { jobs } = scheduler.plan(0);
    expect(names(jobs[0]!.rows)).toEqual(['a0']);
    scheduler.complete(jobs[0]!.id, 90);
    scheduler.request({ stream: 'a', frame: 0 }, { purpose: 'step', step: 1, evaluations: ['posteriorStep'] });
    const plan = scheduler.plan(90);
    expect([names(plan.dropped), rowsOf(plan)]).toEqual([['a0'], [['b0']]]);
    expect(scheduler.has({ stream: 'a', frame: 0 })).toBe(false);
    expect(scheduler.stats(90).totals.dropped).toBe(1);
  });

  it('stay as asked for where fewest and most are the same', () => {
    const scheduler = schedulerOf({ maxFrames: 8 });
    admit(scheduler, ...Array.from({ length: 8 }, (_, frame) => offerOf('a', frame, { steps: { min: 30, max: 30 } })));
    expect(scheduler.plan(0).jobs[0]!.rows[0]!.steps).toBe(30);
  });
});

describe('memory', () => {
  const large = { key: '512x512', pixels: 4 * 65_536 };
  const room = { workers: 4, maxPixels: 5 * 65_536 };
  const end = (scheduler: StepScheduler, { jobs }: Plan, nowMs: number): void => {
    for (const job of jobs) {
      for (const key of scheduler.complete(job.id, nowMs)) {
        scheduler.finish(key);
      }
    }
  };
  const once = { steps: { min: 1, max: 1 } };

  it('keeps frames waiting as they came, and lets in the next when one has ended', () => {
    const scheduler = schedulerOf({ ...room, maxPixels: 2 * 65_536 });
    admit(scheduler, ...[0, 1, 2, 3].map((frame) => offerOf('a', frame, once)), offerOf('b', 0, once));
    const first = scheduler.plan(0);
    expect(rowsOf(first)).toEqual([['a0'], ['b0']]);
    expect(scheduler.stats(0)).toMatchObject({ frames: 5, readyEvaluations: 3, pixels: 2 * 65_536 });
    expect(scheduler.plan(5).jobs).toEqual([]);
    end(scheduler, { ...first, jobs: first.jobs.slice(0, 1) }, 10);
    const second = scheduler.plan(10);
    expect(rowsOf(second)).toEqual([['a1']]);
    end(scheduler, { ...first, jobs: first.jobs.slice(1) }, 10);
    expect(rowsOf(scheduler.plan(10))).toEqual([['a2']]);
  });

  it('is held from the first run to the end, whatever ends a frame, and not by who waits', () => {
    const scheduler = schedulerOf({ ...room, maxFrames: 4 });
    const begun = offerOf('a', 0, { size: large, preview: ['decoder'] });
    admit(scheduler, begun, offerOf('a', 1, { size: large }));
    const [preview] = scheduler.plan(0).jobs;
    scheduler.complete(preview!.id, 10);
    expect([scheduler.plan(10).jobs, scheduler.stats(10).pixels]).toEqual([[], large.pixels]);
    scheduler.cancel({ stream: 'a', frame: 1 });
    expect(scheduler.stats(10).pixels).toBe(large.pixels);
    scheduler.cancel({ stream: 'a', frame: 0 });
    expect(scheduler.stats(10).pixels).toBe(0);
    admit(scheduler, offerOf('a', 2, { size: large }));
    const [failing] = scheduler.plan(20).jobs;
    scheduler.fail(failing!.id, 30);
    expect(scheduler.stats(30).pixels).toBe(0);
  });

  it('is free again when a frame that has had its preview is displaced', () => {
    const scheduler = schedulerOf({ ...room, workers: 1, maxFrames: 2 });
    admit(scheduler, offerOf('a', 0), offerOf('a', 1, { preview: ['decoder'] }));
    const [preview] = scheduler.plan(0).jobs;
    expect(preview!.rows[0]).toMatchObject({ frame: 1, purpose: 'preview' });
    scheduler.complete(preview!.id, 10);
    scheduler.request({ stream: 'a', frame: 1 }, { purpose: 'step', step: 0, evaluations: ['posteriorStep'] });
    expect(scheduler.stats(10).pixels).toBe(65_536);
    expect(scheduler.admit(offerOf('b'), 10)).toMatchObject({ displaced: [{ stream: 'a', frame: 1 }] });
    expect(scheduler.stats(10).pixels).toBe(0);
  });

  it('goes to a large frame in its turn, and to no smaller one before it', () => {
    const scheduler = schedulerOf(room);
    const order = [offerOf('a', 0, once), offerOf('b', 0, { ...once, size: large }), offerOf('c', 0, once)];
    admit(scheduler, offerOf('a', 1, once));
    const first = scheduler.plan(0);
    admit(scheduler, ...order.map((offer, i) => ({ ...offer, stream: 'd', frame: i, deadlineMs: 1000 + i })));
    const second = scheduler.plan(1);
    // 4 + 1 of 5 are taken when d0 runs beside a1: d1 doesn't fit, and d2 doesn't overtake it.
    expect([rowsOf(first), rowsOf(second)]).toEqual([[['a1']], [['d0']]]);
    end(scheduler, first, 10);
    expect(rowsOf(scheduler.plan(10))).toEqual([['d1']]);
    end(scheduler, second, 10);
    expect(rowsOf(scheduler.plan(10))).toEqual([['d2']]);
  });

  it('is there for a frame alone, however large it is, and for no other beside it', () => {
    const scheduler = schedulerOf({ ...room, maxPixels: 65_536 });
    admit(scheduler, offerOf('a', 0, { ...once, size: large }), offerOf('a', 1, once));
    const plan = scheduler.plan(0);
    expect(rowsOf(plan)).toEqual([['a0']]);
    end(scheduler, plan, 10);
    expect(rowsOf(scheduler.plan(10))).toEqual([['a1']]);
  });

  it('bounds batches, too', () => {
    const scheduler = schedulerOf({ ...gpu, maxPixels: 3 * 65_536 });
    admit(scheduler, ...['a', 'b', 'c', 'd', 'e'].map((stream) => offerOf(stream)));
    expect(rowsOf(scheduler.plan(0)).flat()).toHaveLength(2);
    expect(scheduler.stats(0).pixels).toBe(2 * 65_536);
  });
});

describe('cancelling', () => {
  it('frees places at once, and workers with the step that they are at', () => {
    const scheduler = schedulerOf({ workers: 2, maxFrames: 2 });
    admit(scheduler, offerOf('a', 0), offerOf('a', 1));
    const { jobs } = scheduler.plan(0);
    expect(scheduler.cancelStream('a')).toEqual([0, 1]);
    expect(scheduler.size).toBe(0);
    admit(scheduler, offerOf('b', 0), offerOf('b', 1));
    expect(scheduler.plan(5).jobs).toEqual([]);
    for (const { id } of jobs) {
      expect(scheduler.complete(id, 10)).toEqual([]);
    }
    expect(rowsOf(scheduler.plan(10))).toEqual([['b0'], ['b1']]);
    expect(scheduler.cancelStream('a')).toEqual([]);
    expect(scheduler.cancel({ stream: 'a', frame: 0 })).toBe(false);
    expect(scheduler.stats(10).totals.cancelled).toBe(2);
  });

  it('takes one row out of a batch that is running, and no other', () => {
    const scheduler = schedulerOf(gpu);
    admit(scheduler, offerOf('a'), offerOf('b'));
    const [job] = scheduler.plan(0).jobs;
    scheduler.cancel({ stream: 'a', frame: 0 });
    expect(names(scheduler.complete(job!.id, 20))).toEqual(['b0']);
  });

  it('does not mistake results of a cancelled frame for those of its successor', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a'));
    const [old] = scheduler.plan(0).jobs;
    scheduler.cancel({ stream: 'a', frame: 0 });
    admit(scheduler, offerOf('a'));
    expect(scheduler.complete(old!.id, 10)).toEqual([]);
    const [job] = scheduler.plan(10).jobs;
    expect(scheduler.complete(job!.id, 20)).toHaveLength(1);
  });

  it('while the runner works on a frame makes what it says next fall on deaf ears', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a'));
    scheduler.complete(scheduler.plan(0).jobs[0]!.id, 10);
    scheduler.cancelStream('a');
    const key = { stream: 'a', frame: 0 };
    expect(scheduler.request(key, { purpose: 'step', step: 1, evaluations: ['posteriorStep'] })).toBe(false);
    expect(scheduler.finish(key)).toBe(false);
  });
});

describe('failure', () => {
  it('of a batch runs its rows again, each alone; of a row alone gives its frame up', () => {
    const scheduler = schedulerOf(gpu);
    admit(scheduler, offerOf('a'), offerOf('b'));
    const [batch] = scheduler.plan(0).jobs;
    expect(scheduler.fail(batch!.id, 5)).toEqual([]);
    const [first] = scheduler.plan(5).jobs;
    expect(first!.rows).toHaveLength(1);
    expect(names(scheduler.fail(first!.id, 10))).toEqual(names(first!.rows));
    const [second] = scheduler.plan(10).jobs;
    expect(second!.rows).toHaveLength(1);
    expect(names(scheduler.complete(second!.id, 20))).not.toEqual(names(first!.rows));
    expect(scheduler.size).toBe(1);
    expect(scheduler.stats(20).totals).toMatchObject({ failed: 1, jobs: 3, rows: 4 });
  });

  it('keeps a frame that failed in a batch out of batches that others lead', () => {
    const scheduler = schedulerOf(gpu, 20);
    admit(scheduler, offerOf('a'), offerOf('b'));
    scheduler.fail(scheduler.plan(0).jobs[0]!.id, 5);
    admit(scheduler, offerOf('c', 0, { deadlineMs: 5000 }), offerOf('d', 0, { deadlineMs: 5000 }));
    expect(rowsOf(scheduler.plan(5))).toEqual([['c0', 'd0']]);
  });

  it('teaches nothing about costs', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a'), offerOf('b'));
    scheduler.fail(scheduler.plan(0).jobs[0]!.id, 5000);
    expect(scheduler.stats(5000).backlogMs.planned).toBeCloseTo(30);
  });

  it('of a frame that was cancelled concerns nobody', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a'));
    const [job] = scheduler.plan(0).jobs;
    scheduler.cancelStream('a');
    expect(scheduler.fail(job!.id, 10)).toEqual([]);
    expect(scheduler.stats(10).totals).toMatchObject({ cancelled: 1, failed: 0 });
  });
});

describe('what a runner may not say', () => {
  it('a frame twice', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a'));
    expect(() => scheduler.admit(offerOf('a'), 0)).toThrow(FrameOfferError);
    expect(scheduler.stats(0).totals.offered).toBe(1);
  });

  it('a job that is not running', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a'));
    const [job] = scheduler.plan(0).jobs;
    scheduler.complete(job!.id, 10);
    expect(() => scheduler.complete(job!.id, 10)).toThrow(SchedulerStateError);
    expect(() => scheduler.fail(99, 10)).toThrow(SchedulerStateError);
  });

  it('a request of a frame that waits for results, or for a step that can not be next', () => {
    const scheduler = schedulerOf();
    const key = { stream: 'a', frame: 0 };
    admit(scheduler, offerOf('a'));
    expect(() => scheduler.finish(key)).toThrow(SchedulerStateError);
    const step = { purpose: 'step', evaluations: ['posteriorStep'] } as const;
    expect(() => scheduler.request(key, { ...step, step: 1 })).toThrow(SchedulerStateError);
    scheduler.complete(scheduler.plan(0).jobs[0]!.id, 10);
    for (const wrong of [-1, 0.5, 2, Number.NaN]) {
      expect(() => scheduler.request(key, { ...step, step: wrong })).toThrow(FrameOfferError);
    }
    expect(() => scheduler.request(key, { ...step, step: 1, evaluations: [] })).toThrow(FrameOfferError);
    expect(scheduler.request(key, { ...step, step: 1 })).toBe(true);
  });

  it('that time runs backwards: it stands still then', () => {
    const scheduler = schedulerOf();
    admit(scheduler, offerOf('a'));
    const [job] = scheduler.plan(1000).jobs;
    scheduler.complete(job!.id, 990);
    expect(scheduler.stats(500).totals.busyMs).toBe(0);
  });
});
