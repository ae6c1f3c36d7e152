/** A sweep over real sockets within this process, and a receiver that no bundle is needed for. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findDefaultBundle, loadBundle, type Bundle } from '@semcast/bundle';
import { channelServiceConfigSchema, createChannelService, type ChannelService } from '@semcast/channel';
import { parseChannelConfig } from '@semcast/channel-models';
import { createLogger } from '@semcast/service';
import { DEMO_PHOTOS } from '@semcast/transmitter';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseDecoderOption } from '../src/arguments/decoder-options.js';
import { writeContactSheets } from '../src/sweep/contact-sheets.js';
import { planSweep } from '../src/sweep/plan.js';
import { runSweep, type SweepSettings } from '../src/sweep/run-sweep.js';
import { snrTrace } from '../src/sweep/services.js';
import { SweepLog } from '../src/sweep/sweep-log.js';
import { planVariants } from '../src/sweep/variants.js';
import { OFFERED, startSamplingReceiver, type SamplingReceiver } from './support/sampling-receiver.js';
import { HEAD } from './sweep-fixtures.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const logger = createLogger({ service: 'test', level: 'silent' });
let dir: string;
let bundle: Bundle;
let receiver: SamplingReceiver;
let channel: ChannelService;
let settings: SweepSettings;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'semcast-run-sweep-'));
  bundle = await loadBundle(findDefaultBundle());
  const variants = planVariants(Object.values(OFFERED), {
    steps: [2, 5],
    options: ['light.brighter=9', 'heavy.steps=4'].map(parseDecoderOption),
  });
  settings = {
    bundle,
    device: 'cpu',
    precision: 'float32',
    channel: 'awgn',
    channelOptions: {},
    fading: { drawFading: () => null },
    seed: 0,
    channelConfig: parseChannelConfig({}),
    csi: 'genie',
    waveform: 'single-carrier',
    draws: 1,
    files: ['brushes', 'creek', 'dogs'].map((name) => join(DEMO_PHOTOS, `${name}.jpg`)),
    variants,
    snrsDb: [0, 10],
    cbrs: ['1/24'],
    size: 48,
    designSnrDb: undefined,
    metricBundles: [],
    pictures: undefined,
    namesPictures: false,
    inFlight: 3,
  };
  receiver = await startSamplingReceiver();
  const snr = { name: 'trace', csv: snrTrace(planSweep(settings)) } as const;
  channel = await createChannelService(
    channelServiceConfigSchema.parse({ port: 0, receiverUrl: receiver.url, channel: { snr } }),
    { logger },
  );
});
afterAll(async () => {
  await channel.close();
  await receiver.close();
  await rm(dir, { recursive: true, force: true });
});

const newLog = (now: SweepSettings): SweepLog => new SweepLog({ head: HEAD, channel: 'awgn', groups: planSweep(now) });

/** Run a sweep, or what an earlier log leaves of it. */
async function run(now: SweepSettings, log = newLog(now), signal = new AbortController().signal) {
  const seen: string[] = [];
  const dropped: string[] = [];
  await runSweep(now, {
    channelUrl: channel.wsUrl,
    realism: undefined,
    logger,
    log,
    signal,
    onFrame: ({ variant, frame }) => seen.push(`${variant.decoder} ${variant.steps} ${frame}`),
    onDropped: (_case, { reason, detail }) => dropped.push(`${reason}: ${detail}`),
  });
  return { log, seen, dropped };
}

describe('decoders that sample', () => {
  it('are measured at each number of steps, on the same received samples', async () => {
    const { log, dropped } = await run(settings);
    expect(dropped).toEqual([]);
    const { rows, summary } = log.report();
    expect(rows).toHaveLength(4 * 6);
    expect(summary.map(({ decoder, steps, snrDb, n }) => `${decoder} ${steps} ${snrDb} ${n}`)).toEqual([
      'jscc 0 0 3',
      'jscc 0 10 3',
      'light 2 0 3',
      'light 2 10 3',
      'light 5 0 3',
      'light 5 10 3',
      'heavy 4 0 3',
      'heavy 4 10 3',
    ]);
    const psnrOf = (name: string, count: number): number[] =>
      rows.filter(({ decoder, steps }) => decoder === name && steps === count).map(({ psnrDb }) => psnrDb);
    // `heavy` gives the very picture of jscc, so where the samples are the same, so are the figures.
    expect(psnrOf('heavy', 4)).toEqual(psnrOf('jscc', 0));
    expect(psnrOf('light', 2)).toEqual(psnrOf('light', 5));
    // Its option reached it.
    expect(psnrOf('light', 2)).not.toEqual(psnrOf('jscc', 0));
    expect(new Set(psnrOf('jscc', 0)).size, 'no two alike').toBe(6);
    expect(rows.find(({ decoder }) => decoder === 'jscc')).toMatchObject({ evaluations: null, samplingMs: null });
    expect(rows.find(({ decoder, steps }) => decoder === 'light' && steps === 5)).toMatchObject({
      evaluations: 10,
      samplingMs: 5,
      decodeMs: 9,
    });
    expect(summary.find(({ decoder, steps }) => decoder === 'light' && steps === 5)).toMatchObject({
      evaluations: 10,
      residual: 1,
      samplingMsP50: 5,
    });
  });

  it('that a receiver refuses several of at a time are sent one by one, and none is lost', async () => {
    const before = receiver.refused;
    receiver.holdNext();
    const now = { ...settings, variants: settings.variants.filter(({ decoder }) => decoder === 'heavy') };
    const { log, dropped, seen } = await run(now);
    expect(receiver.refused, 'some were refused').toBeGreaterThan(before);
    expect(dropped).toEqual([]);
    expect(log.report().rows.map(({ frame }) => frame)).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5].map((frame) => `heavy 4 ${frame}`));
  });
});

