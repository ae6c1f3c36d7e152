import { eachMetric } from '@semcast/quality';
import type { CompletedSummary } from '@semcast/transmitter';
import { describe, expect, it } from 'vitest';
import { caseKey, planSweep } from './plan.js';
import { summarise, toRow } from './report.js';
import { mean, quantile } from './statistics.js';
import { variantName } from './variants.js';

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
  cbrWithOverhead: 1 / 24,
  decoder: 'jscc',
  waveform: 'single-carrier',
  supersedes: false,
  steps: 0,
  evaluations: null,
  reducedSteps: false,
  ...eachMetric(() => null),
  psnrDb: 30,
  ssim: 0.9,
  previewPsnrDb: null,
  metrics: { vgg: 0.5 },
  residual: 1.1,
  designCsnrDb: 10,
  csnrDb: { configured: 10, estimated: 9.8 },
  previewMs: 20,
  previewLatencyMs: null,
  decodeMs: 20,
  samplingMs: null,
  endToEndMs: 50,
  timingsMs: { read: 1, encode: 2, modulate: 3, credit: 4, air: 40 },
  imageBytes: 1000,
  imageFormat: 'png',
};
const setting = { decoder: 'jscc', steps: 0, channel: 'awgn', snrDb: 10, cbr: '1/24' } as const;

const variant = (decoder: string, steps = 0) => ({
  decoder,
  asked: decoder,
  steps,
  options: undefined,
  completeOptions: {},
});

it('means the ratios of channel errors, and counts those above -3 dB', () => {
  const row = (channelErrorDb: number, alignedChannelErrorDb: number) =>
    toRow(completed, { ...setting, image: 'a.png', output: null, channelErrorDb, alignedChannelErrorDb });
  const { divergedShare, ...means } = summarise(setting, [row(-20, -30), row(-2, -2.5), row(-2, -3.5), row(-20, -30)]);
  expect(divergedShare).toBe(0.25);
  expect(means.channelErrorDb).toBeCloseTo(10 * Math.log10((0.01 + 10 ** -0.2) / 2), 6);
  expect(means.alignedChannelErrorDb).toBeCloseTo(10 * Math.log10((0.002 + 10 ** -0.25 + 10 ** -0.35) / 4), 6);
  expect(summarise(setting, [toRow(completed, { ...setting, image: 'a.png', output: null })])).not.toHaveProperty(
    'channelErrorDb',
  );
});

describe('the plan of a sweep', () => {
  const grid = { files: ['a', 'b'], snrsDb: [0, 10], cbrs: ['1/24', '1/12'], draws: 1 };
  const groups = planSweep({ ...grid, variants: [variant('x'), variant('y', 4), variant('y', 8)] });
  it('has every combination once', () => {
    expect(groups).toHaveLength(12);
    const cases = groups.flatMap((group) => group.cases);
    const names = cases.map((entry) => `${variantName(entry.variant)} ${entry.snrDb} ${entry.cbr} ${entry.file}`);
    expect(new Set(names).size).toBe(24);
    const twice = planSweep({ ...grid, draws: 2, variants: [variant('x'), variant('y')] });
    const drawn = twice[0]!.cases.map(({ file, draw, place }) => `${file} ${draw} ${place}`);
    expect(drawn).toEqual(['a 0 0', 'b 0 1', 'a 1 2', 'b 1 3']);
    const frames = twice.slice(0, 4).flatMap((group) => group.cases.map(({ frame }) => frame));
    expect(frames, 'other noise for each').toEqual(Array.from({ length: 16 }, (_, i) => i));
    expect(twice[4]!.cases.map(({ frame }) => frame)).toEqual(twice[0]!.cases.map(({ frame }) => frame));
    expect(new Set(cases.map((entry) => caseKey(entry.variant, entry.frame))).size).toBe(24);
    expect(names[0]).toBe('x 0 1/24 a');
    expect(names.at(-1)).toBe('y-8steps 10 1/12 b');
  });
  it('gives all decoders the same frames, and no two settings of one decoder the same one', () => {
    const framesOf = (name: string) =>
      groups
        .filter((group) => variantName(group.variant) === name)
        .flatMap(({ cases }) => cases.map(({ frame }) => frame));
    expect(framesOf('x')).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(framesOf('y-4steps')).toEqual(framesOf('x'));
    expect(framesOf('y-8steps')).toEqual(framesOf('x'));
  });
  it('keeps the same frame for a setting when decoders are added', () => {
    const alone = planSweep({ ...grid, variants: [variant('y', 8)] });
    expect(alone.map(({ cases }) => cases)).toEqual(groups.slice(8).map(({ cases }) => cases));
  });
});

describe('the report of a sweep', () => {
  const row = toRow(completed, {
    decoder: 'distilled realism=0.5',
    image: 'a.png',
    channel: 'awgn',
    snrDb: 10,
    output: null,
  });

  it('has the contracted names, all of them and no others', () => {
    expect(Object.keys(row).join(' ')).toBe(
      'image width height channel snrDb cbr designCsnrDb frame channelUses cbrWithOverhead decoder steps evaluations ' +
        'psnrDb ssim msSsim contrast metrics residual previewMs decodeMs samplingMs endToEndMs output',
    );
    // Also in --resume and on contact sheets it is told from others by that.
    expect(row.decoder).toBe('distilled realism=0.5');
    expect(Object.keys(summarise(setting, [row])).join(' ')).toBe(
      'decoder steps channel snrDb cbr n psnrDb ssim msSsim contrast metrics residual evaluations ' +
        'previewMsP50 decodeMsP50 decodeMsP95 samplingMsP50',
    );
    expect(summarise(setting, [row], { vgg: 1.5 }).realism).toEqual({ vgg: 1.5 });
  });

  it('takes means of what there is, and null of nothing', () => {
    const other = { ...row, psnrDb: 20, ssim: null, metrics: { vgg: 1.5, squeeze: 2 }, decodeMs: 40, residual: 0.9 };
    const sampled = { ...other, steps: 8, evaluations: 16, samplingMs: 30 };
    expect(summarise(setting, [row, other])).toMatchObject({
      n: 2,
      psnrDb: 25,
      ssim: 0.9,
      msSsim: null,
      metrics: { vgg: 1, squeeze: 2 },
      residual: 1,
      evaluations: null,
      decodeMsP50: 30,
      decodeMsP95: 39,
      samplingMsP50: null,
    });
    expect(summarise({ ...setting, steps: 8 }, [sampled])).toMatchObject({
      steps: 8,
      evaluations: 16,
      samplingMsP50: 30,
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
