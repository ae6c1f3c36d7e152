import pico from 'picocolors';
import { describe, expect, it } from 'vitest';
import { HEAD, summaryEntry } from '../../test/sweep-fixtures.js';
import { renderTable } from '../terminal/columns.js';
import { byConditions, isBest, isWorse, qualityColumns, summaryLines } from './compare.js';
import { renderMarkdown } from './markdown.js';
import { summaryTable } from './table.js';

const sampled = { decoder: 'conditional', steps: 8, evaluations: 16, residual: 1.02, decodeMsP50: 2340 };
const summary = [
  summaryEntry({ realism: { faces: 1.5 } }),
  summaryEntry({ snrDb: 10, psnrDb: 29, realism: { faces: 0.9 } }),
  summaryEntry({ ...sampled, psnrDb: 24.4, ssim: 0.70004, metrics: { vgg: 0.45 }, realism: { faces: 0.75 } }),
  summaryEntry({ ...sampled, snrDb: 10, psnrDb: 29.5, metrics: { vgg: 0.6 }, realism: { faces: null } }),
];
const names = { metrics: ['vgg'], realism: ['faces'] };
const column = (name: string) => qualityColumns(names).find((each) => each.name === name)!;
const [psnr, ssim, vgg, faces] = [column('psnrDb'), column('ssim'), column('vgg'), column('faces')];

describe('decoders side by side', () => {
  it('are worse than jscc by the direction of the measure, at the same SNR and rate', () => {
    expect(isWorse(summary[2]!, psnr, summary)).toBe(true);
    expect(isWorse(summary[3]!, psnr, summary)).toBe(false);
    expect(isWorse(summary[2]!, vgg, summary)).toBe(false);
    expect(isWorse(summary[3]!, vgg, summary)).toBe(true);
    expect(isWorse(summary[0]!, psnr, summary)).toBe(false);
    expect(isWorse(summaryEntry({ ...sampled, cbr: '1/24', psnrDb: 1 }), psnr, summary)).toBe(false);
    expect(isWorse(summary[2]!, psnr, summary.slice(2)), 'nothing without jscc').toBe(false);
  });
  it('differ only by what is shown, and not where there is nothing', () => {
    expect(isWorse(summaryEntry({ ...sampled, ssim: 0.69996 }), ssim, summary)).toBe(false);
    expect(isWorse(summaryEntry({ ...sampled, ssim: 0.69994 }), ssim, summary)).toBe(true);
    expect(isWorse(summary[3]!, faces, summary)).toBe(false);
  });
  it('are best where none is better; one alone is not', () => {
    expect(summary.map((entry) => isBest(entry, psnr, summary))).toEqual([true, false, false, true]);
    expect(summary.map((entry) => isBest(entry, faces, summary))).toEqual([false, false, true, false]);
    expect(isBest(summary[0]!, ssim, summary) && isBest(summary[2]!, ssim, summary), 'a draw').toBe(true);
  });
  it('stand together by their conditions', () => {
    expect(byConditions(summary).map((entries) => entries.map(({ snrDb }) => snrDb))).toEqual([
      [0, 0],
      [10, 10],
    ]);
  });
});

describe('the control', () => {
  const filter = (radius: number, psnrDb: number, distance: number) => ({
    radius,
    amount: 1,
    figures: { psnrDb, vgg: distance },
  });
  const control = { decoder: 'conditional', steps: 8, snrDb: 0, cbr: '1/48', n: 2 };
  const controls = [{ ...control, filters: [filter(1, 24.4, 0.46), filter(2, 24.41, 0.44), filter(4, 24.4, 0.48)] }];
  const lines = summaryLines({ summary, controls });

  it('stands behind its decoder, with the best filter for each measure', () => {
    const at = lines.findIndex(({ decoder }) => decoder === 'sharpened (conditional)');
    expect(lines[at - 1]).toMatchObject({ decoder: 'conditional', steps: 8, snrDb: 0 });
    expect(lines[at]).toMatchObject({ psnrDb: 24.41, metrics: { vgg: 0.44 }, residual: null, decodeMsP50: null });
    expect(lines).toHaveLength(summary.length + 1);
  });

  it('is explained in tables, and its differences are in Markdown', () => {
    const colours = pico.createColors(false);
    expect(summaryTable({ summary, controls }, names, colours).legend.join()).toContain('unsharp masks');
    const compared = { decoder: 'conditional', steps: 8, snrDb: 0, cbr: '1/48', against: 'sharpened' } as const;
    const text = renderMarkdown(
      {
        ...HEAD,
        rows: [],
        summary,
        controls,
        comparisons: [
          { ...compared, measure: 'psnrDb', value: 24.4, other: 24.41, low: -0.2, high: 0.1 },
          { ...compared, measure: 'vgg', value: 0.45, other: 0.5, low: -0.06, high: -0.04 },
        ],
      },
      names,
    );
    expect(text).toContain('| sharpened (conditional) | – | 24.41');
    expect(text).toMatch(
      /\| conditional \| 8 \| sharpened \| -0\.01 \[-0\.20, 0\.10\] .*\| -10\.0 \[-12\.0, -8\.0\] \|/,
    );
  });
});

