import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleManifestSchema } from '@semcast/bundle';
import { beforeAll, describe, expect, it } from 'vitest';
import { flagList } from '../src/arguments/flag-list.js';
import { freePortBase, useWorkspace } from './helpers.js';

const workspace = useWorkspace();
const TOY_TRIO = fileURLToPath(new URL('../../../packages/bundle/fixtures/posterior-bundle', import.meta.url));
const RATES = ['1/12', '1/48'];

/** Encoder, decoder and denoiser as the exporter writes them, of which none has the rate that ours are shown at. */
async function writeOwnBundle(dir: string): Promise<void> {
  await cp(TOY_TRIO, dir, { recursive: true });
  const file = join(dir, 'bundle.json');
  const manifest = bundleManifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  const columns = RATES.map((cbr) => manifest.rmse.cbr.indexOf(cbr));
  const own = {
    ...manifest,
    name: 'mine',
    rates: RATES.map((cbr) => manifest.rates.find((rate) => rate.cbr === cbr)),
    rmse: {
      ...manifest.rmse,
      cbr: RATES,
      values: manifest.rmse.values.map((row) => columns.map((column) => row[column])),
    },
  };
  await writeFile(file, JSON.stringify(own));
}

describe('a bundle of one’s own, without a rate that is named anywhere in semcast', () => {
  let bundle = '';
  beforeAll(async () => {
    bundle = join(workspace.dir, 'mine');
    await writeOwnBundle(bundle);
  });

  it('is found sound, and the command that comes next is told', async () => {
    const base = await freePortBase();
    const { code, stdout } = await workspace.run('doctor', '--bundle', bundle, '--port-base', String(base));
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/mine 1 .*CBR 1\/12, 1\/48/s);
    expect(stdout).toContain(`Start with semcast up --bundle ${bundle} --port-base ${base}.`);
  });

  it('streams, takes photographs and load, all at its own rate', async () => {
    const base = await freePortBase();
    const photos = await workspace.photos(2);
    const [out, to] = [join(workspace.dir, 'up'), `ws://127.0.0.1:${base + 1}`];
    const up = workspace.semcast([
      'up',
      ...flagList({ bundle, 'port-base': base, out, images: photos, size: 64, fps: 2, steps: 4 }),
    ]);
    await up.until('a photograph has crossed', ({ stdout }) => stdout.includes('1/48'));

    const sent = await workspace.run('send', photos, '--bundle', bundle, '--to', to, '--size', '64', '--json', '-');
    expect(sent.code, sent.stderr).toBe(0);
    expect(JSON.parse(sent.stdout)).toMatchObject({ frames: [{ kind: 'completed', cbr: '1/48' }, { cbr: '1/48' }] });

    const loaded = await workspace.run(
      'load',
      ...flagList({ bundle, to, images: photos, size: 64, json: '-', rate: 4, duration: 2, warmup: 0 }),
    );
    expect(loaded.code, loaded.stderr).toBe(0);
    expect(JSON.parse(loaded.stdout)).toMatchObject({ settings: { cbr: '1/48' }, frames: { dropped: 0 } });

    up.kill('SIGINT');
    expect((await up.ended).code, up.stderr).toBe(0);
  });

  it.each([
    [[], ['1/48']],
    [
      ['--cbr', '1/48,1/12'],
      ['1/48', '1/12'],
    ],
  ])('is measured: sweep %j', async (flags, cbrs) => {
    const { code, stdout, stderr } = await workspace.run(
      'sweep',
      ...flagList({
        bundle,
        images: await workspace.photos(1),
        size: 64,
        json: '-',
        decoders: 'jscc,conditional',
        steps: 4,
      }),
      ...flags,
    );
    expect(code, stderr).toBe(0);
    const { summary } = JSON.parse(stdout) as { summary: { decoder: string; cbr: string; n: number }[] };
    expect(summary).toMatchObject(
      ['jscc', 'conditional'].flatMap((decoder) => cbrs.map((cbr) => ({ decoder, cbr, n: 1 }))),
    );
  });
});
