import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tensorToImages } from '@semcast/bundle';
import { channelServiceConfigSchema, createChannelService, type ChannelService } from '@semcast/channel';
import { tensor } from '@semcast/core';
import { createReceiver, receiverConfigSchema, type Decoder, type ReceiverService } from '@semcast/receiver';
import { createLogger } from '@semcast/service';
import { waitFor } from '@semcast/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { flagList, type FlagInput } from '../src/arguments/flag-list.js';
import { runCli } from '../src/cli.js';
import { useWorkspace } from './helpers.js';
import { finish, startFakeReceiver } from './support/fake-receiver.js';

const workspace = useWorkspace();

/** A bundle that only moves pixels into channels and back. */
const TOY_BUNDLE = fileURLToPath(new URL('../../../packages/bundle/fixtures/toy-bundle', import.meta.url));
const TOKEN = 'hush';
/** What the decoder below takes for a step, whatever the machine. */
const STEP_MS = 10;

/** The pictures of a receiver that decodes two at a time. */
const places = [Promise.resolve(), Promise.resolve()];
let started = 0;
let decoded = 0;
const optionsSchema = z.strictObject({ steps: z.int().min(1).max(100).default(4) });
/** Shows a preview at once and takes its time for the same picture again: a sampler without one. */
const slow: Decoder<typeof optionsSchema> = {
  name: 'slow',
  summary: 'the codec, slowed down',
  optionsSchema,
  graphs: ['decoder'],
  refinement: {
    plan: ({ steps }) => ({ perStep: [['decoder']], steps: { min: steps, max: steps } }),
    run: async ({ demodulated, xJ, manifest }, _handle, { options: { steps } }, { signal }) => {
      const place = started++ % places.length;
      places[place] = places[place]!.then(() => sleep(STEP_MS * steps));
      await places[place];
      signal.throwIfAborted();
      decoded++;
      const [image] = tensorToImages(tensor(xJ.data, [1, ...xJ.dims]), [demodulated], manifest.normalisation);
      return { image: image!, steps };
    },
  },
};

let receiver: ReceiverService;
let channel: ChannelService;
beforeAll(async () => {
  const logger = createLogger({ service: 'test', level: 'silent' });
  receiver = await createReceiver(receiverConfigSchema.parse({ port: 0, bundle: TOY_BUNDLE, workers: 1 }), {
    logger,
    decoders: new Map([[slow.name, slow as unknown as Decoder]]),
  });
  const config = { port: 0, receiverUrl: receiver.wsUrl, token: TOKEN };
  channel = await createChannelService(
    channelServiceConfigSchema.parse({ ...config, channel: { snr: { name: 'constant', snrDb: 12 } } }),
    { logger },
  );
});
afterAll(async () => {
  await channel.close();
  await receiver.close();
});
beforeEach(() => {
  decoded = 0;
});

const ms = z.number().nonnegative().nullable();
const latency = z.strictObject({ count: z.int(), mean: ms, p50: ms, p90: ms, p95: ms, p99: ms, max: ms });
const reasons = z.record(z.string(), z.int().positive());
const figures = {
  rate: z.number().positive(),
  offeredRate: z.number(),
  goodput: z.number(),
  measuredS: z.number().positive(),
  sustained: z.boolean(),
  frames: z.strictObject({
    sent: z.int(),
    transmitted: z.int(),
    completed: z.int(),
    dropped: z.int(),
    droppedByReason: reasons,
    droppedByGenerator: reasons,
  }),
  latencyMs: latency,
  previewLatencyMs: latency,
  creditMs: latency,
  receiverMs: latency,
  receiverQueueMs: latency,
  decodeMs: latency,
  quality: z.strictObject({
    psnrDb: z.number().nullable(),
    ssim: z.number().nullable(),
    contrast: z.number().nullable(),
    steps: z.number().nullable(),
    evaluations: z.number().nullable(),
    reducedShare: z.number().nullable(),
    samples: z.int(),
    unreadable: z.int(),
  }),
  targets: z.array(
    z.strictObject({ to: z.string(), streams: z.int(), sent: z.int(), completed: z.int(), dropped: z.int() }),
  ),
  fairness: z.strictObject({
    jainIndex: z.number().nullable(),
    completedMin: z.int(),
    completedMax: z.int(),
    latencyMsP95Min: ms,
    latencyMsP95Max: ms,
  }),
  streams: z.array(
    z.strictObject({
      stream: z.string(),
      sent: z.int(),
      completed: z.int(),
      dropped: z.int(),
      latencyMs: z.strictObject({ p50: ms, p95: ms, max: ms }),
    }),
  ),
  series: z.array(
    z.strictObject({
      atS: z.number(),
      lengthS: z.number(),
      due: z.int(),
      completed: z.int(),
      dropped: z.int(),
      outstanding: z.int(),
      latencyMsMean: ms,
      latencyMsMax: ms,
    }),
  ),
  generator: z.strictObject({ latenessMs: latency, outstandingMax: z.int(), rssBytesMax: z.int().positive() }),
  slo: z.array(z.strictObject({ slo: z.string(), value: z.number().nullable(), limit: z.number(), met: z.boolean() })),
};

