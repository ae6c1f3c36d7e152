import { Writable } from 'node:stream';
import { randomFor } from '@semcast/core';
import { samplerNames } from '@semcast/posterior';
import { createLogger } from '@semcast/service';
import type { DropHead, OutgoingFrame, ResultHead, ResultMessage } from '@semcast/wire';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ReceiverConfigInput, ReceiverService } from '../src/index.js';
import { type Air, type AirOptions, openAir, POSTERIOR_BUNDLE, psnrDb, softPicture } from './air.js';
import { type Client, connect, eventually, metric, open, startReceiver } from './helpers.js';

let air: Air;
beforeAll(async () => {
  air = await openAir();
});
afterAll(() => air.close());

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) {
    await close();
  }
});

async function start(input: ReceiverConfigInput = {}): Promise<ReceiverService> {
  const receiver = await startReceiver({ bundle: POSTERIOR_BUNDLE, workers: 2, ...input });
  closers.push(() => receiver.close());
  return receiver;
}

function client(receiver: ReceiverService, stream: string, decoder: string): Client {
  const connected = connect(receiver.wsUrl, { stream, decoder });
  closers.push(() => connected.link.close());
  return connected;
}

/** Send frames on one stream, and wait until each has its outcome. */
async function sendAll(to: Client, frames: readonly OutgoingFrame[]): Promise<void> {
  for (const frame of frames) {
    await to.link.send(frame);
  }
  await to.link.idle();
}

async function decodeOne(receiver: ReceiverService, decoder: string, options: AirOptions = {}) {
  const to = client(receiver, `one-${decoder}`, decoder);
  const sent = await air.frame(`one-${decoder}`, 0, { decoder, ...options });
  await sendAll(to, [sent]);
  return { ...to, sent };
}

/** Every frame has one outcome, a final result or a drop, and nothing comes twice. */
function outcomesOf({ results, drops }: Pick<Client, 'results' | 'drops'>): Map<number, ResultMessage | DropHead> {
  const outcomes = new Map<number, ResultMessage | DropHead>();
  results.forEach((result) => outcomes.set(result.head.frame, result));
  drops.forEach((drop) => outcomes.set(drop.frame, drop));
  expect(outcomes.size).toBe(results.length + drops.length);
  return outcomes;
}

/**
 * Evaluations of 8 steps at the defaults: what docs/samplers.md says each costs. The guidance
 * scales take two denoisers a step, of which one is within the fused step.
 */
const EVALUATIONS: Readonly<Record<string, number>> = {
  diffcom: 16,
  'hifi-diffcom': 16,
  'blind-diffcom': 15,
  diffpir: 16 + 7 * 2,
  daps: 16 + 7 * 4,
  'red-diff': 24,
  conditional: 16,
  distilled: 8,
};

/** The channel that a decoder's frames leave to be estimated; the others are told it. */
const leftOpen = (decoder: string): AirOptions =>
  decoder === 'blind-diffcom' ? { waveformOptions: { estimator: 'blind' } } : {};

