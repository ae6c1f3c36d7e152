/** Sweeps of small photographs with toy networks: made once more, of several bundles, and by a protocol. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBundle } from '@semcast/bundle';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../src/cli.js';
import { BENCH_PROTOCOL, comparedDecoders, PROTOCOLS } from '../src/sweep/protocols.js';
import { sweepReportSchema, type SweepReport } from '../src/sweep/report.js';
import { useWorkspace } from './helpers.js';

const workspace = useWorkspace();
const TOY = fileURLToPath(new URL('../../../packages/bundle/fixtures/posterior-bundle', import.meta.url));
const path = (name: string): string => join(workspace.dir, name);

async function run(argv: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof output) => ({
    columns: 120,
    write: (text: string): boolean => ((output[name] += text), true),
  });
  const never = new AbortController().signal;
  const io = { stdout: stream('stdout'), stderr: stream('stderr'), env: process.env, interruption: () => never };
  return { code: await runCli(argv, io), ...output };
}

const read = async (name: string): Promise<SweepReport> =>
  sweepReportSchema.parse(JSON.parse(await readFile(path(name), 'utf8')));

const settings = (photos: string): string[] => {
  const sampled = ['--decoders', 'jscc,distilled', '--steps', '1', '--channel', 'rayleigh-fast', '--draws', '2'];
  const conditions = ['--size', '64', '--bundle', TOY, '--snr', '0,10', '--seed', '7'];
  return ['--images', photos, ...conditions, ...sampled, '--control', 'sharpened'];
};

describe('semcast sweep --reproduce', () => {
  let photos = '';
  beforeAll(async () => {
    photos = await workspace.photos(2);
    await run(['sweep', ...settings(photos), '--json', path('first.json'), '--markdown', path('first.md')]);
    // Nothing but its provenance says how to run it.
    await writeFile(path('first.json'), JSON.stringify({ ...(await read('first.json')), command: '' }));
  });

  it('gives every figure once more, bit for bit', async () => {
    const { code, stdout, stderr } = await run([
      'sweep',
      '--reproduce',
      path('first.json'),
      '--json',
      path('second.json'),
    ]);
    expect(stderr).not.toContain('was ');
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining('reproduced: 16 rows and 12 comparisons of the control are the same bit for bit'),
    ]);
    const [first, second] = [await read('first.json'), await read('second.json')];
    expect(second.rows.map(({ psnrDb }) => psnrDb)).toEqual(first.rows.map(({ psnrDb }) => psnrDb));
    expect(second.provenance!.paths).toEqual(first.provenance!.paths);
    expect(second.controls).toEqual(first.controls);
    expect(second.comparisons).toEqual(first.comparisons);
  });

  it('adds the control to a sweep that had none, decoding nothing but jscc again', async () => {
    const { controls, comparisons, ...report } = await read('first.json');
    const old = 123_456;
    const rows = report.rows.map((row) => ({ ...row, decodeMs: old }));
    await writeFile(path('bare.json'), JSON.stringify({ ...report, rows }));
    const { code, stderr } = await run(['sweep', ...settings(photos), '--resume', '--json', path('bare.json')]);
    expect(code, stderr).toBe(0);
    const completed = await read('bare.json');
    expect([completed.controls, completed.comparisons]).toEqual([controls, comparisons]);
    for (const { decoder, decodeMs } of completed.rows) {
      expect(decodeMs === old).toBe(decoder === 'distilled');
    }
  });

  it('says which figures differ, and ends with 1', async () => {
    const first = await read('first.json');
    const rows = first.rows.map((row, i) => (i === 3 ? { ...row, psnrDb: row.psnrDb + 1e-12 } : row));
    await writeFile(path('other.json'), JSON.stringify({ ...first, rows }));
    const { code, stdout, stderr } = await run(['sweep', '--reproduce', path('other.json')]);
    expect([code, stdout]).toEqual([1, expect.stringContaining('not reproduced: 1 figures of 16 rows')]);
    expect(stderr).toMatch(/creek\.jpg at 0 dB, 1\/24, jscc: psnrDb was [\d.]+ and is [\d.]+/);
  });

  it('measures nothing of other photographs, with other settings, or without provenance', async () => {
    const { provenance: _, ...older } = await read('first.json');
    await writeFile(path('older.json'), JSON.stringify(older));
    for (const [argv, fault] of [
      [['first.json', '--images', await workspace.photos(1)], /the photographs .* are others/],
      [['first.json', '--snr', '3'], /--snr is set by the report/],
      [['older.json'], /doesn't say what made it/],
    ] as const) {
      const { code, stderr } = await run(['sweep', '--reproduce', path(argv[0]), ...argv.slice(1)]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(fault)]);
    }
  });
});

describe('several bundles', () => {
  it('stand side by side on the same noise, each with its name', async () => {
    const other = path('other-bundle');
    await cp(TOY, other, { recursive: true });
    const manifest = JSON.parse(await readFile(join(other, 'bundle.json'), 'utf8')) as { version: string };
    await writeFile(join(other, 'bundle.json'), JSON.stringify({ ...manifest, version: '9.9.9' }));
    const { name, version } = (await loadBundle(TOY)).manifest;
    const { code, stdout, stderr } = await run([
      'sweep',
      '--images',
      await workspace.photos(1),
      '--size',
      '64',
      '--bundle',
      TOY,
      '--bundle',
      other,
      '--cbr',
      'all',
      '--json',
      path('two.json'),
      '--markdown',
      path('two.md'),
      '--out',
      path('pictures'),
    ]);
    expect(code, stderr).toBe(0);
    const { rows, summary, bundles } = await read('two.json');
    const names = [`${name} ${version}`, `${name} 9.9.9`];
    expect(Object.entries(bundles!).map(([label, each]) => [label, each.version])).toEqual([
      [names[0], version],
      [names[1], '9.9.9'],
    ]);
    const half = rows.length / 2;
    expect(rows.map(({ bundle }) => bundle)).toEqual([...Array(half).fill(names[0]), ...Array(half).fill(names[1])]);
    // The same networks over the same noise.
    const figures = rows.map(({ frame, cbr, psnrDb }) => [frame, cbr, psnrDb]);
    expect(figures.slice(half)).toEqual(figures.slice(0, half));
    expect(new Set(rows.map(({ output }) => output)).size).toBe(rows.length);
    expect(summary.map(({ bundle }) => bundle)).toContain(names[1]);
    expect(stdout).toContain(names[1]);
    expect(await readFile(path('two.md'), 'utf8')).toContain(`| ${names[1]} | jscc |`);

    const drawn = await run(['report', path('two.json'), '--out', path('two.html')]);
    expect(drawn.code, drawn.stderr).toBe(0);
    expect(await readFile(path('two.html'), 'utf8')).toContain(`jscc, ${names[1]}`);
  });
});

describe('a protocol', () => {
  it('compares one decoder of each kind that the bundle serves', async () => {
    expect(comparedDecoders(await loadBundle(TOY))).toEqual(expect.arrayContaining(['jscc', 'distilled']));
  });

  it('is run by semcast bench, which prints a table to submit and nothing else', async () => {
    const { code, stdout, stderr } = await run([
      'bench',
      '--images',
      await workspace.photos(1),
      '--bundle',
      TOY,
      '--json',
      path('bench.json'),
      '--markdown',
      path('bench.md'),
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout.trim()).toBe((await readFile(path('bench.md'), 'utf8')).trim());
    expect(stdout).toMatch(/^\| \| \|\n\|---\|---\|\n\| command \| semcast bench --images /);
    const { snr, cbr } = PROTOCOLS[BENCH_PROTOCOL];
    for (const snrDb of snr) {
      for (const rate of cbr) {
        expect(stdout).toContain(`### CSNR ${snrDb} dB, CBR ${rate}\n`);
      }
    }
    expect(stdout).toContain('| jscc | 1 | ');
    const { conditions } = await read('bench.json');
    expect(conditions).toMatchObject({ snrDb: snr, cbr, size: 256, channel: 'awgn', csi: 'genie' });
  });

  it('sets what is not given', async () => {
    const photos = await workspace.photos(1);
    const { code, stderr } = await run([
      'sweep',
      '--protocol',
      'paper',
      '--images',
      photos,
      '--size',
      '64',
      '--bundle',
      TOY,
      '--snr',
      '5',
      '--json',
      path('paper.json'),
    ]);
    expect(code, stderr).toBe(0);
    const { conditions, seed } = await read('paper.json');
    expect(conditions).toMatchObject({ snrDb: [5], size: 64, draws: PROTOCOLS.paper.draws });
    expect(conditions.cbr).toEqual((await loadBundle(TOY)).manifest.rates.map(({ cbr }) => cbr));
    expect(seed).toBe(PROTOCOLS.paper.seed);
  });
});