/** The contract: these names, all of them, and no others. */
const reportSchema = z.strictObject({
  schema: z.literal('semcast.load/1'),
  ...figures,
  command: z.string(),
  settings: z.strictObject({
    to: z.string(),
    streams: z.int(),
    sockets: z.int(),
    weights: z.array(z.int()),
    profile: z.array(z.strictObject({ atS: z.number(), rate: z.number() })).nullable(),
    arrivals: z.enum(['poisson', 'constant']),
    decoder: z.string(),
    decoderOptions: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
    deadlineMs: z.number().nullable(),
    cbr: z.string(),
    waveform: z.string(),
    waveformOptions: z.record(z.string(), z.union([z.number(), z.string()])).optional(),
    csi: z.enum(['genie', 'none']),
    size: z.int(),
    images: z.array(z.string()),
    bundle: z.strictObject({ name: z.string(), version: z.string(), digest: z.string() }),
    designCsnrDb: z.number(),
    resultFormat: z.string(),
    backlog: z.int(),
    warmupS: z.number(),
    durationS: z.number(),
    drainS: z.number(),
    seed: z.int(),
  }),
  provenance: z.strictObject({
    semcast: z.string(),
    commit: z.string().optional(),
    machine: z.strictObject({
      platform: z.string(),
      cpu: z.string(),
      cores: z.int(),
      node: z.string(),
      onnxruntime: z.string(),
    }),
  }),
  noise: z.strictObject({ source: z.enum(['channel', 'generator', 'none']).nullable(), snrDb: z.number().nullable() }),
  interrupted: z.boolean(),
  saturationRate: z.number().nullable(),
  capacityRate: z.number().nullable(),
  runs: z.array(z.strictObject(figures)).min(1),
});
type Report = z.infer<typeof reportSchema>;

const parseReport = (text: string): Report => reportSchema.parse(JSON.parse(text));

/** Small pictures through the toy bundle; whatever isn't said is short. */
const SMALL = { bundle: TOY_BUNDLE, size: 32, cbr: '1/2', decoder: 'slow', warmup: 0, drain: 60, token: TOKEN };

/** The command within this process, with JSON on standard output. */
async function load(flags: Record<string, FlagInput>, ...more: string[]) {
  const written = { stdout: '', stderr: '' };
  const code = await runCli(['load', ...flagList({ to: channel.wsUrl, ...SMALL, json: '-', ...flags }), ...more], {
    stdout: { columns: 120, write: (text) => (written.stdout += text) },
    stderr: { columns: 120, write: (text) => (written.stderr += text) },
    env: {},
    interruption: () => new AbortController().signal,
  });
  return { code, ...written };
}

function expectBalanced({ frames, streams, series }: Pick<Report, 'frames' | 'streams' | 'series'>): void {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  expect(frames.completed + frames.dropped).toBe(frames.sent);
  expect(sum(Object.values(frames.droppedByReason))).toBe(frames.dropped);
  for (const [reason, count] of Object.entries(frames.droppedByGenerator)) {
    expect(count).toBeLessThanOrEqual(frames.droppedByReason[reason]!);
  }
  expect(frames.transmitted).toBeGreaterThanOrEqual(frames.completed);
  for (const what of ['completed', 'dropped'] as const) {
    expect(sum(streams.map((stream) => stream[what]))).toBe(frames[what]);
    expect(sum(series.map((point) => point[what]))).toBe(frames[what]);
  }
  expect(sum(streams.map(({ sent }) => sent))).toBe(frames.sent);
  expect(sum(series.map(({ due }) => due))).toBe(frames.sent);
}

