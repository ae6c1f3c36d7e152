import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findProcesses, isAlive, waitFor, type TestProcess } from '@semcast/testkit';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { freePortBase, useWorkspace } from './helpers.js';

const workspace = useWorkspace();

async function startUp(name: string, ...args: string[]) {
  const base = await freePortBase();
  const out = join(workspace.dir, name);
  // Whatever the bundle has beside it: these tests are about services that come and go.
  const fixed = ['--port-base', String(base), '--size', '64', '--decoder', 'jscc', '--out', out];
  const up = workspace.semcast(['up', ...fixed, ...args]);
  return { up, base, out };
}

/** Rows of frames that came back: they begin with the frame's number. */
const rows = ({ stdout }: TestProcess): string[] => stdout.split('\n').filter((line) => /^ +\d+ {2}\w/.test(line));

/** The services of an `up`, found by their ports, whoever their parent is now. */
function servicesOf(base: number): number[] {
  return [1, 2, 3].flatMap((offset) => findProcesses(`--port ${base + offset} `) ?? []);
}

describe('semcast up', () => {
  it('--once shows every photograph with its PSNR, keeps the pictures, and exits with 0', async () => {
    const { up, out, base } = await startUp('once', '--once');
    expect(await up.ended).toEqual({ code: 0, signal: null });

    const photos = ['brushes', 'creek', 'dandelion', 'dogs', 'drum', 'fig', 'hills', 'mountains', 'sunset'];
    const shown = rows(up).map((line) => line.trim().split(/ {2,}/));
    expect(shown.map(([, photo]) => photo).sort()).toEqual(photos);
    const header = up.stdout.split('\n').find((line) => line.includes('PSNR dB'))!;
    for (const title of ['photo', 'size', 'CBR', 'SNR dB', 'PSNR dB', 'SSIM', 'MS-SSIM', 'latency']) {
      expect(header).toContain(title);
    }
    const psnrs = rows(up).map((line) => Number(/1\/24 +10\.0 +(\d+\.\d\d)/.exec(line)?.[1]));
    for (const psnr of psnrs) {
      expect(psnr).toBeGreaterThan(12);
    }
    const mean = psnrs.reduce((sum, psnr) => sum + psnr, 0) / psnrs.length;
    expect(Number(/mean PSNR (\d+\.\d\d) dB/.exec(up.stdout)?.[1])).toBeCloseTo(mean, 1);

    expect(up.stderr).toContain(`ws://127.0.0.1:${base + 1}`);
    expect(up.stderr).toContain(join(out, 'semcast.log'));
    // Logs belong into their file.
    expect(up.stderr + up.stdout).not.toContain('{"level"');
    expect(await readFile(join(out, 'semcast.log'), 'utf8')).toContain('"service":"receiver"');
    const compared = (await readdir(join(out, 'compare'))).sort();
    expect(compared).toEqual(photos.map((photo, frame) => `00000${frame}-${photo}.png`));
    expect((await readdir(join(out, 'received'))).sort()).toEqual(photos.map((photo) => `${photo}.png`));
    expect(await sharp(join(out, 'compare', '000005-fig.png')).metadata()).toMatchObject({
      width: 64 + 8 + 64,
      height: 64,
    });
    expect(await readdir(out)).toEqual(['compare', 'received', 'semcast.log']);
    expect(servicesOf(base)).toEqual([]);
  });

  it('streams until Ctrl-C, then ends within seconds, with 0 and with no child left', async () => {
    const { up, base } = await startUp('stream', '--fps', '0');
    await up.until('frames flow', (process) => rows(process).length >= 12);
    const children = servicesOf(base);
    expect(children).toHaveLength(3);
    const startedAt = performance.now();
    up.kill('SIGINT');
    expect(await up.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedAt).toBeLessThan(6000);
    expect(children.filter(isAlive)).toEqual([]);
    expect(up.stdout).toMatch(/\d+ frames · mean PSNR/);
    // Nothing of the hurry of the end is shown.
    expect(up.stdout).not.toContain('dropped');
    // The SNR swings: it begins at the top and goes down.
    const snrs = rows(up)
      .slice(0, 12)
      .map((line) => Number(/1\/24 +(\d+\.\d)/.exec(line)?.[1]));
    expect(Math.max(...snrs)).toBe(20);
    expect(Math.min(...snrs)).toBeLessThan(18);
  });

  it('starts again what was killed, and goes on', async () => {
    const { up, base } = await startUp('restart', '--fps', '4');
    await up.until('frames flow', (process) => rows(process).length >= 2);
    const [receiver] = findProcesses(`--port ${base + 2} `)!;
    process.kill(receiver!, 'SIGKILL');
    await up.until('the receiver is back', ({ stderr }) => stderr.includes('✓ the receiver is back'));
    expect(up.stderr).toContain('! the receiver was killed (SIGKILL); starting it again (1 of 3)');
    const seen = rows(up).length;
    await up.until('frames flow again', (process) => rows(process).length > seen + 2);
    const frames = rows(up).map((line) => Number(line.trim().split(' ')[0]));
    expect(new Set(frames).size, 'no frame twice').toBe(frames.length);
    up.kill('SIGTERM');
    expect((await up.ended).code).toBe(0);
  });

  it('starts again what was killed with what was set in the console meanwhile', async () => {
    const { up, base } = await startUp('remembers', '--fps', '4');
    await up.until('frames flow', (process) => rows(process).length >= 1);
    const url = (offset: number, path: string): string => `http://127.0.0.1:${base + offset}${path}`;
    const put = async (to: string, body: object): Promise<unknown> => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(to, { method: 'PUT', headers, body: JSON.stringify(body) });
      expect(response.status, await response.clone().text()).toBe(200);
      return await response.json();
    };
    const kill = async (service: string, offset: number): Promise<void> => {
      const [pid] = findProcesses(`--port ${base + offset} `)!;
      const before = up.stderr.split(`the ${service} is back`).length;
      process.kill(pid!, 'SIGKILL');
      await up.until(`the ${service} is back`, ({ stderr }) => stderr.split(`the ${service} is back`).length > before);
    };
    const get = async (from: string): Promise<object> => (await (await fetch(from)).json()) as object;

    // The same way as the page does it, and by somebody else.
    const impairments = [
      { name: 'cfo', offsetHz: 3 },
      { name: 'adc', bits: 10, fullScale: 4 },
    ];
    await put(url(0, '/control/channel'), {
      model: { name: 'rician-block', kFactorDb: 3 },
      impairments,
      sampleRateHz: 2e6,
      loss: 0.25,
      snrDb: 7,
    });
    const settings = await put(url(3, '/stream'), { cbr: '1/12', fps: 3, paused: true });
    await kill('channel', 1);
    await kill('transmitter', 3);
    expect(await get(url(1, '/channel'))).toMatchObject({
      model: { name: 'rician-block', kFactorDb: 3 },
      impairments,
      sampleRateHz: 2e6,
      snr: { name: 'constant', snrDb: 7 },
      loss: 0.25,
    });
    expect(await get(url(3, '/stream'))).toMatchObject({ settings });

    const csv = 'frame,snr_db\n0,12\n5,3\n';
    await put(url(1, '/channel'), { snr: { name: 'trace', csv } });
    await kill('channel', 1);
    expect(await get(url(1, '/channel'))).toMatchObject({ snr: { name: 'trace', csv }, loss: 0.25 });
    up.kill('SIGTERM');
    expect((await up.ended).code).toBe(0);
  });

  it('leaves no child behind when it is killed itself', async () => {
    const { up, base } = await startUp('orphans', '--fps', '4');
    await up.until('frames flow', (process) => rows(process).length >= 1);
    expect(servicesOf(base)).toHaveLength(3);
    up.kill('SIGKILL');
    await up.ended;
    await waitFor('the services to follow', () => servicesOf(base).length === 0, 15_000);
  });

  it('can be interrupted while it starts', async () => {
    const { up, base } = await startUp('early', '--once');
    await waitFor('a service is started', () => servicesOf(base).length > 0);
    up.kill('SIGINT');
    expect((await up.ended).code).toBe(1);
    expect(up.stderr).toContain('interrupted');
    expect(servicesOf(base)).toEqual([]);
  });

  it('names the port that is taken, who wanted it, and the flag', async () => {
    const base = await freePortBase();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(base + 2, '127.0.0.1', resolve));
    try {
      const { code, stdout, stderr } = await workspace.run('up', '--once', '--port-base', String(base));
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(`port ${base + 2} (receiver) is taken`);
      expect(stderr).toContain('--port-base');
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('says what is wrong with a bundle before it starts anything', async () => {
    const dir = join(workspace.dir, 'no-bundle');
    await mkdir(dir, { recursive: true });
    const { code, stderr } = await workspace.run('up', '--once', '--bundle', dir);
    expect(code).toBe(1);
    expect(stderr).toContain(`there is no ${join(dir, 'bundle.json')}`);
    expect(stderr).toContain('→');
  });

  it('exits with 1 when a photograph does not get through', async () => {
    const photos = await workspace.photos(1);
    const dir = join(workspace.dir, 'with-a-text');
    await mkdir(dir, { recursive: true });
    await copyFile(join(photos, 'brushes.jpg'), join(dir, 'brushes.jpg'));
    await writeFile(join(dir, 'letter.jpg'), 'Dear Sir,');
    const { up } = await startUp('bad-photo', '--once', '--images', dir);
    expect((await up.ended).code).toBe(1);
    expect(up.stdout).toContain('letter was dropped: unreadable-image');
    expect(rows(up)).toHaveLength(1);
    expect((await stat(join(workspace.dir, 'bad-photo', 'received', 'brushes.png'))).size).toBeGreaterThan(0);
  });
});
