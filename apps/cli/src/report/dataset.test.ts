import { describe, expect, it } from 'vitest';
import { HEAD, row, summaryEntry } from '../../test/sweep-fixtures.js';
import type { SweepReport, SweepRow } from '../sweep/report.js';
import { baselineOf, createDataset, differenceOf, measureOf, type Dataset } from './dataset.js';
import { axisLabel, figureGroups } from './figures.js';

const source = (rows: readonly SweepRow[], change: Partial<SweepReport> = {}, conditions: object = {}) => ({
  file: 'a.json',
  report: { ...HEAD, conditions: { ...HEAD.conditions, ...conditions }, rows: [...rows], summary: [], ...change },
});

/** Photographs a, b, c, … of these PSNRs under one setting. */
const rowsOf = (psnrsDb: readonly number[], change: Partial<SweepRow> = {}): SweepRow[] =>
  psnrsDb.map((psnrDb, i) => row({ image: `${String.fromCodePoint(97 + i)}.png`, frame: i, psnrDb, ...change }));

const psnrOf = (data: Dataset, index = 0) => measureOf(data.cells[index]!, data.measures[0]!);

describe('a data set of reports', () => {
  it('has means, and intervals over photographs in which draws of one stay together', () => {
    const once = createDataset([source(rowsOf([20, 22, 27]))]);
    expect(psnrOf(once)!.value).toBe(23);
    const again = rowsOf([20, 22, 27]).map((each) => ({ ...each, frame: each.frame + 3 }));
    const twice = createDataset([source([...rowsOf([20, 22, 27]), ...again])]);
    expect(twice.cells[0]!.rows).toHaveLength(6);
    // A second draw with the same result says nothing new of other photographs.
    expect(psnrOf(twice)).toEqual(psnrOf(once));
  });

  it('draws the draws of a single photograph', () => {
    const draws = [20, 21, 25].map((psnrDb, frame) => row({ psnrDb, frame }));
    const { interval } = psnrOf(createDataset([source(draws)]))!;
    expect(interval!.high - interval!.low).toBeGreaterThan(2);
    expect(psnrOf(createDataset([source(draws.slice(0, 1))]))!.interval).toBeUndefined();
  });

  it('takes seeds of several files for draws, and what is in two files once', () => {
    const one = source(rowsOf([20, 22]));
    const data = createDataset([one, { ...one, file: 'copy.json' }, source(rowsOf([24, 26]), { seed: 1 })]);
    expect(data.series).toHaveLength(1);
    expect(data.cells[0]!.rows).toHaveLength(4);
    expect(psnrOf(data)!.value).toBe(23);
  });

  it('names a line by the least that tells it from the others', () => {
    const labels = (...sources: Parameters<typeof createDataset>[0]) =>
      createDataset(sources).series.map(({ label }) => label);
    const sampled = (decoder: string, steps: number) => rowsOf([20], { decoder, steps });
    expect(labels(source([...rowsOf([20]), ...sampled('distilled', 1)]))).toEqual(['jscc', 'distilled']);
    expect(labels(source([...sampled('distilled realism=0.5', 1), ...sampled('distilled realism=0.5', 2)]))).toEqual([
      'distilled, realism=0.5, 1 step',
      'distilled, realism=0.5, 2 steps',
    ]);
    const over = (estimator: string, csi: string) =>
      source(rowsOf([20]), {}, { waveform: 'ofdm', waveformOptions: { estimator, taps: 8 }, csi });
    expect(labels(over('genie', 'genie'), over('ls', 'none'), over('lmmse', 'none'))).toEqual([
      'jscc, estimator genie',
      'jscc, estimator ls',
      'jscc, estimator lmmse',
    ]);
    const other = { name: 'toy', version: '1.1.0', digest: 'ff' };
    expect(labels(source(rowsOf([20])), source(rowsOf([21]), { bundle: other }))).toEqual([
      'jscc, toy 1.0.0',
      'jscc, toy 1.1.0',
    ]);
  });

  it('pairs differences by seed and frame, so that what photographs share cancels', () => {
    const data = createDataset([
      source([...rowsOf([20, 30, 40]), ...rowsOf([21, 31, 41], { decoder: 'distilled', steps: 1 })]),
      source(rowsOf([50, 60, 70]), { seed: 1 }),
    ]);
    const own = data.cells.find(({ series }) => series.decoder === 'distilled')!;
    const baseline = baselineOf(own, data)!;
    expect(differenceOf(own, baseline, data.measures[0]!)).toEqual({ value: 1, interval: { low: 1, high: 1 } });
    expect(baselineOf(baseline, data)).toBeUndefined();
  });

  it('takes a figure of the whole set from the summary of exactly these photographs', () => {
    const summary = [summaryEntry({ n: 2, realism: { vgg: 0.3 }, metrics: {} })];
    const alone = createDataset([source(rowsOf([20, 22]), { summary })]);
    const realism = alone.measures.find(({ name }) => name === 'vgg')!;
    expect(measureOf(alone.cells[0]!, realism)).toEqual({ value: 0.3, interval: undefined });
    const pooled = createDataset([source(rowsOf([20, 22]), { summary }), source(rowsOf([24, 26]), { seed: 1 })]);
    expect(measureOf(pooled.cells[0]!, realism)).toBeUndefined();
  });
});

