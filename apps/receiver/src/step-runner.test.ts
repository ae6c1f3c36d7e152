import { getEventListeners, setMaxListeners } from 'node:events';
import type { DecoderEvaluation } from '@semcast/posterior';
import { StepScheduler, type FrameOffer, type SchedulerOptionsInput } from '@semcast/scheduler';
import { FrameDropError } from '@semcast/wire';
import { describe, expect, it } from 'vitest';
import type { NetworkResult, NetworkRow } from './networks/network-rows.js';
import { StepRunner, type FrameHandle, type StepRunnerOptions } from './step-runner.js';

const never = new AbortController().signal;
setMaxListeners(0, never); // all frames of this file share it
const turn = async (): Promise<void> => {
  // Two: what a job's end sets off runs in the first, and is planned in the second.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
};

/** A row that says whose it is. */
type NamedRow = NetworkRow & { readonly name: string };
const rowNamed = (graph: string, name: string): NamedRow => ({ graph, name }) as unknown as NamedRow;

interface Run {
  readonly names: readonly string[];
  readonly bucket: number;
  end(): void;
  fail(error: Error): void;
}

/** A runner whose networks wait for the test; a row's result is the row. */
function start(
  options: SchedulerOptionsInput = {},
  extra: Pick<StepRunnerOptions, 'planAhead' | 'maxSpare' | 'onWaiting' | 'now'> = {},
) {
  const runs: Run[] = [];
  const batches: number[] = [];
  const runner = new StepRunner({
    scheduler: new StepScheduler(options),
    networks: {
      run: async (rows, bucket) =>
        new Promise((resolve, reject) => {
          runs.push({
            names: (rows as readonly NamedRow[]).map(({ name }) => name),
            bucket,
            end: () => resolve(rows as unknown as readonly NetworkResult[]),
            fail: reject,
          });
        }),
    },
    onBatch: (rows) => batches.push(rows),
    ...extra,
  });
  return { runner, runs, batches };
}

const offerOf = (stream: string, frame: number, changes: Partial<FrameOffer> = {}): FrameOffer => ({
  stream,
  frame,
  size: { key: '64x64', pixels: 4096 },
  preview: ['decoder'],
  perStep: [['denoiser']],
  closing: ['encoder'],
  steps: { min: 4, max: 4 },
  ...changes,
});

function admit(runner: StepRunner, stream: string, frame = 0, changes: Partial<FrameOffer> = {}, signal = never) {
  const oneShot = (): DecoderEvaluation => rowNamed('decoder', `${stream}${frame} preview`) as DecoderEvaluation;
  return runner.admit(offerOf(stream, frame, changes), { oneShot, signal });
}

/** A frame of so many steps, from its one-shot decode to its end. @returns the names of what it was given */
async function decode(handle: FrameHandle, steps = 4): Promise<string[]> {
  const name = `${handle.stream}${handle.frame}`;
  const seen = [(await handle.oneShot) as unknown as NamedRow];
  for (let step = 0; step < steps; step++) {
    const results = await handle.step(step, ['denoiser'], () => [rowNamed('denoiser', `${name} step ${step}`)]);
    if (results === null) {
      seen.push(rowNamed('denoiser', `${name} early`));
      break;
    }
    seen.push(...(results as unknown as NamedRow[]));
  }
  handle.finish();
  return seen.map((row) => row.name);
}

/** End runs, oldest first, until nothing comes any more. */
async function finishAll(runs: Run[]): Promise<string[][]> {
  const order: string[][] = [];
  for (await turn(); runs.length > 0; await turn()) {
    const run = runs.shift()!;
    order.push([...run.names]);
    run.end();
  }
  return order;
}

