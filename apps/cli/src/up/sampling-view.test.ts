/** What `up` and `send` show where a decoder samples: preview and refined picture, side by side. */
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eachMetric } from '@semcast/quality';
import { DEMO_PHOTOS, type CompletedSummary, type PreviewSummary } from '@semcast/transmitter';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTerminal } from '../terminal/terminal.js';
import { serviceSpecs, type UpSettings } from './boot.js';
import { openPictureFolder } from './pictures.js';
import { StreamView } from './stream-view.js';

const outcome = (change: Partial<CompletedSummary> = {}): CompletedSummary => ({
  kind: 'completed',
  stream: 'demo',
  frame: 0,
  name: 'creek.jpg',
  width: 64,
  height: 64,
  channelUses: 512,
  cbr: '1/24',
  channelBandwidthRatio: 1 / 24,
  cbrWithOverhead: 1 / 24,
  decoder: 'conditional',
  waveform: 'single-carrier',
  supersedes: false,
  steps: 8,
  evaluations: 16,
  reducedSteps: false,
  ...eachMetric(() => null),
  psnrDb: 24.31,
  ssim: 0.7,
  msSsim: 0.9,
  contrast: 0.95,
  previewPsnrDb: 25.12,
  metrics: {},
  residual: 1,
  designCsnrDb: 10,
  csnrDb: { configured: 5, estimated: 5 },
  previewMs: 40,
  previewLatencyMs: 85,
  decodeMs: 1900,
  samplingMs: 1800,
  endToEndMs: 2040,
  timingsMs: { read: 1, encode: 1, modulate: 1, credit: 1, air: 2000 },
  imageBytes: 1,
  imageFormat: 'png',
  ...change,
});

function newView(sampling: boolean) {
  const written = { stdout: '', stderr: '' };
  const terminal = createTerminal({
    stdout: { columns: 120, write: (text) => (written.stdout += text) },
    stderr: { columns: 120, write: (text) => (written.stderr += text) },
    env: { NO_COLOR: '1' },
  });
  return { written, view: new StreamView({ terminal, expected: undefined, sampling }) };
}

describe('the table of frames', () => {
  it('has preview and refined picture with steps and latencies where a decoder samples', () => {
    const { view, written } = newView(true);
    view.add(outcome());
    view.add(outcome({ frame: 1, steps: 4, reducedSteps: true, previewPsnrDb: 26.12, psnrDb: 25.31 }));
    view.add(outcome({ frame: 2, steps: 0, previewPsnrDb: null, previewLatencyMs: null }));
    view.footer();
    const lines = written.stdout.split('\n');
    expect(lines[1]).toMatch(/preview dB +PSNR dB +steps +SSIM +MS-SSIM.* +preview +latency$/);
    expect(lines[3]).toMatch(/creek +64×64 +1\/24 +5\.0 +25\.12 +24\.31 +8 +0\.700 +0\.900.* +85 ms +2\.0 s$/);
    expect(lines[4]).toMatch(/ 26\.12 +25\.31 +4↓ /);
    expect(lines[5]).toMatch(/ – +24\.31 +0 +0\.700 +0\.900.* +– +2\.0 s$/);
    expect(lines.at(-2)).toContain('3 frames · mean PSNR 24.64 dB · of previews 25.62 dB');
  });

  it('has neither where it does not', () => {
    const { view, written } = newView(false);
    view.add(outcome({ previewPsnrDb: null }));
    view.footer();
    expect(written.stdout).not.toContain('preview');
    expect(written.stdout).not.toContain('steps');
  });

  it('tells in the live line what is being refined, until it is there', () => {
    const { view } = newView(true);
    const preview = { frame: 0, name: 'creek.jpg', steps: 0, endToEndMs: 85 } as PreviewSummary;
    view.preview(preview);
    expect(view.render(120)).toContain('refining creek (preview after 85 ms)');
    view.preview({ ...preview, steps: 4, endToEndMs: 1000 });
    expect(view.render(120)).toContain('refining creek (step 4 after 1.0 s)');
    view.add(outcome());
    expect(view.render(120)).not.toContain('refining');
  });
});

describe('the pictures', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'semcast-up-pictures-'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  it('are original, preview and refined side by side', async () => {
    const file = join(dir, 'creek.jpg');
    await copyFile(join(DEMO_PHOTOS, 'creek.jpg'), file);
    const flat = (background: string) =>
      sharp({ create: { width: 64, height: 64, channels: 3, background } })
        .png()
        .toBuffer();
    const [outputPath, previewPath] = [join(dir, 'f.png'), join(dir, 'f-preview.png')];
    await writeFile(outputPath, await flat('#0000ff'));
    await writeFile(previewPath, await flat('#ff0000'));
    const failures: unknown[] = [];
    const folder = await openPictureFolder({
      dir,
      files: [file],
      size: 64,
      onFailure: (error) => failures.push(error),
    });
    folder.keep(outcome({ frame: 7, name: 'creek.jpg', outputPath, previewPath }));
    await folder.settled();
    expect(failures).toEqual([]);
    const compared = sharp(join(folder.compareDir, '000007-creek.png'));
    expect(await compared.metadata()).toMatchObject({ width: 3 * 64 + 2 * 8, height: 64 });
    const middles = await compared
      .extract({ left: 64 + 8 + 32, top: 32, width: 64 + 8 + 1, height: 1 })
      .raw()
      .toBuffer();
    expect([...middles.subarray(0, 3)]).toEqual([255, 0, 0]);
    expect([...middles.subarray(-3)]).toEqual([0, 0, 255]);
    expect(await readdir(join(dir, 'preview'))).toEqual(['creek.png']);
  });
});

describe('the transmitter of the demonstration', () => {
  const settings = {
    ports: { channel: 1, receiver: 2, transmitter: 3 },
    decoder: 'conditional',
    decoderOptions: { steps: 8, solver: 'heun' },
    sampling: true,
    snr: 5,
  } as unknown as UpSettings;

  it('is told the options of the decoder, and to keep previews', () => {
    const { args } = serviceSpecs(settings).transmitter;
    expect(args.join(' ')).toContain(
      '--decoder conditional --decoder-options {"steps":8,"solver":"heun"} --output-previews',
    );
  });
  it('is not, where there are none', () => {
    const { args } = serviceSpecs({
      ...settings,
      decoder: 'jscc',
      decoderOptions: undefined,
      sampling: false,
    }).transmitter;
    expect(args).not.toContain('--decoder-options');
    expect(args).toContain('--no-output-previews');
  });
});
