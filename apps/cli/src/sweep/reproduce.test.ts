import { describe, expect, it } from 'vitest';
import { HEAD, row, summaryEntry } from '../../test/sweep-fixtures.js';
import { reproductionFaults } from './reproduce.js';

const report = (change: Parameters<typeof row>[0] = {}) => ({
  ...HEAD,
  rows: [row(), row({ frame: 1, image: 'b.png', ...change })],
  summary: [summaryEntry()],
});

describe('a report made once more', () => {
  it('is the same when nothing but times and places differ', () => {
    const now = report({ decodeMs: 99, previewMs: 98, samplingMs: 1, endToEndMs: 97, output: 'b.png' });
    const summary = [summaryEntry({ decodeMsP50: 99, decodeMsP95: 98, previewMsP50: 97, samplingMsP50: 1 })];
    expect(reproductionFaults(report(), { ...now, summary })).toEqual([]);
  });

  it('has the same control', () => {
    const named = { decoder: 'distilled', steps: 1, snrDb: 0, cbr: '1/48' };
    const withControl = (low: number) => ({
      ...report(),
      controls: [{ ...named, n: 2, filters: [{ radius: 1, amount: 0.5, figures: { psnrDb: 24 } }] }],
      comparisons: [
        { ...named, measure: 'psnrDb', against: 'jscc' as const, value: 24, other: 25, low, high: 0 },
        { ...named, measure: 'psnrDb', against: 'sharpened' as const, value: 24, other: 24, low: -1, high: 1 },
      ],
    });
    expect(reproductionFaults(withControl(-2), withControl(-2))).toEqual([]);
    expect(reproductionFaults(withControl(-2), withControl(-2.5))).toEqual([
      'distilled against jscc by psnrDb at 0 dB, 1/48: low was -2 and is -2.5',
    ]);
    expect(reproductionFaults(withControl(-2), report())).toEqual([
      'sharpening at the PSNR of distilled at 0 dB, 1/48: is missing',
      'distilled against jscc by psnrDb at 0 dB, 1/48: is missing',
      'distilled against sharpened by psnrDb at 0 dB, 1/48: is missing',
    ]);
  });

  it('says which figures differ, in the last digit, too, and which rows are missing', () => {
    const psnrDb = 25 + 2 ** -48;
    expect(reproductionFaults(report(), report({ psnrDb, metrics: { vgg: 1 } }))).toEqual(
      [`b.png at 0 dB, 1/48, jscc: psnrDb was 25 and is ${psnrDb}`].concat([
        'b.png at 0 dB, 1/48, jscc: metrics was {} and is {"vgg":1}',
      ]),
    );
    expect(reproductionFaults(report(), { ...report(), rows: [row()], summary: [] })).toEqual([
      'b.png at 0 dB, 1/48, jscc: is missing',
      'the mean of jscc at 0 dB, 1/48: is missing',
    ]);
  });
});