describe('figures', () => {
  const atSnrs = (decoder: string, offset: number, change: Partial<SweepRow> = {}) =>
    [0, 10].flatMap((snrDb, i) =>
      rowsOf([20 + offset, 22 + offset], { decoder, snrDb, ...change }).map((each) => ({
        ...each,
        frame: each.frame + 2 * i,
      })),
    );

  it('have a unit on every axis', () => {
    expect(axisLabel({ title: 'PSNR dB', unit: 'dB' })).toBe('PSNR (dB)');
    expect(axisLabel({ title: 'SSIM', unit: '' })).toBe('SSIM (dimensionless)');
    const data = createDataset([
      source([...atSnrs('jscc', 0), ...atSnrs('jscc', 1, { cbr: '1/24', channelUses: 512 })]),
    ]);
    const charts = figureGroups(data).flatMap((group) => group.charts);
    expect(charts.length).toBeGreaterThan(4);
    for (const { x, y } of charts) {
      expect(x.label).toMatch(/\(.+\)$/);
      expect(y.label === '' ? y.ticks : y.label).toBeTruthy();
    }
  });

  it('add the times of one frame: encoding, its samples, decoding; of what is sent', () => {
    const sent = rowsOf([20, 21], { encodeMs: 40, decodeMs: 8, channelUses: 256, cbrWithOverhead: 2 / 48 });
    const ideal = rowsOf([22, 23], { decoder: 'digital-ideal' });
    const groups = figureGroups(createDataset([source([...sent, ...ideal])]));
    const chart = groups.flatMap(({ charts }) => charts).find(({ name }) => name === 'latency-frame')!;
    expect(chart.y.ticks).toEqual([{ value: 0, text: 'jscc' }]);
    // 512 samples at 10 MHz.
    expect(chart.series.map(({ label, points }) => [label, points.map(({ x }) => x)])).toEqual([
      ['encode', [40]],
      ['on the air', [0.0512]],
      ['decode', [8]],
      ['sum', [48.0512]],
    ]);
    expect(chart.caption).toContain('at 10 MHz');
  });

  it('join the settings of a dial, and mark the SNR that a code is designed for', () => {
    const dial = [0, 0.5, 1].flatMap((realism) =>
      atSnrs(`distilled realism=${realism}`, -realism, { steps: 1, metrics: { vgg: 1 - realism / 2 } }),
    );
    const digital = atSnrs('digital', 2, { designCsnrDb: 10 });
    const jscc = [0, 10].flatMap((snrDb) => rowsOf([21, 23], { snrDb, designCsnrDb: snrDb, metrics: { vgg: 1 } }));
    const groups = figureGroups(createDataset([source([...jscc, ...dial, ...digital])]));
    const charts = (title: string) => groups.find((group) => group.title === title)!.charts;
    const [perception] = charts('Distortion against perception');
    expect(perception!.series.map(({ label, points }) => [label, points.map(({ note, y }) => [note, y])])).toEqual([
      ['jscc', [[undefined, 1]]],
      [
        'distilled',
        [
          ['realism=0', 1],
          ['realism=0.5', 0.75],
          ['realism=1', 0.5],
        ],
      ],
    ]);
    const [psnr] = charts('Quality against SNR');
    expect(psnr!.series.map(({ label, mark }) => [label, mark])).toContainEqual([
      'digital',
      { x: 10, text: 'design 10 dB' },
    ]);
    expect(psnr!.series.find(({ label }) => label === 'jscc')!.mark).toBeUndefined();
  });
});