describe.each(samplerNames)('the decoder %s', (decoder) => {
  const options = { decoderOptions: { steps: 8, minSteps: 8 }, ...leftOpen(decoder) };
  let receiver: ReceiverService;
  beforeAll(async () => {
    receiver = await startReceiver({
      bundle: POSTERIOR_BUNDLE,
      workers: 2,
      buckets: [1, 2, 4],
      residualFirst: true,
    });
  });
  afterAll(() => receiver.close());

  it('shows the one-shot decode at once, then its own picture, with all that it took', async () => {
    const { partials, results, drops, sent } = await decodeOne(receiver, decoder, options);
    expect(drops).toEqual([]);
    expect(partials.map(({ head }) => head)).toMatchObject([{ stage: 'preview', decoder, steps: 0, residual: null }]);
    const { head, payload } = results[0]!;
    expect(head).toMatchObject({ stage: 'final', decoder, steps: 8, evaluations: EVALUATIONS[decoder] });
    expect(head).not.toHaveProperty('reducedSteps');
    expect(payload).not.toEqual(partials[0]!.payload);
    // Of the toy's white prior, draws are noisy; both are pictures of what was sent.
    const [preview, final] = [partials[0]!.payload, payload].map((bytes) => psnrDb(bytes, sent.picture.data));
    // A channel estimated from so few symbols is far off at first.
    const estimated = decoder === 'blind-diffcom';
    expect(preview).toBeGreaterThan(estimated ? 10 : 14);
    expect(final).toBeGreaterThan(estimated ? preview! + 1 : 11);
    expect(head.residual).toBeGreaterThan(0.3);
    expect(head.residual).toBeLessThan(estimated ? 7 : 5);
    const { queue, preview: first, sampling, decode, deliver, total } = head.timingsMs;
    expect(sampling).toBeGreaterThan(0);
    expect(decode).toBeGreaterThanOrEqual(sampling!);
    expect(decode).toBeGreaterThanOrEqual(first);
    expect(queue + decode + deliver!).toBeCloseTo(total, 6);
    expect(await metric(receiver.httpUrl, `semcast_sampler_steps_total{decoder="${decoder}"}`)).toBe(8);
    for (const stage of ['queue', 'demodulate', 'preview', 'sampling', 'decode', 'residual', 'encode-image']) {
      expect(await metric(receiver.httpUrl, `semcast_frame_latency_seconds_count{stage="${stage}"}`), stage).toBe(1);
    }
    // Rows of all batches: the one-shot decode, the steps, the last encode.
    expect(await metric(receiver.httpUrl, 'semcast_scheduler_batch_size_sum')).toBe(2 + EVALUATIONS[decoder]!);
    expect(receiver.status()).toMatchObject({
      queue: { waiting: 0, decoding: 0, pixels: 0 },
      scheduler: { frames: 0, totals: { offered: 1, finished: 1, steps: 8 } },
    });
  });

  it('gives a frame the same picture alone and in the company of eight streams', async () => {
    const decoderOptions = { steps: 5, minSteps: 5 };
    const streams = Array.from({ length: 8 }, (_, i) => `stream-${i}`);
    const frames = await Promise.all(
      streams.map(async (stream, i) =>
        air.frame(stream, 0, {
          decoder,
          decoderOptions,
          snrDb: 5 + i,
          picture: softPicture(32, 32, i),
          ...leftOpen(decoder),
        }),
      ),
    );
    const alone = client(receiver, streams[0]!, decoder);
    await sendAll(alone, [frames[0]!]);
    await alone.link.close();
    await eventually(() => expect(receiver.status().streams.known).toBe(0));
    const before = receiver.status().scheduler!.totals;
    const clients = streams.map((stream) => client(receiver, stream, decoder));
    await Promise.all(clients.map(async (each, i) => sendAll(each, [frames[i]!])));
    const { jobs, rows } = receiver.status().scheduler!.totals;
    // They did share batches.
    expect(rows - before.rows).toBeGreaterThan(1.2 * (jobs - before.jobs));
    expect(clients.map(({ results }) => results.length)).toEqual(streams.map(() => 1));
    const [first, again] = [alone.results[0]!, clients[0]!.results[0]!];
    expect(again.head.residual).toBeCloseTo(first.head.residual!, 3);
    // 1e-4 in floating point: an 8-bit value may fall to the other side, here and there.
    const steps = first.payload.map((value, i) => Math.abs(value - again.payload[i]!));
    expect(Math.max(...steps)).toBeLessThanOrEqual(1);
    expect(steps.filter((step) => step > 0).length).toBeLessThan(0.01 * steps.length);
  });

  it.runIf(decoder === 'blind-diffcom')('refuses a frame whose channel was told, and says what to choose', async () => {
    const { results, drops } = await decodeOne(receiver, decoder, { ...options, waveformOptions: {} });
    expect(results).toEqual([]);
    expect(drops).toMatchObject([
      { reason: 'decode-failed', detail: expect.stringContaining('estimator: blind') as string },
    ]);
  });

  it.skipIf(decoder === 'blind-diffcom')(
    'decodes what came without noise, without channel state, and through fading',
    async () => {
      const gains = { coherence: 64, values: new Float32Array(4) };
      randomFor({ seed: 2, stream: 's', frame: 0, purpose: 'gains' }).fillNormal(gains.values, Math.SQRT1_2);
      const impairment = { model: 'awgn', snrDb: 10, seed: 0 };
      const frames = await Promise.all([
        air.frame('s', 0, { decoder, ...options, snrDb: 60, impairment: { ...impairment, noiseVariance: 0 } }),
        air.frame('s', 1, { decoder, ...options, csi: 'none', impairment }),
        air.frame('s', 2, { decoder, ...options, channelGains: gains }),
        // Nothing came through at all.
        air.frame('s', 3, { decoder, ...options, channelGains: { coherence: 128, values: new Float32Array(2) } }),
      ]);
      const to = client(receiver, 's', decoder);
      await sendAll(to, frames);
      expect(to.drops).toEqual([]);
      const outcomes = outcomesOf(to);
      const [noiseless, blind, faded] = [0, 1, 2].map((frame) => outcomes.get(frame) as ResultMessage);
      expect([noiseless!.head.residual, blind!.head.residual]).toEqual([null, null]);
      expect(faded!.head.residual).toBeLessThan(10);
      expect(psnrDb(noiseless!.payload, frames[0].picture.data)).toBeGreaterThan(11);
    },
  );
});

