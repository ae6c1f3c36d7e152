import { describe, expect, it } from 'vitest';
import { htmlFigure, htmlPage, htmlTable, htmlTerms } from './page.js';
import { renderPictureGrid, type GridPicture } from './picture-grid.js';

describe('a page', () => {
  it('needs nothing from elsewhere, and shows text as it is', () => {
    const table = htmlTable({
      name: 't',
      caption: '1 < 2 & "3"',
      columns: [{ title: 'a<b', align: 'left' }],
      groups: [{ title: 'g', rows: [[{ text: '<i>', note: '[1, 2]', isBest: true }]] }],
    });
    const page = htmlPage('Results <1>', 'of & more', [
      { title: 'T', html: table + htmlFigure('<svg></svg>', 'a figure') + htmlTerms([['SNR', 'E|h·z|²/N0']]) },
    ]);
    expect(page).toContain('<b>&lt;i&gt;</b><small>[1, 2]</small>');
    expect(page).toContain('<caption>1 &lt; 2 &amp; &quot;3&quot;</caption>');
    expect(page).not.toMatch(/https?:|<script|<link|@import|url\((?!data:)/);
    expect(page).toContain(`default-src 'none'`);
  });
});

describe('a grid of pictures', () => {
  const picture: GridPicture = { whole: 'AAAA', crop: 'BBBB', enlarged: 'CCCC', caption: '24.85 dB' };

  it('has each picture whole, cropped and enlarged, with its crops marked; a missing one leaves its place', () => {
    const svg = renderPictureGrid({
      caption: 'pictures',
      columns: ['original', 'jscc'],
      rows: [
        [picture, picture],
        [picture, null],
      ],
      width: 256,
      height: 256,
    });
    expect(svg.match(/<image /g)).toHaveLength(9);
    expect(svg.match(/<rect /g)).toHaveLength(6);
    expect(svg.match(/24\.85 dB<\/text>/g)).toHaveLength(3);
    // 96 pixels of 256, drawn 196 wide.
    expect(svg).toContain('width="73.5" height="73.5"');
  });
});