describe('StepRunner', () => {
  it('runs a frame from its one-shot decode through its steps to its last encode', async () => {
    const { runner, runs } = start();
    const handle = admit(runner, 'a');
    await turn();
    expect(runs.map(({ names }) => names)).toEqual([['a0 preview']]);
    runs.shift()!.end();
    await handle.oneShot;
    const granted: number[] = [];
    for (let step = 0; step < 4; step++) {
      const answer = handle.step(step, ['denoiser'], (steps) => {
        granted.push(steps);
        return [rowNamed('denoiser', `step ${step}`)];
      });
      await turn();
      runs.shift()!.end();
      expect(await answer).toEqual([rowNamed('denoiser', `step ${step}`)]);
    }
    const encoded = handle.encode(rowNamed('encoder', 'last') as never);
    await turn();
    runs.shift()!.end();
    expect(await encoded).toEqual(rowNamed('encoder', 'last'));
    handle.finish();
    expect(granted).toEqual([4, 4, 4, 4]);
    expect(handle.evaluations).toBe(4);
    expect(runner.stats().frames).toBe(0);
    expect(runner.stats().totals).toMatchObject({ offered: 1, finished: 1, steps: 4, jobs: 6 });
  });

  it('gives each worker one run at a time, and previews go first', async () => {
    const { runner, runs } = start({ workers: 2 });
    const frames = ['a', 'b', 'c'].map((stream) => decode(admit(runner, stream)));
    await turn();
    expect(runs.map(({ names }) => names)).toEqual([['a0 preview'], ['b0 preview']]);
    runs.shift()!.end();
    await turn();
    expect(runs.map(({ names }) => names)).toEqual([['b0 preview'], ['c0 preview']]);
    await finishAll(runs);
    expect((await Promise.all(frames)).map((names) => names.length)).toEqual([5, 5, 5]);
  });

  it('batches rows of different frames, and gives each frame its own results', async () => {
    const { runner, runs, batches } = start({ buckets: [1, 2, 4] });
    const names = ['a', 'b', 'c', 'd'];
    const frames = names.map((stream) => decode(admit(runner, stream)));
    const order = await finishAll(runs);
    expect(order).toContainEqual(names.map((name) => `${name}0 step 1`));
    expect(batches).toEqual(order.map(({ length }) => length));
    const all = ['preview', 'step 0', 'step 1', 'step 2', 'step 3'];
    expect(await Promise.all(frames)).toEqual(names.map((name) => all.map((what) => `${name}0 ${what}`)));
  });

  it('lets two evaluations of one request run side by side, and answers when both are there', async () => {
    const { runner, runs } = start({ workers: 2 });
    const handle = admit(runner, 'a', 0, { perStep: [['denoiser', 'encoderVjp']] });
    await turn();
    runs.shift()!.end();
    await handle.oneShot;
    const answer = handle.step(0, ['denoiser', 'encoderVjp'], () => [
      rowNamed('denoiser', 'first'),
      rowNamed('encoderVjp', 'second'),
    ]);
    await turn();
    expect(runs.map(({ names }) => names)).toEqual([['first'], ['second']]);
    runs[1]!.end();
    await turn();
    runs[0]!.end();
    expect((await answer)!.map((row) => (row as unknown as NamedRow).name)).toEqual(['first', 'second']);
    handle.leave();
  });

  it('frees a cancelled frame at once, its worker after the one run that it is in', async () => {
    const { runner, runs } = start();
    const controller = new AbortController();
    const handle = admit(runner, 'a', 0, {}, controller.signal);
    const gone = decode(handle);
    const other = decode(admit(runner, 'b'));
    await turn();
    runs.shift()!.end();
    await turn();
    runs.shift()!.end();
    await turn();
    expect(runs.map(({ names }) => names)).toEqual([['a0 step 0']]);
    const reason = new Error('the stream ended');
    controller.abort(reason);
    await expect(gone).rejects.toBe(reason);
    expect(runner.stats().frames).toBe(1);
    expect(runner.stats()).toMatchObject({ frames: 1, totals: { cancelled: 1 } });
    // A stream of the same name may come back with the same frame, and gets nothing of the old one.
    const again = decode(admit(runner, 'a'));
    const order = await finishAll(runs);
    expect(order.flat().filter((name) => name.startsWith('a0'))).toEqual([
      'a0 step 0',
      'a0 preview',
      ...[0, 1, 2, 3].map((step) => `a0 step ${step}`),
    ]);
    expect((await again).slice(0, 2)).toEqual(['a0 preview', 'a0 step 0']);
    expect(await other).toHaveLength(5);
    await expect(handle.step(1, ['denoiser'], () => [])).rejects.toBe(reason);
  });

  it('leaves nothing at the signal of a frame that has ended', async () => {
    const { runner, runs } = start();
    const { signal } = new AbortController();
    const [done, left] = [admit(runner, 'a', 0, {}, signal), admit(runner, 'a', 1, {}, signal)];
    expect(getEventListeners(signal, 'abort')).toHaveLength(2);
    const decoding = decode(done);
    left.leave();
    await finishAll(runs);
    await decoding;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('does not admit a frame that nobody wants any more', () => {
    const { runner } = start();
    const reason = new Error('gone');
    expect(() => admit(runner, 'a', 0, {}, AbortSignal.abort(reason))).toThrow(reason);
    expect(runner.stats().frames).toBe(0);
  });

  it('refuses a frame beyond the most, with a reason and a message; and one of a flood for one of another stream', async () => {
    const { runner, runs } = start({ maxFrames: 2 });
    const first = decode(admit(runner, 'flood', 0));
    const second = admit(runner, 'flood', 1);
    expect(() => admit(runner, 'flood', 2)).toThrow(FrameDropError);
    expect(() => admit(runner, 'flood', 2)).toThrow(/2 frames.*wait for outcomes/);
    const displaced = decode(second);
    const light = decode(admit(runner, 'light', 0));
    await expect(displaced).rejects.toMatchObject({ reason: 'queue-full' });
    expect(runner.stats().totals).toMatchObject({ displaced: 1, refused: { 'queue-full': 2 } });
    await finishAll(runs);
    expect(await Promise.all([first, light])).toHaveLength(2);
  });

  it('runs a failed batch again row by row, and gives up the frame whose row fails alone', async () => {
    const { runner, runs } = start({ buckets: [1, 2] });
    const bad = decode(admit(runner, 'bad'));
    const good = decode(admit(runner, 'good'));
    const broken = new Error('it is broken');
    bad.catch(() => {});
    for (await turn(); runs.length > 0; await turn()) {
      const run = runs.shift()!;
      if (run.names.includes('bad0 step 1')) {
        run.fail(broken);
      } else {
        run.end();
      }
    }
    await expect(bad).rejects.toBe(broken);
    expect(await good).toHaveLength(5);
    expect(runner.stats()).toMatchObject({ frames: 0, totals: { failed: 1, finished: 1 } });
  });

  it('lets a frame go whose rows cannot be made, and runs those beside it', async () => {
    const { runner, runs } = start({ buckets: [1, 2] });
    const reason = new FrameDropError('invalid-frame', 'no numbers');
    const bad = runner.admit(offerOf('bad', 0), {
      oneShot: () => {
        throw reason;
      },
      signal: never,
    });
    const good = decode(admit(runner, 'good'));
    await finishAll(runs);
    await expect(bad.oneShot).rejects.toBe(reason);
    expect(await good).toHaveLength(5);
    // Alone in its batch as well: the worker is free again.
    const alone = runner.admit(offerOf('bad', 1), {
      oneShot: () => {
        throw reason;
      },
      signal: never,
    });
    await expect(alone.oneShot).rejects.toBe(reason);
    const next = decode(admit(runner, 'next'));
    await finishAll(runs);
    expect(await next).toHaveLength(5);
  });

  it('refuses rows that are not those that were announced', async () => {
    const { runner, runs } = start();
    const handle = admit(runner, 'a');
    await turn();
    runs.shift()!.end();
    await handle.oneShot;
    await expect(handle.step(0, ['denoiser'], () => [rowNamed('encoder', 'no')])).rejects.toMatchObject({
      reason: 'decode-failed',
    });
    expect(runner.stats().frames).toBe(0);
  });

  it('on a GPU gives a free worker to frames that wait while the others compute', async () => {
    for (const [planAhead, next] of [
      [false, ['a0 step 1']],
      [true, ['b0 step 0']],
    ] as const) {
      const { runner, runs } = start({}, { planAhead });
      void decode(admit(runner, 'a'));
      void decode(admit(runner, 'b'));
      await turn();
      while (runs[0]!.names[0] !== 'a0 step 0') {
        runs.shift()!.end();
        await turn();
      }
      runs.shift()!.end();
      await turn();
      expect(runs[0]!.names).toEqual(next);
    }
  });
});

/** A runner on one worker whose clock is the time that its runs take: what happens when is exact. */
function startTimed(msPerRun: number, options: SchedulerOptionsInput = {}) {
  const clock = { ms: 0 };
  const scheduler = new StepScheduler({ workers: 1, ...options });
  const size = { key: '64x64', pixels: 4096 };
  for (const graph of ['decoder', 'denoiser', 'encoder']) {
    scheduler.observe(graph, size, 1, msPerRun);
  }
  const runner = new StepRunner({
    scheduler,
    networks: {
      run: async (rows) => {
        await new Promise(setImmediate);
        clock.ms += msPerRun;
        return rows as unknown as readonly NetworkResult[];
      },
    },
    now: () => clock.ms,
  });
  return { runner, clock };
}

/** As a sampler decoder does it: as many steps as granted, and when it was done. */
async function sample(
  handle: FrameHandle,
  clock: { ms: number },
  beforeStep: (step: number) => void = () => {},
): Promise<{ steps: number; doneMs: number }> {
  await handle.oneShot;
  let granted = 0;
  let step = 0;
  for (; step === 0 || step < granted; step++) {
    beforeStep(step);
    const results = await handle.step(step, ['denoiser'], (steps) => {
      granted ||= steps;
      return [rowNamed('denoiser', `step ${step}`)];
    });
    if (results === null) {
      break;
    }
  }
  await handle.encode(rowNamed('encoder', 'last') as never);
  handle.finish();
  return { steps: step, doneMs: clock.ms };
}

describe('StepRunner under pressure', () => {
  const steps = { min: 4, max: 20 };

  it('takes fewer steps for a deadline, and is on time', async () => {
    const { runner, clock } = startTimed(10);
    const relaxed = await sample(admit(runner, 'a', 0, { steps, deadlineMs: 10_000 }), clock);
    expect(relaxed.steps).toBe(20);
    const startMs = clock.ms;
    const hurried = await sample(admit(runner, 'a', 1, { steps, deadlineMs: startMs + 130 }), clock);
    expect(hurried.steps).toBeGreaterThanOrEqual(4);
    expect(hurried.steps).toBeLessThan(12);
    expect(hurried.doneMs).toBeLessThanOrEqual(startMs + 130);
  });

  it('takes fewer steps when much waits, for all before it refuses any', async () => {
    const { runner, clock } = startTimed(10, { targetWaitMs: 500 });
    const frames = await Promise.all(
      Array.from({ length: 8 }, async (_, frame) => sample(admit(runner, `s${frame}`, 0, { steps }), clock)),
    );
    const taken = frames.map((frame) => frame.steps);
    expect(Math.min(...taken)).toBeGreaterThanOrEqual(4);
    expect(taken.filter((each) => each < 20).length).toBeGreaterThan(4);
    expect(runner.stats().totals).toMatchObject({ finished: 8, refused: { 'queue-full': 0, deadline: 0 } });
  });

  it('ends a frame with what it has when its steps no longer fit', async () => {
    const { runner, clock } = startTimed(10);
    const frame = admit(runner, 'a', 0, { steps, deadlineMs: 1000 });
    const { steps: taken, doneMs } = await sample(frame, clock, (step) => {
      // As if something had held up the machine.
      clock.ms += step === 6 ? 850 : 0;
    });
    expect(taken).toBeGreaterThanOrEqual(6);
    expect(taken).toBeLessThan(15);
    expect(doneMs).toBeLessThanOrEqual(1000);
    expect(runner.stats().totals).toMatchObject({ finishedEarly: 1, finished: 1 });
  });

  it('drops a frame that cannot be on time any more, with its reason', async () => {
    const { runner, clock } = startTimed(10);
    const late = sample(admit(runner, 'a', 0, { steps, deadlineMs: 100 }), clock);
    clock.ms += 90;
    await expect(late).rejects.toMatchObject({
      reason: 'deadline',
      message: expect.stringContaining('minSteps') as string,
    });
    expect(() => admit(runner, 'a', 1, { steps, deadlineMs: clock.ms + 5 })).toThrow(/deadline is 5 ms away/);
    expect(runner.stats().totals).toMatchObject({ dropped: 1, refused: { deadline: 1 } });
  });

  it("lets one stream's flood not starve another", async () => {
    const { runner, clock } = startTimed(10);
    const flood = Array.from({ length: 16 }, async (_, frame) =>
      sample(admit(runner, 'flood', frame, { steps }), clock),
    );
    for (let wait = 0; wait < 50; wait++) {
      await new Promise(setImmediate);
    }
    const light = await sample(admit(runner, 'light', 0, { steps }), clock);
    const last = Math.max(...(await Promise.all(flood)).map(({ doneMs }) => doneMs));
    expect(light.doneMs).toBeLessThan(last / 3);
  });
});

describe('spare time', () => {
  const size = { key: '64x64', pixels: 4096 };
  const spare = (runner: StepRunner, name: string) =>
    runner.encodeInSpareTime(rowNamed('encoder', name) as never, size).then(
      (result) => (result as unknown as NamedRow | null)?.name ?? null,
      (error: Error) => error.message,
    );

  it('is when no frame has anything to run: pictures go first, and wait for nobody who only looks back', async () => {
    // A millisecond passes with each look at the clock, so that the share of spare runs is the same on any machine.
    let nowMs = 0;
    const { runner, runs } = start({}, { now: () => nowMs++ });
    const onePass = { perStep: [], closing: undefined, steps: { min: 0, max: 0 } };
    const residuals: Promise<string | null>[] = [];
    for (let frame = 0; frame < 8; frame++) {
      const handle = admit(runner, 'a', frame, onePass);
      residuals.push(
        handle.oneShot.then(async () => {
          handle.finish();
          return spare(runner, `residual ${frame}`);
        }),
      );
    }
    const order = (await finishAll(runs)).flat();
    const previews = order.filter((name) => name.endsWith('preview'));
    expect(previews).toHaveLength(8);
    // One is measured while frames wait, so that something is known of an overloaded receiver.
    expect(order.slice(0, 9).filter((name) => name.startsWith('residual'))).toHaveLength(1);
    expect(await Promise.all(residuals)).toEqual(Array.from({ length: 8 }, (_, frame) => `residual ${frame}`));
    expect(runner.stats()).toMatchObject({ frames: 0, runningJobs: 0, totals: { finished: 8 } });
  });

  it('is shared by so many pictures, the newest; the others go without', async () => {
    const { runner, runs } = start({}, { maxSpare: { pictures: 3, pixels: 2 * 4096 } });
    const all = ['a', 'b', 'c', 'd'].map((name) => spare(runner, name));
    expect(runner.spare).toBe(2);
    await turn();
    expect(runner.spare).toBe(1);
    runs.shift()!.fail(new Error('it broke'));
    await turn();
    runs.shift()!.end();
    expect(await Promise.all(all)).toEqual([null, null, 'it broke', 'd']);
    const forgotten = [spare(runner, 'e'), spare(runner, 'f')];
    runner.dropSpare();
    expect(await Promise.all(forgotten)).toEqual([null, null]);
    expect(runner.stats()).toMatchObject({ runningJobs: 0 });
  });
});

describe('waiting frames', () => {
  it('are those with something to run that no worker has taken: first runs, steps, and last encodes', async () => {
    const depths: number[] = [];
    const { runner, runs } = start({}, { onWaiting: (waiting) => depths.push(waiting) });
    const handles = [0, 1, 2].map((frame) => admit(runner, 'a', frame, { steps: { min: 0, max: 0 }, perStep: [] }));
    await turn();
    expect([runs.length, runner.waiting, depths.at(-1)]).toEqual([1, 2, 2]);
    for (const handle of handles) {
      void handle.oneShot.then(() => handle.encode(rowNamed('encoder', 'last') as never)).then(() => handle.finish());
    }
    for (let i = 0; i < 3; i++) {
      runs.shift()!.end();
      await turn();
    }
    // All have their picture; one is being encoded, two wait for that.
    expect([runs.length, runner.waiting, depths.at(-1)]).toEqual([1, 2, 2]);
    await finishAll(runs);
    expect(depths.at(-1)).toBe(0);
  });
});