describe('the table at the end of a sweep', () => {
  it('marks what is worse than jscc, in words without colours, and explains it', () => {
    const colours = pico.createColors(false);
    const { columns, rows, legend } = summaryTable({ summary }, names, colours);
    const lines = renderTable(columns, rows, { colours, width: 200 });
    const line = (start: RegExp): string => lines.find((text) => start.test(text))!;
    expect(lines[0]).toMatch(/decoder +steps +SNR dB .*PSNR dB .*vgg +faces +residual +evals/);
    expect(line(/conditional +8 +0 /)).toMatch(
      / 24\.40- +0\.7000  +0\.8000  +0\.9000  +0\.4500  +0\.7500  +1\.02 +16 +2\.3 s/,
    );
    expect(line(/conditional +8 +10 /)).toMatch(/ 29\.50  .* 0\.6000- +–  /);
    expect(line(/jscc +– +0 /)).not.toContain('-');
    expect(lines.map((text) => /^ *(jscc|cond)/.exec(text)?.[1]).filter((name) => name !== undefined)).toEqual([
      'jscc',
      'cond',
      'jscc',
      'cond',
    ]);
    expect(legend.join()).toContain('- worse than jscc');
  });

  it('shows it in red where there are colours', () => {
    const colours = pico.createColors(true);
    const { columns } = summaryTable({ summary }, names, colours);
    expect(columns.map(({ cell }) => cell(summary[2]!)).find((text) => text.includes('24.40'))).toBe(
      colours.red('24.40-'),
    );
  });

  it('has nothing to explain, and no steps, of one decoder', () => {
    const { columns, legend } = summaryTable({ summary: summary.slice(0, 2) }, names, pico.createColors(false));
    expect(columns.map(({ title }) => title)).not.toContain('steps');
    expect(legend).toEqual([]);
  });
});

describe('the summary as Markdown', () => {
  const text = renderMarkdown({ ...HEAD, rows: [], summary }, names);

  it('has a table for each SNR and rate, with directions, the best and the worse', () => {
    expect(text).toContain(
      [
        '## CSNR 0 dB, CBR 1/48',
        '',
        '| decoder | steps | PSNR dB ↑ | SSIM ↑ | MS-SSIM ↑ | Contrast ↑ | vgg ↓ | faces ↓ | residual | evaluations | decode s |',
        '| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |',
        '| jscc | – | **25.00** | **0.7000** | **0.8000** | **0.9000** | 0.5000 | 1.5000 | 0.80 | – | 0.010 |',
        '| conditional | 8 | 24.40 (−) | **0.7000** | **0.8000** | **0.9000** | **0.4500** | **0.7500** | 1.02 | 16 | 2.34 |',
        '',
        '## CSNR 10 dB, CBR 1/48',
      ].join('\n'),
    );
    expect(text).toContain('(−): worse than jscc');
  });

  it('says how it was made', () => {
    expect(text).toContain(`\`\`\`sh\n${HEAD.command}\n\`\`\``);
    expect(text).toContain('awgn, 2 photographs at 64×64, bundle toy 1.0.0 (abcdef012345) on cpu, seed 0.');
    expect(text.endsWith('|\n')).toBe(true);
  });
});