describe('a sampler decoder', () => {
  it('repeats itself bit for bit with one seed, and not with another', async () => {
    const receiver = await start();
    const pictures: Uint8Array[] = [];
    for (const seed of [0, 0, 1]) {
      const { results, link } = await decodeOne(receiver, 'diffcom', {
        decoderOptions: { steps: 6, minSteps: 6, seed },
      });
      pictures.push(results[0]!.payload);
      await link.close();
      await eventually(() => expect(receiver.status().streams.known).toBe(0));
    }
    expect(pictures[1]).toEqual(pictures[0]);
    expect(pictures[2]).not.toEqual(pictures[0]);
  });

  it('shows what it has so far, as often as it is asked to', async () => {
    const receiver = await start();
    const { partials, results, sent } = await decodeOne(receiver, 'hifi-diffcom', {
      picture: softPicture(64, 64),
      decoderOptions: { steps: 10, minSteps: 10, intermediates: 4 },
    });
    expect(partials[0]!.head).toMatchObject({ stage: 'preview', steps: 0 });
    // Those that come faster than they can be written are left out; the first never is.
    expect(partials[1]!.head).toMatchObject({ stage: 'intermediate', steps: 4 });
    expect(partials.length).toBeLessThanOrEqual(3);
    expect(psnrDb(partials[1]!.payload, sent.picture.data)).toBeGreaterThan(11);
    expect(results[0]!.head.steps).toBe(10);
  });

  it('cuts the padding off pictures of any size', async () => {
    const receiver = await start();
    const padded = softPicture(20, 12);
    const { results, partials } = await decodeOne(receiver, 'conditional', { picture: padded, width: 18, height: 9 });
    for (const { head, payload } of [...partials, ...results]) {
      expect(head.image).toEqual({ format: 'raw', width: 18, height: 9 });
      expect(payload).toHaveLength(3 * 18 * 9);
    }
  });

  it.each([
    ['an unknown option', { strength: 1 }, 'strength'],
    ['too few steps', { steps: 3 }, 'steps'],
    ['more steps at least than at most', { steps: 6, minSteps: 7 }, 'minSteps'],
    ['an option that is no number', { eta: 'large' }, 'eta'],
  ])('refuses %s before anything is computed', async (_, decoderOptions, message) => {
    const receiver = await start();
    const { drops, results } = await decodeOne(receiver, 'diffcom', { decoderOptions });
    expect(results).toEqual([]);
    expect(drops).toMatchObject([{ reason: 'invalid-frame', detail: expect.stringContaining(message) as string }]);
    expect(receiver.status().scheduler!.totals.offered).toBe(0);
  });
});