describe('a sweep that fixes the SNR which transmitters prepare for', () => {
  it('encodes for that one, whatever the channel has', async () => {
    const now = { ...settings, variants: settings.variants.slice(0, 1), files: settings.files.slice(0, 1) };
    const rowsOf = async (designSnrDb: number | undefined) =>
      (await run({ ...now, designSnrDb })).log
        .report()
        .rows.map(({ snrDb, designCsnrDb, psnrDb }) => ({ snrDb, designCsnrDb, psnrDb }));
    const [adaptive, fixed] = [await rowsOf(undefined), await rowsOf(10)];
    expect(adaptive.map(({ designCsnrDb }) => designCsnrDb)).toEqual([0, 10]);
    expect(fixed.map(({ snrDb, designCsnrDb }) => [snrDb, designCsnrDb])).toEqual([
      [0, 10],
      [10, 10],
    ]);
    expect(fixed[0]!.psnrDb).not.toBe(adaptive[0]!.psnrDb);
    expect(fixed[1]).toEqual(adaptive[1]);
  });
});

describe('a sweep that was cut short', () => {
  it('goes on where it ended, and comes to the same figures', async () => {
    const now = { ...settings, variants: settings.variants.slice(0, 2), pictures: join(dir, 'pictures') };
    const whole = await run({ ...now, pictures: undefined });
    const cut = new AbortController();
    const log = newLog(now);
    const interrupted = run(now, log, cut.signal);
    await expect.poll(() => log.size, { timeout: 60_000 }).toBeGreaterThanOrEqual(4);
    cut.abort();
    const { seen: before } = await interrupted;
    expect(before.length).toBeLessThan(12);

    const again = newLog(now);
    again.takeOver(log.report(), { realism: [], hasPicture: () => true });
    const { seen, dropped } = await run(now, again);
    expect(dropped).toEqual([]);
    expect([...before, ...seen].sort(), 'nothing twice').toEqual([...whole.seen].sort());
    const figures = (of: SweepLog) =>
      of
        .report()
        .rows.map(({ psnrDb, ssim, residual, frame, decoder }) => ({ psnrDb, ssim, residual, frame, decoder }));
    expect(figures(again)).toEqual(figures(whole.log));
    expect(again.report().rows.every(({ output }) => output === null)).toBe(true);

    // What both parts have left on the disk makes the sheets.
    expect(await readdir(now.pictures)).toHaveLength(12);
    const target = join(dir, 'sheet.png');
    const files = await writeContactSheets(now, now.pictures, again.report(), { target, crop: 40 });
    expect(files).toEqual([join(dir, 'sheet-0dB-cbr1_24.png'), join(dir, 'sheet-10dB-cbr1_24.png')]);
    expect(files.every((file) => existsSync(file))).toBe(true);
    // Margins, three columns of at least 104 pixels, three rows of 40 and their captions.
    expect(await sharp(files[0]!).metadata()).toMatchObject({
      width: 2 * 12 + 3 * 104 + 2 * 8,
      height: 2 * 12 + 30 + 40 + 3 * (40 + 22),
    });

    // The control of the second decoder at 0 dB is a column more, at 10 dB there is none.
    const { decoder, steps } = now.variants[1]!;
    const filters = [{ radius: 1, amount: 0.5, figures: { ssim: 0.9 } }];
    const controls = [{ decoder, steps, snrDb: 0, cbr: '1/24', n: 3, filters }];
    await writeContactSheets(now, now.pictures, { rows: again.report().rows, controls }, { target, crop: 40 });
    const widths = await Promise.all(files.map(async (file) => (await sharp(file).metadata()).width));
    expect(widths).toEqual([2 * 12 + 4 * 104 + 3 * 8, 2 * 12 + 3 * 104 + 2 * 8]);
  });
});
