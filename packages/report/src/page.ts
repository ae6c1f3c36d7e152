import { fontFile } from './font.js';
import type { Table, TableCell } from './table.js';

/** A part of a page: a heading, and HTML below it. */
export interface PageSection {
  readonly title: string;
  readonly html: string;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as HTML, in an attribute, too. */
export function htmlText(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ESCAPES[character]!);
}

/** A figure with its caption; `drawing` is an SVG element. */
export function htmlFigure(drawing: string, caption: string, isWide = false): string {
  return `<figure${isWide ? ' class="wide"' : ''}>${drawing}<figcaption>${htmlText(caption)}</figcaption></figure>`;
}

function htmlCell({ text, note, isBest }: TableCell, align: string): string {
  const value = isBest ? `<b>${htmlText(text)}</b>` : htmlText(text);
  return `<td class="${align}">${value}${note === undefined ? '' : `<small>${htmlText(note)}</small>`}</td>`;
}

/** A table with a line of heading for each of its groups. */
export function htmlTable({ caption, columns, groups }: Table): string {
  const head = columns.map(({ title, align }) => `<th class="${align}">${htmlText(title)}</th>`).join('');
  const bodies = groups.map(({ title, rows }) => {
    const lines = rows.map((cells) => `<tr>${cells.map((cell, i) => htmlCell(cell, columns[i]!.align)).join('')}</tr>`);
    return `<tbody><tr><th colspan="${columns.length}" class="group">${htmlText(title)}</th></tr>${lines.join('')}</tbody>`;
  });
  return `<div class="table"><table><caption>${htmlText(caption)}</caption><thead><tr>${head}</tr></thead>${bodies.join('')}</table></div>`;
}

/** Terms and what they are. */
export function htmlTerms(terms: readonly (readonly [term: string, text: string])[]): string {
  return `<dl>${terms.map(([term, text]) => `<dt>${htmlText(term)}</dt><dd>${htmlText(text)}</dd>`).join('')}</dl>`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --quiet: #5c5c5c; --line: #d5d5d5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e4e4; --paper: #17181a; --quiet: #a3a3a3; --line: #3b3d40; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.25rem 4rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 Arimo, Arial, Helvetica, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
p, dd, figcaption, caption { max-width: 48rem; } .quiet, figcaption, caption, small { color: var(--quiet); }
figure { margin: 0; width: min(100%, 21.5rem); } figure.wide { width: 100%; }
figure svg { display: block; width: 100%; height: auto; } figcaption { font-size: .8rem; line-height: 1.35; margin-top: .35rem; }
.figures { display: flex; flex-wrap: wrap; gap: 1.75rem 1.5rem; }
.table { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
caption { caption-side: top; text-align: left; font-size: .8rem; padding-bottom: .5rem; }
thead { border-top: 2px solid var(--ink); border-bottom: 1px solid var(--ink); }
tbody { border-bottom: 1px solid var(--line); } th, td { padding: .2rem .7rem .2rem 0; vertical-align: top; font-weight: 400; }
b { font-weight: 700; } .left { text-align: left; } .right { text-align: right; white-space: nowrap; }
.group { text-align: left; padding-top: .6rem; font-weight: 700; } td small { display: block; font-size: .72rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: 0; font-size: .85rem; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; } h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --quiet: #444; --line: #ccc; }
  body { max-width: none; padding: 0; font-size: 10pt; } figure { break-inside: avoid; width: 84mm; } figure.wide { width: 100%; }
  h2, h3 { break-after: avoid; } tr { break-inside: avoid; } .figures { gap: 6mm 5mm; } .table { overflow: visible; }
  table { font-size: 8pt; } th, td { padding-right: 1.6mm; }
}`;

/** A page that needs nothing from elsewhere: no network, no files, no scripts. Suits light, dark, and paper. */
export function htmlPage(title: string, lead: string, sections: readonly PageSection[]): string {
  const faces = ([400, 700] as const).map(
    (weight) =>
      `@font-face { font-family: Arimo; font-weight: ${weight}; src: url(data:font/woff2;base64,${fontFile('woff2', weight).toString('base64')}) format("woff2"); }`,
  );
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:">`,
    `<title>${htmlText(title)}</title>`,
    `<style>${faces.join('\n')}${STYLE}</style>`,
    '</head>',
    '<body>',
    `<h1>${htmlText(title)}</h1>`,
    `<p class="quiet">${htmlText(lead)}</p>`,
    ...sections.map((section) => `<section><h2>${htmlText(section.title)}</h2>${section.html}</section>`),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}