describe('semcast load', () => {
  it('accounts for every frame when far more is offered than can be decoded, and shares what can be fairly', async () => {
    // Two at a time, 150 ms each: 13 frames a second at the very most. That is far less than a generator sends that
    // shares two busy cores with the receiver and with other tests, and falls behind its own schedule.
    const { code, stdout, stderr } = await load({
      streams: 4,
      rate: 400,
      duration: 2,
      warmup: 0.5,
      backlog: 5,
      steps: 15,
      arrivals: 'poisson',
      seed: 5,
    });
    expect(stderr).toContain('client-backlog');
    expect(code).toBe(0);
    const report = parseReport(stdout);
    expectBalanced(report);
    expect(report).toMatchObject({
      rate: 400,
      measuredS: 2,
      sustained: false,
      saturationRate: null,
      interrupted: false,
      noise: { source: 'channel', snrDb: 12 },
      settings: { to: channel.wsUrl, streams: 4, decoder: 'slow', decoderOptions: { steps: 15 }, seed: 5, cbr: '1/2' },
    });
    expect(report.runs).toHaveLength(1);
    expect(report.frames.droppedByGenerator).toEqual({ 'client-backlog': report.frames.dropped });
    expect(report.frames.dropped).toBeGreaterThan(report.frames.sent / 2);
    expect(report.goodput).toBeGreaterThan(0);
    expect(report.goodput).toBeLessThan(report.offeredRate / 4);
    expect(report.generator.outstandingMax).toBeLessThanOrEqual(4 * (8 + 5) + 1);
    expect(report.fairness.jainIndex).toBeGreaterThan(0.8);
    expect(report.fairness.completedMin).toBeGreaterThan(0);
    // A preview comes first, and so much later the picture.
    expect(report.previewLatencyMs.p50!).toBeLessThan(report.latencyMs.p50!);
    expect(report.decodeMs.p50!).toBeGreaterThanOrEqual(0.9 * 15 * STEP_MS);
    expect(report.quality).toMatchObject({ steps: 15, unreadable: 0, evaluations: null, reducedShare: 0 });
    expect(report.quality.psnrDb!).toBeGreaterThan(15);
    // Under overload a frame waits for its credit as long as several others take.
    expect(report.creditMs.p50!).toBeGreaterThan(2 * 15 * STEP_MS);
    expect(report.command).toMatch(
      /^semcast load --to ws:.* --streams 4 --rate 400 .* --decoder slow --steps 15 .* --cbr 1\/2 /,
    );
    expect(report.command).not.toContain(TOKEN);
  });

  it('keeps objectives or exits with 1', async () => {
    const kept = await load({ rate: 10, duration: 1, arrivals: 'constant' }, '--slo', 'p99=1h', 'drops=0%');
    expect(kept.stderr).toContain('✓ kept   drops=0%: 0.00 %');
    expect(kept.code).toBe(0);
    const report = parseReport(kept.stdout);
    expect(report.frames).toMatchObject({ sent: 10, transmitted: 10, completed: 10, dropped: 0 });
    expect(report.slo.map(({ slo, met }) => [slo, met])).toEqual([
      ['p99=1h', true],
      ['drops=0%', true],
    ]);
    const missed = await load({ rate: 10, duration: 0.5, arrivals: 'constant' }, '--slo', 'p50=10ms', 'drops=0%');
    expect(missed.stderr).toContain('✗ missed   p50=10ms');
    expect(missed.code).toBe(1);
    expect(parseReport(missed.stdout).slo.map(({ met }) => met)).toEqual([false, true]);
  });

  it('runs one rate after the other and tells the highest that was sustained', async () => {
    const { code, stdout, stderr } = await load({
      streams: 2,
      rate: '600,4',
      duration: 3,
      warmup: 0.5,
      backlog: 3,
      arrivals: 'constant',
    });
    expect(code).toBe(0);
    const report = parseReport(stdout);
    expect(report.runs.map(({ rate, sustained }) => [rate, sustained])).toEqual([
      [600, false],
      [4, true],
    ]);
    for (const run of report.runs) {
      expectBalanced(run);
    }
    expect(report).toMatchObject({ saturationRate: 4, ...report.runs[1] });
    expect(stderr).toMatch(/600 .* overload/);
    expect(stderr).toContain('4.00/s sustained');
  });

  it('searches for saturation', async () => {
    const { code, stdout } = await load({
      streams: 2,
      rate: 20,
      duration: 0.6,
      backlog: 2,
      arrivals: 'constant',
      'find-saturation': true,
    });
    expect(code).toBe(0);
    const { runs, saturationRate, rate } = parseReport(stdout);
    expect(runs.length).toBeGreaterThan(1);
    // What can't be decoded in time isn't sustained, however it went; slack at both ends may add two frames.
    expect(runs.filter((run) => run.rate > 2 * 50).map(({ sustained }) => sustained)).not.toContain(true);
    const sustained = runs.filter((run) => run.sustained).map((run) => run.rate);
    expect(saturationRate).toBe(sustained.length === 0 ? null : Math.max(...sustained));
    expect(rate).toBe(saturationRate ?? 20);
  });

  it('searches for the highest rate that keeps its objectives, and measures the curve around it', async () => {
    const { code, stdout, stderr } = await load(
      {
        streams: 2,
        rate: 20,
        duration: 0.6,
        backlog: 2,
        arrivals: 'constant',
        'find-capacity': true,
        curve: true,
      },
      '--slo',
      'p99=1h',
      'drops=0%',
    );
    const { runs, capacityRate, rate, slo } = parseReport(stdout);
    const kept = runs.filter((run) => run.slo.every(({ met }) => met));
    expect(capacityRate).toBe(kept.length === 0 ? null : Math.max(...kept.map((run) => run.rate)));
    expect(rate).toBe(capacityRate ?? 20);
    expect(code).toBe(slo.every(({ met }) => met) ? 0 : 1);
    // Nothing is found only where even the slowest rate lost a frame.
    const curve =
      capacityRate === null ? [] : runs.slice(-8).map((run) => Math.round((20 * run.rate) / runs.at(-1)!.rate));
    expect(curve).toEqual(capacityRate === null ? [] : [1, 2, 3, 5, 8, 10, 13, 20]);
    expect(stderr).toContain(capacityRate === null ? 'no rate kept the objectives' : 'with every objective kept');
  });

  it('offers a spike of many streams over few links, and follows it in the series', async () => {
    const { stdout } = await load({
      streams: 100,
      sockets: 2,
      profile: '0:4,1:4,1:30,2:30,2:4,3:4',
      rate: undefined,
      arrivals: 'constant',
    });
    const report = parseReport(stdout);
    expectBalanced(report);
    expect(report).toMatchObject({ measuredS: 3, frames: { sent: 38 }, settings: { streams: 100, sockets: 2 } });
    expect(report.series.slice(0, 3).map(({ due }) => due)).toEqual([4, 30, 4]);
    expect(report.targets).toEqual([
      { to: channel.wsUrl, streams: 100, sent: 38, completed: report.frames.completed, dropped: report.frames.dropped },
    ]);
  });

  it('adds the noise itself where there is no channel, and says so where nobody does', async () => {
    const direct = { to: receiver.wsUrl, rate: 10, duration: 0.5, arrivals: 'constant' };
    const noisy = parseReport((await load({ ...direct, snr: 12 })).stdout);
    expect(noisy).toMatchObject({ noise: { source: 'generator', snrDb: 12 }, settings: { designCsnrDb: 12 } });
    const { stdout, stderr } = await load(direct);
    expect(stderr).toContain('frames arrive without noise; --snr DB adds some here');
    const clean = parseReport(stdout);
    expect(clean.noise).toEqual({ source: 'none', snrDb: null });
    expect(clean.quality.psnrDb!).toBeGreaterThan(noisy.quality.psnrDb!);
  });

  it('tells why frames are dropped, and exits with 1 when not one got through', async () => {
    const { code, stdout, stderr } = await load({ rate: 10, duration: 0.5 }, '--decoder-option', 'steps=1000');
    expect(code).toBe(1);
    expect(stderr).toContain('frames are dropped (invalid-frame): options of decoder "slow" are wrong');
    expect(stderr).toContain('not one frame was completed');
    const { frames, latencyMs } = parseReport(stdout);
    expect(frames.droppedByReason).toEqual({ 'invalid-frame': frames.sent });
    expect(frames.droppedByGenerator).toEqual({});
    expect(latencyMs).toMatchObject({ count: 0, p99: null });
  });

  it('passes on a refusal', async () => {
    const untold = await load({ rate: 10, duration: 0.5, token: undefined });
    expect([untold.code, untold.stdout]).toEqual([1, '']);
    expect(untold.stderr).toMatch(/✗ .*token/);
    const unknown = await load({ rate: 10, duration: 0.5, decoder: 'crystal-ball' });
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('no decoder "crystal-ball"');
  });

  it('keeps what it measured when the next rate finds no link', async () => {
    const json = join(workspace.dir, 'half.json');
    const fake = await startFakeReceiver({
      answer: (delivery, n) => {
        finish(delivery);
        if (n === 0) {
          // The links of the first rate are there; those of the next one find nobody.
          fake.stopListening();
        }
      },
    });
    const flags = { to: fake.url, decoder: 'jscc', rate: '20,30', duration: 1, wait: 2, json };
    const { code, stdout, stderr } = await load({ ...flags, 'result-format': 'raw' });
    expect(code).toBe(1);
    expect(stderr).toContain('have no link to');
    expect(stdout).toMatch(/frames +\d+ due = \d+ completed/);
    const report = parseReport(await readFile(`${json}.partial`, 'utf8'));
    expect(report).toMatchObject({ interrupted: true, rate: 20, runs: [{ rate: 20 }] });
    await fake.close();
  });

  it('ends cleanly on Ctrl-C, with the report of what there was', async () => {
    const json = join(workspace.dir, 'cut.json');
    const flags = { to: channel.wsUrl, ...SMALL, streams: 2, rate: 20, duration: 3600, json };
    const command = workspace.semcast(['load', ...flagList(flags)]);
    await waitFor('some pictures', () => decoded >= 5);
    command.kill('SIGINT');
    expect((await command.ended).code).toBe(1);
    expect(command.stderr).toContain('interrupted before the end of the load test');
    expect(command.stderr).toContain(`${json}.partial`);
    expect(command.stdout).toMatch(/frames +\d+ due = \d+ completed \+ \d+ dropped/);
    const report = parseReport(await readFile(`${json}.partial`, 'utf8'));
    expectBalanced(report);
    expect(report.interrupted).toBe(true);
    expect(report.measuredS).toBeLessThan(3600);
    expect(report.frames.completed).toBeGreaterThan(0);
    await waitFor('the streams are gone', () => receiver.status().streams.known === 0);
  });
});

