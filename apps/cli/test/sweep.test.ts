import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProcesses, isAlive, waitFor, type TestProcess } from '@semcast/testkit';
import { DEMO_PHOTOS } from '@semcast/transmitter';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { flagList } from '../src/arguments/flag-list.js';
import { useWorkspace } from './helpers.js';

const workspace = useWorkspace();

const metrics = z.record(z.string(), z.number());
const ms = z.number().positive();
const ratio = z.number().min(-1).max(1).nullable();

/** The contract: these names, all of them, and no others. */
const reportSchema = z.strictObject({
  schema: z.literal('semcast.sweep/1'),
  bundle: z.strictObject({ name: z.string(), version: z.string(), digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  command: z.string().startsWith('semcast sweep --'),
  provenance: z.strictObject({
    semcast: z.string(),
    commit: z
      .string()
      .regex(/^[0-9a-f]{40}\+?$/)
      .optional(),
    argv: z.array(z.string()).min(1),
    paths: z.strictObject({
      images: z.string(),
      bundles: z.array(z.string()).min(1),
      metricBundles: z.array(z.string()),
    }),
    machine: z.strictObject({
      platform: z.string(),
      cpu: z.string(),
      cores: z.int().min(1),
      node: z.literal(process.version),
      onnxruntime: z.string().regex(/^\d+\.\d+\.\d+/),
    }),
    definitions: z.strictObject({ snr: z.string(), cbr: z.string() }),
  }),
  device: z.literal('cpu'),
  seed: z.int(),
  conditions: z.strictObject({
    channel: z.string(),
    channelOptions: z.record(z.string(), z.unknown()),
    csi: z.enum(['genie', 'none']),
    waveform: z.string(),
    waveformOptions: z.record(z.string(), z.unknown()),
    snrDb: z.array(z.number()),
    cbr: z.array(z.string()),
    size: z.int(),
    images: z.array(z.string()),
    draws: z.literal(1),
    imagesDigest: z.string().regex(/^[0-9a-f]{64}$/),
    metricBundles: z.array(z.string()),
    decoders: z.array(z.strictObject({ decoder: z.string(), steps: z.int(), options: z.object({}) })),
  }),
  rows: z.array(
    z.strictObject({
      image: z.string(),
      width: z.int(),
      height: z.int(),
      channel: z.string(),
      snrDb: z.number(),
      cbr: z.string(),
      designCsnrDb: z.number(),
      frame: z.int(),
      channelUses: z.int(),
      cbrWithOverhead: z.number(),
      channelErrorDb: z.number().optional(),
      alignedChannelErrorDb: z.number().optional(),
      decoder: z.string(),
      steps: z.int(),
      evaluations: z.null(),
      psnrDb: z.number(),
      ssim: ratio,
      msSsim: ratio,
      contrast: ratio,
      metrics,
      residual: z.number().nullable(),
      encodeMs: ms,
      previewMs: ms,
      decodeMs: ms,
      samplingMs: z.null(),
      endToEndMs: ms,
      output: z.string().nullable(),
    }),
  ),
  summary: z.array(
    z.strictObject({
      decoder: z.string(),
      steps: z.int(),
      channel: z.string(),
      snrDb: z.number(),
      cbr: z.string(),
      n: z.int(),
      cbrWithOverhead: z.number().optional(),
      channelErrorDb: z.number().optional(),
      alignedChannelErrorDb: z.number().optional(),
      divergedShare: z.number().optional(),
      psnrDb: z.number().nullable(),
      ssim: ratio,
      msSsim: ratio,
      contrast: ratio,
      metrics,
      residual: z.number().nullable(),
      evaluations: z.null(),
      previewMsP50: ms.nullable(),
      decodeMsP50: ms.nullable(),
      decodeMsP95: ms.nullable(),
      samplingMsP50: z.null(),
    }),
  ),
});
type Report = z.infer<typeof reportSchema>;

/** Everything but clocks and places. */
function figuresOf({ rows, summary }: Report) {
  return {
    rows: rows.map(({ encodeMs: _n, previewMs: _p, decodeMs: _d, endToEndMs: _e, output: _o, ...row }) => row),
    summary: summary.map(({ previewMsP50: _p, decodeMsP50: _50, decodeMsP95: _95, ...entry }) => entry),
  };
}

const readReport = async (file: string): Promise<Report> =>
  reportSchema.parse(JSON.parse(await readFile(file, 'utf8')));

const picturesIn = (dir: string): number =>
  existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.png')).length : 0;

describe('semcast sweep', () => {
  const snrs = [0, 10, 20];
  const cbrs = ['1/48', '1/24', '1/12'];
  const grid = ['--limit', '2', '--size', '128', '--snr', snrs.join(), '--cbr', cbrs.join(), '--seed', '7'];
  let report: Report;

  it('measures every combination, prints a table and writes the contracted JSON', async () => {
    const json = join(workspace.dir, 'grid.json');
    const out = join(workspace.dir, 'pictures');
    const { code, stdout, stderr } = await workspace.run(
      'sweep',
      '--images',
      DEMO_PHOTOS,
      ...grid,
      '--json',
      json,
      '--out',
      out,
    );
    expect(stderr).toMatch(/sweep 18\/18/);
    expect(code).toBe(0);
    report = await readReport(json);

    expect(report.rows.map(({ image, snrDb, cbr }) => `${image} ${snrDb} ${cbr}`)).toEqual(
      snrs.flatMap((snrDb) =>
        cbrs.flatMap((cbr) => ['brushes.jpg', 'creek.jpg'].map((image) => `${image} ${snrDb} ${cbr}`)),
      ),
    );
    for (const row of report.rows) {
      expect(row).toMatchObject({ width: 128, height: 128, channel: 'awgn', decoder: 'jscc', steps: 0, metrics: {} });
      // CBR is complex channel uses per image value.
      const [numerator, denominator] = row.cbr.split('/').map(Number) as [number, number];
      expect(row.channelUses).toBe((3 * 128 * 128 * numerator) / denominator);
      expect(row.endToEndMs).toBeGreaterThan(row.decodeMs);
      // MS-SSIM needs 176 pixels.
      expect(row.msSsim).toBeNull();
      expect(row.output!.startsWith(out)).toBe(true);
      expect(await sharp(row.output!).metadata()).toMatchObject({ format: 'png', width: 128, height: 128 });
    }
    expect(new Set(report.rows.map(({ output }) => output)).size).toBe(18);
    for (const entry of report.summary) {
      const rows = report.rows.filter(({ snrDb, cbr }) => snrDb === entry.snrDb && cbr === entry.cbr);
      expect(entry.n).toBe(2);
      expect(entry.psnrDb).toBeCloseTo((rows[0]!.psnrDb + rows[1]!.psnrDb) / 2, 10);
      const line = stdout.split('\n').find((text) => new RegExp(`jscc +${entry.snrDb} +${entry.cbr} `).test(text));
      expect(line).toContain(entry.psnrDb!.toFixed(2));
    }
  });

  it('finds that PSNR rises with every SNR and every rate', () => {
    const psnr = (snrDb: number, cbr: string) =>
      report.summary.find((entry) => entry.snrDb === snrDb && entry.cbr === cbr)!.psnrDb!;
    for (const cbr of cbrs) {
      expect(psnr(10, cbr)).toBeGreaterThan(psnr(0, cbr));
      expect(psnr(20, cbr)).toBeGreaterThan(psnr(10, cbr));
    }
    for (const snrDb of snrs) {
      expect(psnr(snrDb, '1/24')).toBeGreaterThan(psnr(snrDb, '1/48'));
      expect(psnr(snrDb, '1/12')).toBeGreaterThan(psnr(snrDb, '1/24'));
    }
  });

  it('gives the same figures for the same seed, on a standard output that is nothing but JSON', async () => {
    const { code, stdout, stderr } = await workspace.run('sweep', '--images', DEMO_PHOTOS, ...grid, '--json', '-');
    expect(code).toBe(0);
    const again = reportSchema.parse(JSON.parse(stdout));
    expect(figuresOf(again)).toEqual(figuresOf(report));
    expect(again.rows.map(({ output }) => output)).toEqual(report.rows.map(() => null));
    // The table goes where the rest goes.
    expect(stderr).toContain('PSNR dB');
  });

  const childrenOf = ({ pid }: TestProcess, service: string): number[] =>
    findProcesses(` ${service} --host`, { parent: pid }) ?? [];

  it('gives the same figures when the channel is killed in between', async () => {
    const json = join(workspace.dir, 'disturbed.json');
    const out = join(workspace.dir, 'disturbed');
    const sweep = workspace.semcast(['sweep', '--images', DEMO_PHOTOS, ...grid, '--json', json, '--out', out]);
    await waitFor('the first pictures', () => existsSync(join(out, 'creek-jscc-awgn-0dB-cbr1_48.png')));
    const [channel] = childrenOf(sweep, 'channel');
    process.kill(channel!, 'SIGKILL');
    expect((await sweep.ended).code).toBe(0);
    expect(sweep.stderr).toContain('the channel is back');
    expect(figuresOf(await readReport(json))).toEqual(figuresOf(report));
  });

  it('ends with 1 when a service cannot be kept running, and keeps what was measured', async () => {
    const json = join(workspace.dir, 'lost.json');
    const out = join(workspace.dir, 'lost');
    const settings = { size: 64, snr: '0,1,2,3,4,5,6,7,8,9', cbr: '1/48,1/24,1/16,1/12' };
    const sweep = workspace.semcast(['sweep', ...flagList({ images: DEMO_PHOTOS, ...settings, json, out })]);
    // Not the last of them: pictures that are decoded at a time come in any order.
    await waitFor('nine pictures', () => picturesIn(out) >= 9);
    // Again and again, as soon as it is there: a receiver that dies at its start is a receiver that can't be had.
    await waitFor('the end', () => {
      for (const receiver of childrenOf(sweep, 'receiver')) {
        process.kill(receiver, 'SIGKILL');
      }
      return !isAlive(sweep.pid);
    });
    expect((await sweep.ended).code).toBe(1);
    expect(sweep.stderr).toContain('✗ the receiver');
    expect(sweep.stderr).toContain('started again 3 times in vain');
    expect((await readReport(`${json}.partial`)).rows.length).toBeGreaterThanOrEqual(9);
  });

  it('takes any channel model, and draws other noise from another seed', async () => {
    const json = join(workspace.dir, 'fading.json');
    const photos = await workspace.photos(1);
    const flags = { images: photos, size: 128, channel: 'rician-slow', snr: '10', cbr: '1/24', seed: 8, json };
    expect((await workspace.run('sweep', ...flagList(flags))).code).toBe(0);
    const { rows } = await readReport(json);
    expect(rows).toMatchObject([{ image: 'brushes.jpg', channel: 'rician-slow', snrDb: 10, cbr: '1/24' }]);
    const onNoise = report.rows.find(({ image, snrDb, cbr }) => `${image} ${snrDb} ${cbr}` === 'brushes.jpg 10 1/24');
    expect(rows[0]!.psnrDb).not.toBe(onNoise!.psnrDb);
  });

  it('keeps what was measured when it is interrupted, says so, and leaves nothing running', async () => {
    const json = join(workspace.dir, 'cut.json');
    const out = join(workspace.dir, 'cut');
    const long = { snr: '0,1,2,3,4,5,6,7,8,9', cbr: '1/48,1/24,1/16,1/12' };
    const sweep = workspace.semcast(['sweep', ...flagList({ images: DEMO_PHOTOS, size: 64, ...long, json, out })]);
    await waitFor('nine pictures', () => picturesIn(out) >= 9);
    const children = [...childrenOf(sweep, 'receiver'), ...childrenOf(sweep, 'channel')];
    expect(children).toHaveLength(2);
    sweep.kill('SIGINT');
    expect((await sweep.ended).code).toBe(1);
    expect(sweep.stderr).toContain('interrupted after');
    expect(existsSync(json)).toBe(false);
    const partial = await readReport(`${json}.partial`);
    expect(partial.rows.length).toBeGreaterThanOrEqual(9);
    expect(sweep.stderr).toContain(`${json}.partial; the same command with --resume goes on`);
    expect(children.filter(isAlive)).toEqual([]);
  });

  it('goes on where it was interrupted with --resume, keeps what was measured, and draws and writes all of it', async () => {
    const [json, markdown, sheet] = ['again.json', 'again.md', 'again.png'].map((name) =>
      join(workspace.dir, name),
    ) as [string, string, string];
    const pictures = `${sheet}.pictures`;
    const photos = await workspace.photos(3);
    const settings = { images: photos, size: 64, snr: '0,5,10,15,20', cbr: '1/48,1/24', seed: 5 };
    const args = [...flagList({ ...settings, json, markdown, 'contact-sheet': sheet, 'contact-crop': 32 }), '--resume'];
    const cut = workspace.semcast(['sweep', ...args]);
    await waitFor('some pictures', () => picturesIn(pictures) >= 4);
    cut.kill('SIGINT');
    expect((await cut.ended).code).toBe(1);
    const before = await readReport(`${json}.partial`);
    expect(existsSync(sheet) || existsSync(markdown)).toBe(false);

    const other = await workspace.run('sweep', ...args, '--limit', '2');
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('the photographs (--images, --limit) are others');

    const { code, stderr } = await workspace.run('sweep', ...args);
    expect(code).toBe(0);
    expect(stderr).toContain(`${before.rows.length} of 30 photographs are in ${json}.partial`);
    const resumed = await readReport(json);
    expect(resumed.rows).toHaveLength(30);
    // Clocks and all: what was measured is not measured again.
    expect(resumed.rows).toEqual(expect.arrayContaining(before.rows));
    expect(resumed.command).not.toContain('--resume');
    expect(existsSync(`${json}.partial`) || existsSync(pictures)).toBe(false);

    const text = await readFile(markdown, 'utf8');
    expect(text.match(/^## CSNR \d+ dB, CBR 1\/\d+$/gm)).toHaveLength(10);
    const best = resumed.summary.find(({ snrDb, cbr }) => snrDb === 20 && cbr === '1/24');
    expect(text).toContain(`| jscc | – | ${best!.psnrDb!.toFixed(2)} | ${best!.ssim!.toFixed(4)} |`);
    expect(text).toContain(resumed.command);
    for (const rate of ['1_48', '1_24']) {
      const { width, height } = await sharp(join(workspace.dir, `again-20dB-cbr${rate}.png`)).metadata();
      expect([width, height]).toEqual([2 * 12 + 2 * 104 + 8, 2 * 12 + 30 + 40 + 3 * (32 + 22)]);
    }

    // Asked once more, there is nothing left to measure.
    const whole = await workspace.run('sweep', ...flagList({ ...settings, json }), '--resume');
    expect(whole.stderr).toContain(`30 of 30 photographs are in ${json}`);
    expect((await readReport(json)).rows).toEqual(resumed.rows);
  });

  it('exits with 1 when a photograph is none, having measured the others', async () => {
    const dir = await workspace.photos(1);
    const mixed = join(workspace.dir, 'mixed');
    await mkdir(mixed);
    await copyFile(join(dir, 'brushes.jpg'), join(mixed, 'brushes.jpg'));
    await writeFile(join(mixed, 'letter.png'), 'Dear Madam,');
    const json = join(workspace.dir, 'mixed.json');
    const { code, stderr } = await workspace.run('sweep', '--images', mixed, '--size', '64', '--json', json);
    expect(code).toBe(1);
    expect(stderr).toContain('letter.png at 10 dB, 1/24: dropped (unreadable-image)');
    const { rows, summary } = await readReport(json);
    expect([rows.length, summary[0]!.n]).toEqual([1, 1]);
  });

  it('sends by whatever waveform there is, and counts the samples that it takes', async () => {
    const images = await workspace.photos(1);
    const waveform = ['--waveform', 'ofdm', '--waveform-option', 'prefix=8', 'clipping=1.2'];
    const sized = ['--images', images, '--size', '64'];
    const { code, stdout, stderr } = await workspace.run('sweep', ...sized, ...waveform, '--json', '-');
    expect(code, stderr).toBe(0);
    const { conditions, rows, summary } = reportSchema.parse(JSON.parse(stdout));
    expect(conditions).toMatchObject({ csi: 'none', waveform: 'ofdm', waveformOptions: { fftSize: 256, prefix: 8 } });
    // 512 symbols on 256 carriers: two OFDM symbols behind a known one.
    const cbrWithOverhead = (3 * 264) / (3 * 64 * 64);
    expect(rows).toMatchObject([{ channelUses: 512, cbrWithOverhead, cbr: '1/24' }]);
    expect(summary).toMatchObject([{ cbrWithOverhead }]);
    expect(rows[0]!.residual, 'with the channel as pilots gave it').toBeGreaterThan(0);
    expect(stderr).toContain('awgn, csi none; ofdm, prefix 8, clipping 1.2');
    expect(stderr).toMatch(/with overhead[^]*1\/15\.5/);
    const wrong = await workspace.run('sweep', ...sized, '--waveform', 'ofdm', '--waveform-option', 'fftSize=0');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('fftSize')]);
  });

  it('sends over whatever channel a channel can be, and counts what that one was asked to lose', async () => {
    const typed = {
      channel: 'rician-block',
      'channel.model.k-factor-db': 3,
      'channel.model.coherence': 64,
      'channel.loss': 0.5,
      csi: 'none',
    };
    const { code, stdout, stderr } = await workspace.run(
      'sweep',
      ...flagList({ images: await workspace.photos(6), size: 64, snr: 10, json: '-', ...typed }),
    );
    expect(code, stderr).toBe(0);
    const { conditions, rows, summary } = reportSchema.parse(JSON.parse(stdout));
    expect(conditions).toMatchObject({
      channel: 'rician-block',
      channelOptions: { kFactorDb: 3, coherence: 64, loss: 0.5, noiseReference: 'nominal' },
      csi: 'none',
    });
    // Which are lost is drawn by seed and frame: always the same.
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.length).toBeLessThan(6);
    expect(summary).toMatchObject([{ n: rows.length }]);
    expect(
      rows.every(({ residual }) => residual === null),
      'without channel state',
    ).toBe(true);
    expect(stderr).toContain(`${6 - rows.length} of 6 photographs were lost by the channel`);
    expect(stderr).toContain('rician-block, coherence 64, kFactorDb 3, loss 0.5, csi none');
  });
});
