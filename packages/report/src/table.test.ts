import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '@semcast/testkit';
import { csvParse } from 'd3-dsv';
import { afterAll, describe, expect, it } from 'vitest';
import { csv, intervalText, latexTable, latexText, numberText, type Table } from './table.js';

const table: Table = {
  name: 'results',
  caption: 'Means, 95 % of #1_a & {b} ~ ^ \\ $c$: − × · ↑ ↓ Δ – < >.',
  columns: [
    { title: 'decoder', align: 'left' },
    { title: 'Δ PSNR dB ↑', align: 'right' },
  ],
  groups: [
    {
      title: 'CSNR 0 dB, CBR 1/48',
      rows: [
        [{ text: 'distilled realism=0.5' }, { text: '−0.64', note: '[−0.70, −0.58]', isBest: true }],
        [{ text: 'jscc_2 & co' }, { text: '–' }],
      ],
    },
  ],
};

describe('numbers', () => {
  it('have a true minus and no negative zero', () => {
    expect([numberText(-0.644, 2), numberText(-0.001, 2), numberText(3, 1)]).toEqual(['−0.64', '0.00', '3.0']);
    expect(intervalText({ low: -0.7, high: 0.58 }, 2)).toBe('[−0.70, 0.58]');
  });
});

describe('CSV', () => {
  it('comes back as it was', () => {
    const rows = [
      { name: 'distilled, 2 steps', value: 0.1 + 0.2, low: null },
      { name: 'said "so"\nand more', value: -1e-9, low: 3 },
    ];
    expect([
      ...csvParse(csv(rows), ({ name, value, low }) => ({
        name,
        value: Number(value),
        low: low === '' ? null : Number(low),
      })),
    ]).toEqual(rows);
  });
});

describe('LaTeX', () => {
  it('takes no letter of a text for a command', () => {
    expect(latexText(String.raw`50 % of a_b & \c{d} $e #f`)).toBe(
      String.raw`50 \% of a\_b \& \textbackslash{}c\{d\} \$e \#f`,
    );
    expect(latexText('Δ ↑ −3')).toBe(String.raw`$\Delta$ $\uparrow$ $-$3`);
  });

  it('has rules of booktabs, intervals below their figures, and the best in bold', () => {
    const text = latexTable(table);
    expect(text).toContain(String.raw`distilled realism=0.5 & \textbf{$-$0.64} \\`);
    expect(text).toContain(String.raw` & {\scriptsize [$-$0.70, $-$0.58]} \\`);
    expect(text.match(/\\(top|mid|bottom)rule/g)).toEqual([
      String.raw`\toprule`,
      String.raw`\midrule`,
      String.raw`\bottomrule`,
    ]);
  });

  // Installing TeX takes minutes: it isn't required of a machine that checks changes, which has it or skips this.
  const { PATH } = process.env;
  const pdflatex = findProgram('pdflatex', 'texlive-latex-recommended', { PATH });
  const dir = mkdtempSync(join(tmpdir(), 'semcast-latex-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it.skipIf(pdflatex === undefined)('is taken by pdflatex', () => {
    const document = [
      String.raw`\documentclass[twocolumn]{article}`,
      String.raw`\usepackage{booktabs}`,
      String.raw`\begin{document}`,
      latexTable(table),
      String.raw`\end{document}`,
    ];
    writeFileSync(join(dir, 'paper.tex'), document.join('\n'));
    const log = execFileSync(pdflatex!, ['-interaction=nonstopmode', '-halt-on-error', 'paper.tex'], {
      cwd: dir,
      encoding: 'utf8',
    });
    expect(log).toContain('Output written on paper.pdf (1 page');
  });
});
