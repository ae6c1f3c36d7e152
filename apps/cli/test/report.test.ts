import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../src/cli.js';
import type { SweepReport } from '../src/sweep/report.js';
import { useWorkspace } from './helpers.js';
import { HEAD, row } from './sweep-fixtures.js';

const workspace = useWorkspace();
const path = (name: string): string => join(workspace.dir, name);

const rows = (): SweepReport['rows'] =>
  [0, 10].flatMap((snrDb, i) =>
    ['jscc', 'distilled'].flatMap((decoder, d) =>
      ['a.png', 'b.png'].map((image, place) =>
        row({
          image,
          snrDb,
          decoder,
          steps: d,
          frame: 2 * i + place,
          psnrDb: 20 + snrDb / 2 + place - d,
          metrics: { vgg: 0.5 - d / 4 },
          output: image === 'a.png' ? path('a.png') : null,
        }),
      ),
    ),
  );
const report = (): SweepReport => ({
  ...HEAD,
  provenance: {
    semcast: '0.1.0',
    commit: '0123abc',
    argv: [],
    paths: { images: workspace.dir, bundles: [], metricBundles: [] },
    machine: { platform: 'linux x64', cpu: 'A CPU', cores: 2, node: 'v22.0.0', onnxruntime: '1.30.0' },
    definitions: { snr: 's', cbr: 'c' },
  },
  rows: rows().map((each) => ({ ...each, encodeMs: 20 })),
  summary: [],
});

async function run(...argv: string[]): Promise<{ code: number; output: string }> {
  let output = '';
  const stream = { columns: 100, write: (text: string): boolean => ((output += text), true) };
  const never = new AbortController().signal;
  const code = await runCli(['report', ...argv], {
    stdout: stream,
    stderr: stream,
    env: {},
    interruption: () => never,
  });
  return { code, output };
}

