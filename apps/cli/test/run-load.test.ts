import { setTimeout as sleep } from 'node:timers/promises';
import { LinkError, type Delivery } from '@semcast/wire';
import { afterEach, describe, expect, it } from 'vitest';
import type { LoadProgress } from '../src/load/run-load.js';
import { finish, startFakeReceiver, type FakeReceiver, type FakeReceiverOptions } from './support/fake-receiver.js';
import { runFakeLoad } from './support/load.js';

let receiver: FakeReceiver | undefined;
async function start(options: FakeReceiverOptions = {}): Promise<FakeReceiver> {
  receiver = await startFakeReceiver(options);
  return receiver;
}
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

describe('a run at one rate', () => {
  it('completes every frame at a receiver that keeps up', async () => {
    const { url } = await start();
    const { ledger, measuredS, quality, failure, interrupted } = await runFakeLoad(120, { to: url, streams: 3 });
    expect(ledger.counts()).toEqual({
      sent: 60,
      transmitted: 60,
      completed: 60,
      dropped: 0,
      droppedByReason: {},
      droppedByGenerator: {},
    });
    expect([measuredS, failure, interrupted]).toEqual([0.5, undefined, false]);
    expect(ledger.streams().map(({ completed }) => completed)).toEqual([20, 20, 20]);
    expect(ledger.fairness()).toMatchObject({ jainIndex: 1, completedMin: 20, completedMax: 20 });
    // Black was sent and black came back.
    expect(quality.means().psnrDb).toBe(100);
    expect(quality.samples).toBeGreaterThan(0);
    expect(quality.samples).toBeLessThan(60);
  });

  it('shows a stall in the latency of every frame that was to be sent meanwhile', async () => {
    // One frame of a hundred is slow. Who waits for its answer before sending the next sees one slow frame; here all
    // that came due in that second are late, by what was left of it.
    const stallMs = 1000;
    const { url } = await start({
      credits: 1,
      answer: (delivery, n) => {
        if (n === 3) {
          void sleep(stallMs).then(() => finish(delivery));
        } else {
          finish(delivery);
        }
      },
    });
    const { ledger } = await runFakeLoad(50, { to: url, durationS: 2, backlog: 200 });
    expect(ledger.counts()).toMatchObject({ sent: 100, completed: 100, dropped: 0 });
    // Frames come due every 20 ms: 25 of them within the first half of the stall, 5 within its first tenth.
    expect(ledger.times.latencyMs.percentile(80)!).toBeGreaterThanOrEqual(stallMs / 2);
    expect(ledger.times.latencyMs.percentile(99)!).toBeGreaterThanOrEqual(0.9 * stallMs);
    expect(ledger.times.creditMs.percentile(80)!).toBeGreaterThanOrEqual(stallMs / 2);
  });

  it('holds no more than credits and backlog allow, and gives every other frame a reason', async () => {
    const { url } = await start({ credits: 2, answer: () => {} });
    let most = 0;
    let progress: LoadProgress | undefined;
    const watching = setInterval(() => {
      most = Math.max(most, (progress?.waiting ?? 0) + (progress?.underWay ?? 0));
    }, 5);
    const { ledger } = await runFakeLoad(
      4000,
      { to: url, streams: 2, backlog: 3, drainS: 0 },
      {
        onStart: (started) => {
          progress = started;
        },
      },
    );
    clearInterval(watching);
    expect(ledger.counts()).toEqual({
      sent: 2000,
      transmitted: 4,
      completed: 0,
      dropped: 2000,
      droppedByReason: { 'client-backlog': 1990, 'gave-up': 10 },
      droppedByGenerator: { 'client-backlog': 1990, 'gave-up': 10 },
    });
    expect(ledger.maxOutstanding).toBeLessThanOrEqual(2 * (2 + 3) + 1);
    expect(most).toBeLessThanOrEqual(2 * (2 + 3));
    expect(ledger.outstanding).toBe(0);
  });

  it('sends nothing that waits where no backlog is allowed, and whatever finds a credit', async () => {
    const { url } = await start({ credits: 2, answer: () => {} });
    const { ledger } = await runFakeLoad(100, { to: url, backlog: 0, drainS: 0 });
    expect(ledger.counts()).toMatchObject({ transmitted: 2, droppedByReason: { 'client-backlog': 48, 'gave-up': 2 } });
  });

  it('lets streams share links, each with a backlog of its own, and links go to several receivers', async () => {
    const others = await startFakeReceiver();
    const { url } = await start();
    const { ledger, targets } = await runFakeLoad(200, { to: `${url},${others.url}`, streams: 50, sockets: 3 });
    expect(ledger.counts()).toMatchObject({ sent: 100, completed: 100 });
    expect(ledger.streams().map(({ completed }) => completed)).toEqual(Array.from({ length: 50 }, () => 2));
    // The first and the third link, of 17 and 16 streams, go to the first receiver.
    expect([receiver!.frames, others.frames]).toEqual([66, 34]);
    expect(targets.map(({ to, streams }) => [to, streams.length])).toEqual([
      [url, 33],
      [others.url, 17],
    ]);
    await others.close();

    const silent = await start({ credits: 1, answer: () => {} });
    const { ledger: full } = await runFakeLoad(100, { to: silent.url, streams: 10, sockets: 2, backlog: 2, drainS: 0 });
    // Two went onto a socket, and two of each stream waited.
    expect(full.counts()).toMatchObject({ transmitted: 2, droppedByReason: { 'client-backlog': 28, 'gave-up': 22 } });
  });

  it('follows a rate that changes', async () => {
    const { url } = await start();
    const { rate, ledger, measuredS } = await runFakeLoad(
      [
        { atS: 0, rate: 0 },
        { atS: 0.5, rate: 100 },
        { atS: 0.5, rate: 20 },
        { atS: 1, rate: 20 },
      ],
      { to: url, durationS: 1 },
    );
    expect([rate, measuredS]).toEqual([35, 1]);
    expect(ledger.counts()).toMatchObject({ sent: 35, completed: 35 });
  });

  it('uses a wider window as soon as it is told of it', async () => {
    const fake = await start({ credits: 1, answer: () => {} });
    const { ledger } = await runFakeLoad(
      100,
      { to: fake.url, durationS: 1, drainS: 0 },
      { onStart: () => void sleep(100).then(() => fake.setWindow(7)) },
    );
    expect(ledger.counts().transmitted).toBe(7);
  });

  it('counts drops of the receiver under its reasons, and sends on', async () => {
    const drops: string[] = [];
    const { url } = await start({
      answer: (delivery, n) => {
        if (n % 2 === 0) {
          delivery.drop('deadline', 'too late');
        } else {
          finish(delivery, { steps: 8, evaluations: 17, reducedSteps: n % 4 === 1 });
        }
      },
    });
    const { ledger } = await runFakeLoad(100, { to: url }, { onPeerDrop: (reason) => drops.push(reason) });
    expect(ledger.counts()).toMatchObject({
      sent: 50,
      completed: 25,
      droppedByReason: { deadline: 25 },
      droppedByGenerator: {},
    });
    expect(drops).toHaveLength(25);
    expect(ledger.steps()).toEqual({ steps: 8, evaluations: 17, reducedShare: 13 / 25 });
  });

  it('tells the first picture from the final one', async () => {
    const held: Delivery[] = [];
    const { url } = await start({
      answer: (delivery) => {
        finish(delivery, { stage: 'preview' });
        finish(delivery, { stage: 'intermediate' });
        held.push(delivery);
        void sleep(150).then(() => finish(held.shift()!));
      },
    });
    const { ledger } = await runFakeLoad(20, { to: url });
    const { latencyMs: latency, previewLatencyMs: preview } = ledger.times;
    expect([latency.count, preview.count]).toEqual([10, 10]);
    expect(latency.percentile(1)!).toBeGreaterThan(preview.percentile(1)!);
  });

  it('counts nothing of the warm-up but what comes back too late for it', async () => {
    const { url } = await start();
    const { ledger, measuredS } = await runFakeLoad(100, { to: url, warmupS: 0.3 });
    expect(receiver!.frames).toBe(80);
    expect(ledger.counts()).toMatchObject({ sent: 50, completed: 50 });
    expect(measuredS).toBe(0.5);
  });

  it('ends at once when it is interrupted; what is under way counts as cancelled', async () => {
    const interruption = new AbortController();
    const { url } = await start({ credits: 3, answer: (_, n) => n === 2 && interruption.abort() });
    const { ledger, interrupted, measuredS } = await runFakeLoad(
      100,
      { to: url, durationS: 600, backlog: 5 },
      { signal: interruption.signal },
    );
    const { sent, completed, dropped, droppedByReason } = ledger.counts();
    expect([interrupted, completed]).toEqual([true, 0]);
    expect(dropped).toBe(sent);
    expect(droppedByReason['cancelled']).toBeGreaterThanOrEqual(3);
    expect(measuredS).toBeLessThan(600);
  });

  it('ends with what was measured when a link is refused for good', async () => {
    const { url } = await start({
      answer: (delivery, n) => {
        finish(delivery);
        if (n === 9) {
          receiver!.refuse(new LinkError('E_TOKEN', 'the token has changed'));
        }
      },
    });
    const { ledger, failure, interrupted } = await runFakeLoad(50, { to: url, durationS: 600 });
    expect(interrupted).toBe(false);
    expect(failure).toMatchObject({ code: 'E_TOKEN', message: expect.stringContaining('the token has changed') });
    const { sent, completed, dropped, droppedByReason } = ledger.counts();
    expect(sent).toBeGreaterThanOrEqual(10);
    expect(completed + dropped).toBe(sent);
    expect(Object.keys(droppedByReason).filter((reason) => reason !== 'gave-up')).toEqual([]);
  });
});

describe('links', () => {
  it('that are not there in time are named', async () => {
    const fake = await startFakeReceiver();
    await fake.close();
    await expect(runFakeLoad(1, { to: fake.url, streams: 2, waitMs: 300 })).rejects.toMatchObject({
      code: 'E_NO_LINK',
      message: expect.stringContaining('2 of 2 streams have no link'),
    });
  });

  it('that are refused end the run with the message of the refusal', async () => {
    const fake = await start();
    const run = runFakeLoad(1, { to: `${fake.url}/elsewhere` });
    await expect(run).rejects.toMatchObject({ code: 'E_LINK_UPGRADE' });
  });

  it('that are being made when Ctrl-C comes end as interrupted', async () => {
    const fake = await startFakeReceiver();
    await fake.close();
    const signal = AbortSignal.timeout(100);
    await expect(runFakeLoad(1, { to: fake.url }, { signal })).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
  });
});