describe('steps that a frame insists on', () => {
  const insisting = { decoderOptions: { steps: 1000, minSteps: 1000 } };

  it('are no more than the receiver lets it', async () => {
    const receiver = await start({ decoders: ['conditional'] });
    const { drops, results } = await decodeOne(receiver, 'conditional', insisting);
    expect(results).toEqual([]);
    expect(drops).toMatchObject([
      { reason: 'too-many-steps', detail: expect.stringMatching(/1000 steps.*grants 100.*maxMinSteps/) as string },
    ]);
    expect(receiver.status().scheduler!.totals.offered).toBe(0);
    expect(await metric(receiver.httpUrl, 'semcast_dropped_frames_total{reason="too-many-steps"}')).toBe(1);
    // Who asks beforehand is told the same.
    const check = await fetch(`${receiver.httpUrl}/decoders/check`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ decoder: 'conditional', ...insisting }),
    });
    expect([check.status, await check.text()]).toEqual([400, expect.stringContaining('maxMinSteps')]);
  });

  it("are no more work than its stream's share, and shut nobody else out", async () => {
    const receiver = await start({ decoders: ['jscc', 'conditional'], maxMinSteps: 1000, maxBacklogMs: 300 });
    const greedy = client(receiver, 'greedy', 'conditional');
    // Large, so that it is too much on a fast machine as well.
    const picture = softPicture(128, 128);
    await greedy.link.send(await air.frame('greedy', 0, { decoder: 'conditional', picture, ...insisting }));
    const modest = client(receiver, 'modest', 'jscc');
    await sendAll(modest, [await air.frame('modest', 0, { decoder: 'jscc' })]);
    expect([modest.results.length, modest.drops]).toEqual([1, []]);
    await eventually(() =>
      expect(greedy.drops).toMatchObject([
        { reason: 'too-many-steps', detail: expect.stringMatching(/share of its stream.*fewer minSteps/) as string },
      ]),
    );
  });
});

describe('what not every frame needs', () => {
  it.each([
    ['when a frame asks for it, once, where no decoders are named', undefined, ['denoiser', 'posteriorStep']],
    ['at the start where they are', ['diffcom'] as const, []],
  ])('is loaded %s', async (_, decoders, loads) => {
    const lines: string[] = [];
    const destination = new Writable({
      write: (line, _encoding, done) => {
        lines.push(String(line));
        done();
      },
    });
    const receiver = await startReceiver(
      { bundle: POSTERIOR_BUNDLE, workers: 1, ...(decoders && { decoders: [...decoders] }) },
      { logger: createLogger({ service: 'test', destination }) },
    );
    closers.push(() => receiver.close());
    const loaded = () =>
      lines
        .filter((line) => line.includes('has loaded a graph'))
        .map((line) => (JSON.parse(line) as { graph: string }).graph)
        .sort();
    expect(loaded()).toEqual([]);
    const { results } = await decodeOne(receiver, 'diffcom', { decoderOptions: { steps: 4, minSteps: 4 } });
    expect(results).toHaveLength(1);
    expect(loaded()).toEqual(loads);
  });
});

describe('a configuration with fewer decoders', () => {
  it('loads the networks of those alone, and says what is not there', async () => {
    const receiver = await start({ decoders: ['distilled'], residual: false });
    expect(receiver.status().decoders).toEqual(['distilled']);
    const to = client(receiver, 'cam-1', 'distilled');
    await sendAll(to, [
      await air.frame('cam-1', 0, { decoder: 'distilled' }),
      await air.frame('cam-1', 1, { decoder: 'diffcom' }),
    ]);
    expect(to.results.map(({ head }) => [head.frame, head.residual])).toEqual([[0, null]]);
    expect(to.drops).toMatchObject([
      { frame: 1, reason: 'unknown-decoder', detail: expect.stringContaining('distilled') as string },
    ]);
    const graphs = ['decoder', 'distilled', 'posteriorStep', 'encoder', 'encoderVjp'];
    const runs = await Promise.all(
      graphs.map(async (graph) => metric(receiver.httpUrl, `semcast_inference_seconds_count{graph="${graph}"}`)),
    );
    expect(runs).toEqual([1, 1, undefined, undefined, undefined]);
  });

  it('is refused at boot when the bundle has no networks for one', async () => {
    const starting = startReceiver({ decoders: ['jscc', 'diffcom'] });
    await expect(starting).rejects.toMatchObject({ code: 'E_DECODER_GRAPHS' });
    await expect(starting).rejects.toThrow(/diffcom.*denoiser/);
  });
});