describe('semcast report', () => {
  beforeAll(async () => {
    await writeFile(path('sweep.json'), JSON.stringify(report()));
    await sharp({ create: { width: 128, height: 128, channels: 3, background: '#369' } }).toFile(path('a.png'));
  });

  it('writes a page in one file, figures, CSV and LaTeX', async () => {
    const { code, output } = await run(
      path('sweep.json'),
      `--out=${path('r.html')}`,
      `--figures=${path('f')}`,
      `--csv=${path('r.csv')}`,
      `--latex=${path('r.tex')}`,
    );
    expect(code, output).toBe(0);
    expect(output).toContain('2 lines');

    const page = await readFile(path('r.html'), 'utf8');
    expect(page).not.toMatch(/https?:|<script|<link|@import|(?:src|href)="(?!data:)/);
    for (const words of [
      'A CPU, 2 cores',
      'ONNX Runtime 1.30.0',
      '0123abc',
      'abcdef0123456789',
      HEAD.command,
      'k/(3·H·W)',
    ]) {
      expect(page).toContain(words);
    }

    const files = await readdir(path('f'));
    const drawings = files.filter((name) => name.endsWith('.svg'));
    expect(drawings).toEqual(
      expect.arrayContaining([
        'psnrDb-snr-cbr1_48.svg',
        'perception-vgg-snr10dB-cbr1_48.svg',
        'latency-frame.svg',
        'latency.svg',
        'pictures-snr0dB-cbr1_48.svg',
      ]),
    );
    for (const name of drawings) {
      expect(files).toContain(name.replace('.svg', '.pdf'));
      const svg = await readFile(join(path('f'), name), 'utf8');
      const units = svg.match(/\((?:dB|dB per complex symbol|dimensionless|ms)\)<\/text>/g) ?? [];
      expect([name, units.length]).toEqual([
        name,
        name.startsWith('pictures') ? 0 : name.startsWith('latency') ? 1 : 2,
      ]);
    }

    const csv = await readFile(path('r.csv'), 'utf8');
    expect(csv).toContain('jscc,jscc,,0,1/48,0.020833333333333332,2,2,psnrDb,dB,20.5,20,21\r\n');
    expect(await readFile(path('r.tex'), 'utf8')).toContain(String.raw`\label{tab:differences-cbr1_48}`);
  });

  it('says what is wrong with a file, and that one is missing', async () => {
    await writeFile(path('other.json'), '{"schema": "semcast.load/1"}');
    for (const argv of [[], [path('none.json')], [path('other.json')]]) {
      const { code, output } = await run(...argv);
      expect([code, output]).toEqual([
        2,
        expect.stringMatching(/no report is named|can't be read|is no report of a load test: command/),
      ]);
    }
  });

  it('draws load tests over the offered rate, and over time where the rate changed', async () => {
    const runAt = (rate: number) => ({
      rate,
      offeredRate: rate,
      goodput: Math.min(rate, 5),
      measuredS: 10,
      frames: { sent: 10 * rate, completed: 50, dropped: 3, droppedByReason: rate > 5 ? { 'queue-full': 3 } : {} },
      latencyMs: { p50: 100 * rate, p95: 150 * rate, p99: 200 * rate, max: 300 * rate },
      previewLatencyMs: { p50: 50, p95: 60, p99: 70, max: 80 },
      decodeMs: { p50: 40, p95: 50, p99: 60, max: 70 },
      quality: { psnrDb: 25, ssim: 0.7, contrast: null, steps: 10 - rate, reducedShare: 0, samples: 9 },
      fairness: { jainIndex: 1 },
      slo: [{ met: rate <= 4 }],
      series: [0, 1, 2].map((atS) => ({
        atS,
        lengthS: 1,
        due: rate,
        completed: rate,
        dropped: 0,
        latencyMsMean: 100,
        latencyMsMax: 200,
      })),
    });
    const load = (decoder: string, profile: readonly object[] | null) => ({
      schema: 'semcast.load/1',
      command: `semcast load --decoder ${decoder}`,
      settings: {
        streams: 8,
        decoder,
        size: 256,
        images: ['a.png'],
        cbr: '1/24',
        deadlineMs: null,
        bundle: { name: 'b', version: '1', digest: 'd' },
        seed: 0,
        profile,
      },
      noise: { source: 'channel', snrDb: 10 },
      capacityRate: profile === null ? 4 : null,
      slo: [{ slo: 'p99=2s' }],
      runs: profile === null ? [runAt(8), runAt(2), runAt(4)] : [runAt(3)],
    });
    await writeFile(path('a.json'), JSON.stringify(load('jscc', null)));
    await writeFile(path('b.json'), JSON.stringify(load('distilled', null)));
    await writeFile(path('spike.json'), JSON.stringify(load('jscc', [{ atS: 0, rate: 3 }])));
    const out = ['--out', path('load.html'), '--figures', path('load'), '--csv', path('load.csv')];
    expect((await run(path('a.json'), path('b.json'), ...out)).output).toContain('6 figures of 2 load tests');
    expect((await readdir(path('load'))).filter((name) => name.endsWith('.svg'))).toEqual([
      'load-drops.svg',
      'load-goodput.svg',
      'load-latency.svg',
      'load-psnr.svg',
      'load-ssim.svg',
      'load-steps.svg',
    ]);
    const page = await readFile(path('load.html'), 'utf8');
    expect(page).toContain('50 %');
    expect(page).toContain('queue-full 3');
    expect(page).toContain('% of the highest that keeps the objectives');
    expect((await readFile(path('load.csv'), 'utf8')).trim().split('\r\n')).toHaveLength(7);

    await run(path('spike.json'), ...out);
    expect(await readFile(path('load.html'), 'utf8')).toContain(
      'jscc: latency of the frames that came back then, over time',
    );
    const mixed = await run(path('sweep.json'), path('a.json'));
    expect([mixed.code, mixed.output]).toEqual([2, expect.stringContaining('make no page together')]);
  });
});
