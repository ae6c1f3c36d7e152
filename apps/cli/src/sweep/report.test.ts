import type { CompletedSummary } from '@semcast/transmitter';
import { describe, expect, it } from 'vitest';
import { planSweep } from './plan.js';
import { summarise, toRow } from './report.js';
import { mean, quantile } from './statistics.js';

const completed: CompletedSummary = {
  kind: 'completed',
  stream: 'sweep',
  frame: 3,
  name: 'a.png',
  width: 64,
  height: 48,
  channelUses: 384,
  cbr: '1/24',
  channelBandwidthRatio: 1 / 24,
  decoder: 'jscc',
  steps: 0,
  reducedSteps: false,
  psnrDb: 30,
  ssim: 0.9,
  msSsim: null,
  metrics: { vgg: 0.5 },
  residual: 1.1,
  designCsnrDb: 10,
  csnrDb: { configured: 10, estimated: 9.8 },
  previewMs: 20,
  previewLatencyMs: null,
  decodeMs: 20,
  endToEndMs: 50,
  timingsMs: { read: 1, encode: 2, modulate: 3, credit: 4, air: 40 },
  imageBytes: 1000,
  imageFormat: 'png',
};
const setting = { decoder: 'jscc', channel: 'awgn', snrDb: 10, cbr: '1/24' } as const;

describe('the plan of a sweep', () => {
  const groups = planSweep({ files: ['a', 'b'], decoders: ['x', 'y'], snrsDb: [0, 10], cbrs: ['1/24', '1/12'] });
  it('has every combination once', () => {
    expect(groups).toHaveLength(8);
    const cases = groups.flatMap((group) => group.cases);
    expect(new Set(cases.map((entry) => `${entry.decoder} ${entry.snrDb} ${entry.cbr} ${entry.file}`)).size).toBe(16);
  });
  it('gives all decoders the same frames, and no two settings of one decoder the same one', () => {
    const framesOf = (decoder: string) =>
      groups.filter((group) => group.decoder === decoder).flatMap(({ cases }) => cases.map(({ frame }) => frame));
    expect(framesOf('x')).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(framesOf('y')).toEqual(framesOf('x'));
  });
  it('keeps the same frame for a setting when decoders are added', () => {
    const alone = planSweep({ files: ['a', 'b'], decoders: ['y'], snrsDb: [0, 10], cbrs: ['1/24', '1/12'] });
    expect(alone.map(({ cases }) => cases)).toEqual(groups.slice(4).map(({ cases }) => cases));
  });
});

describe('the report of a sweep', () => {
  const row = toRow(completed, { image: 'a.png', channel: 'awgn', snrDb: 10, output: null });

  it('has the contracted names, all of them and no others', () => {
    expect(Object.keys(row).join(' ')).toBe(
      'image width height channel snrDb cbr channelUses decoder steps ' +
        'psnrDb ssim msSsim metrics residual previewMs decodeMs endToEndMs output',
    );
    expect(Object.keys(summarise(setting, [row])).join(' ')).toBe(
      'decoder channel snrDb cbr n psnrDb ssim msSsim metrics decodeMsP50 decodeMsP95',
    );
    expect(summarise(setting, [row], { vgg: 1.5 }).realism).toEqual({ vgg: 1.5 });
  });

  it('takes means of what there is, and null of nothing', () => {
    const other = { ...row, psnrDb: 20, ssim: null, metrics: { vgg: 1.5, squeeze: 2 }, decodeMs: 40 };
    expect(summarise(setting, [row, other])).toMatchObject({
      n: 2,
      psnrDb: 25,
      ssim: 0.9,
      msSsim: null,
      metrics: { vgg: 1, squeeze: 2 },
      decodeMsP50: 30,
      decodeMsP95: 39,
    });
    expect(summarise(setting, [])).toMatchObject({ n: 0, psnrDb: null, decodeMsP50: null, metrics: {} });
  });
});

describe('statistics', () => {
  it('interpolates quantiles (numpy.quantile)', () => {
    const values = [7, 1, 3, 10];
    expect(quantile(values, 0)).toBe(1);
    expect(quantile(values, 0.5)).toBe(5);
    expect(quantile(values, 0.95)).toBeCloseTo(9.55, 12);
    expect(quantile(values, 1)).toBe(10);
    expect(quantile([4], 0.95)).toBe(4);
    expect(quantile([], 0.5)).toBeNull();
    expect(values).toEqual([7, 1, 3, 10]);
  });
  it('has no mean of nothing', () => {
    expect(mean([1, 2])).toBe(1.5);
    expect(mean([])).toBeNull();
  });
});