describe('wrong usage of semcast load', () => {
  it.each([
    [['--streams', '0'], '--streams: 0 is outside 1 … 5000', ''],
    [['--find-capacity'], '--find-capacity has no objective', 'add --slo'],
    [['--find-capacity', '--find-saturation'], 'are two searches', 'give one'],
    [['--weights', '1,17'], 'is outside 1 … 16', ''],
    [['--curve'], '--curve follows a search', 'add --find-capacity'],
    [['--profile', '0:1,5:2', '--rate', '2'], 'and so does --rate', 'leave --rate out'],
    [['--profile', '0:1'], 'is no list of 2 to 100 points', 'SECONDS:RATE'],
    [['--to', 'ws://127.0.0.1:1,ftp://x'], "isn't an address of a WebSocket", ''],
    [['--rate', '0'], '--rate: 0 is outside 0.01 … 10000', ''],
    [['--rate', '1,,2'], 'has an empty entry', ''],
    [['--rate', '1,2', '--find-saturation'], '--find-saturation begins at one rate', 'give one --rate'],
    [['--duration', 'long'], '--duration: "long" is no duration', '500ms'],
    [['--slo', 'p99=2'], '--slo: "p99=2" is no objective', 'p99=2s'],
    [['--arrivals', 'poison'], '"poison" isn\'t known', 'did you mean poisson?'],
    [['--decoder-option', 'steps'], '"steps" is no option of a decoder', 'NAME=VALUE'],
    [['--steps', '4'], '--steps: jscc takes no steps', ''],
    [['--prefix', 'a b'], '"a b" is no beginning of a stream id', ''],
    [['--to', 'http://127.0.0.1:1'], "isn't an address of a WebSocket", 'write ws://127.0.0.1:1'],
    [['--images', '/nothing/here'], 'there is nothing at /nothing/here', 'check the path'],
    [['--cbr', '1/25'], 'the bundle toy has no rate 1/25', 'choose from 1/4, 1/2'],
  ])('%j', async (argv, message, remedy) => {
    const flags = { bundle: undefined, size: undefined, cbr: undefined, decoder: undefined, warmup: undefined };
    const toy = argv[0] === '--cbr' ? { ...flags, bundle: TOY_BUNDLE } : flags;
    const { code, stdout, stderr } = await load({ ...toy, ...(argv[0] === '--to' ? { to: undefined } : {}) }, ...argv);
    expect(stderr).toContain(message);
    expect(stderr).toContain(remedy);
    expect([code, stdout]).toEqual([2, '']);
  });
});