describe('under load', () => {
  const LONG = { steps: 1000, minSteps: 1000 };

  it('a stream that ends takes its frames along, and the place is free for another', async () => {
    const receiver = await start({ workers: 1, maxMinSteps: 1000, maxBacklogMs: 86_400_000 });
    const gone = client(receiver, 'gone', 'diffcom');
    for (let frame = 0; frame < 4; frame++) {
      await gone.link.send(await air.frame('gone', frame, { decoder: 'diffcom', decoderOptions: LONG }));
    }
    await eventually(() => {
      const { frames, totals } = receiver.status().scheduler!;
      expect(frames).toBe(4);
      expect(totals.steps).toBeGreaterThan(2);
    });
    await gone.link.close();
    await eventually(() =>
      expect(receiver.status()).toMatchObject({
        queue: { waiting: 0, decoding: 0, bytes: 0, pixels: 0 },
        scheduler: { frames: 0, runningJobs: 0, totals: { cancelled: 4, finished: 0 } },
      }),
    );
    const { steps } = receiver.status().scheduler!.totals;
    const { results } = await decodeOne(receiver, 'diffcom', { decoderOptions: { steps: 4 } });
    expect(results).toHaveLength(1);
    expect(receiver.status().scheduler!.totals.steps).toBe(steps + 4);
    expect(await metric(receiver.httpUrl, 'semcast_dropped_frames_total{reason="cancelled"}')).toBe(4);
  });

  it('steps fall before any frame is refused, and the results say so', async () => {
    const receiver = await start({ workers: 1, targetWaitMs: 0.001 });
    const to = client(receiver, 's', 'hifi-diffcom');
    const decoderOptions = { steps: 60, minSteps: 5 };
    const frames = await Promise.all(
      Array.from({ length: 8 }, async (_, frame) => air.frame('s', frame, { decoder: 'hifi-diffcom', decoderOptions })),
    );
    await sendAll(to, frames);
    expect(to.drops).toEqual([]);
    const heads = to.results.map(({ head }) => head);
    expect(heads).toHaveLength(8);
    const reduced = heads.filter(({ steps }) => steps < 60);
    expect(reduced.length).toBeGreaterThan(3);
    for (const { steps, reducedSteps } of heads) {
      expect(steps).toBeGreaterThanOrEqual(5);
      expect(reducedSteps ?? false).toBe(steps < 60);
    }
  });

  it('a deadline is kept by fewer steps, or told', async () => {
    const receiver = await start({ workers: 1 });
    const to = client(receiver, 's', 'diffcom');
    const decoderOptions = { steps: 1000, minSteps: 4 };
    await sendAll(to, [
      await air.frame('s', 0, { decoder: 'diffcom', decoderOptions, deadlineMs: 1500, picture: softPicture(128, 128) }),
      // Not even the fewest steps fit into no time at all.
      await air.frame('s', 1, { decoder: 'diffcom', decoderOptions, deadlineMs: 0.01 }),
    ]);
    const outcomes = outcomesOf(to);
    expect(outcomes.size).toBe(2);
    // On a machine that is busy with other things even that may be too late; src/step-runner.test.ts has a clock of its own.
    const first = outcomes.get(0)!;
    expect('head' in first ? first.head : first).toMatchObject(
      'head' in first ? { stage: 'final', reducedSteps: true } : { reason: 'deadline' },
    );
    expect(outcomes.get(1)).toMatchObject({ reason: 'deadline', detail: expect.stringMatching(/deadline/) as string });
  });

  it('what is beyond the most frames is refused with a reason, and everything has one outcome', async () => {
    const receiver = await start({ workers: 1, maxStreams: 3, maxQueue: 3 });
    const decoderOptions = { steps: 40, minSteps: 40 };
    const heads = await Promise.all(
      ['a', 'b', 'c'].map(async (stream) => {
        const frames = [0, 1, 2, 3].map(async (frame) =>
          air.frame(stream, frame, { decoder: 'red-diff', decoderOptions }),
        );
        const sent = await Promise.all(frames);
        // A client that doesn't care for its credits: twice what all of them may have is the most that is taken.
        const { link, messages } = await open(receiver.wsUrl, { stream, decoder: 'red-diff' });
        closers.push(() => Promise.resolve(link.close()));
        sent.forEach(({ head, payload }) => link.send('frame', head, payload));
        const outcomes = () =>
          messages.flatMap(({ kind, head }) =>
            kind === 'drop' || (kind === 'result' && head.stage === 'final') ? [head as ResultHead | DropHead] : [],
          );
        await eventually(() =>
          expect(
            outcomes()
              .map(({ frame }) => frame)
              .sort((x, y) => x - y),
          ).toEqual([0, 1, 2, 3]),
        );
        return outcomes();
      }),
    );
    const drops = heads.flat().flatMap((head) => ('reason' in head ? [head] : []));
    expect(drops.length).toBeGreaterThan(0);
    for (const { reason, detail } of drops) {
      expect(reason).toBe('queue-full');
      expect(detail).toMatch(/frames|holds less/);
    }
    // A residual may be being measured, for nobody who waits.
    await eventually(() => expect(receiver.status().scheduler).toMatchObject({ frames: 0, runningJobs: 0 }));
    const { scheduler } = receiver.status();
    const { refused, finished, displaced } = scheduler!.totals;
    expect(refused['queue-full'] + finished + displaced).toBe(12);
    expect(await metric(receiver.httpUrl, 'semcast_frames_total{stage="receiver",outcome="completed"}')).toBe(finished);
  });

  it("one stream's flood does not hold up another's frame", async () => {
    const receiver = await start({ workers: 1 });
    const decoderOptions = { steps: 60, minSteps: 60 };
    const flood = client(receiver, 'flood', 'diffcom');
    const frames = await Promise.all(
      Array.from({ length: 8 }, async (_, frame) => air.frame('flood', frame, { decoder: 'diffcom', decoderOptions })),
    );
    const flooding = sendAll(flood, frames);
    await eventually(() => expect(receiver.status().scheduler!.frames).toBe(8));
    const light = client(receiver, 'light', 'diffcom');
    await sendAll(light, [await air.frame('light', 0, { decoder: 'diffcom', decoderOptions })]);
    expect(light.results).toHaveLength(1);
    expect(flood.results.length).toBeLessThan(7);
    await flooding;
    expect(outcomesOf(flood).size).toBe(8);
    expect(flood.drops).toEqual([]);
  });

  it('frames of all decoders and sizes pass side by side', async () => {
    const receiver = await start({ buckets: [1, 2, 4] });
    const clients = ['jscc', ...samplerNames].map((decoder, i) => ({
      decoder,
      picture: softPicture([32, 48][i % 2]!, 32),
      to: client(receiver, decoder, decoder),
    }));
    await Promise.all(
      clients.map(async ({ decoder, picture, to }) => {
        const frames = Array.from({ length: 3 }, async (_, frame) =>
          air.frame(decoder, frame, {
            decoder,
            picture,
            cbr: ['1/48', '1/24', '1/12'][frame]!,
            ...leftOpen(decoder),
          }),
        );
        await sendAll(to, await Promise.all(frames));
      }),
    );
    expect(clients.map(({ to }) => [outcomesOf(to).size, to.drops])).toEqual(clients.map(() => [3, []]));
    expect(clients[0]!.to.partials).toEqual([]);
    expect(receiver.status().scheduler!.totals).toMatchObject({
      offered: 3 * clients.length,
      finished: 3 * clients.length,
    });
  });
});
