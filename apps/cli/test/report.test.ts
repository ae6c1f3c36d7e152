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
        expect.stringMatching(/no report is named|can't be read|is no report of a sweep: schema/),
      ]);
    }
  });
});
