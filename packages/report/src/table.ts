import type { Interval } from '@semcast/quality';

export interface TableColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
}

export interface TableCell {
  readonly text: string;
  /** Below it, smaller. */
  readonly note?: string | undefined;
  /** The best of its group: bold. */
  readonly isBest?: boolean;
}

export interface TableGroup {
  readonly title: string;
  readonly rows: readonly (readonly TableCell[])[];
}

export interface Table {
  /** Of its label in LaTeX: `tab:NAME`. */
  readonly name: string;
  readonly caption: string;
  readonly columns: readonly TableColumn[];
  readonly groups: readonly TableGroup[];
}

/** `[23.41, 26.02]`, with a true minus. */
export function intervalText({ low, high }: Interval, digits: number): string {
  return `[${numberText(low, digits)}, ${numberText(high, digits)}]`;
}

/** A number with so many digits behind the point and a true minus. */
export function numberText(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−');
}

const LATEX: Readonly<Record<string, string>> = {
  '\\': String.raw`\textbackslash{}`,
  '{': String.raw`\{`,
  '}': String.raw`\}`,
  '^': String.raw`\textasciicircum{}`,
  '~': String.raw`\textasciitilde{}`,
  '−': '$-$',
  '×': String.raw`$\times$`,
  '·': String.raw`$\cdot$`,
  '↑': String.raw`$\uparrow$`,
  '↓': String.raw`$\downarrow$`,
  Δ: String.raw`$\Delta$`,
  '–': '--',
  '<': '$<$',
  '>': '$>$',
};

/** Text for LaTeX, none of it a command. */
export function latexText(text: string): string {
  return text.replaceAll(/[%#&$_\\{}^~−×·↑↓Δ–<>]/g, (character) => LATEX[character] ?? `\\${character}`);
}

const latexLine = (cells: readonly string[]): string => `    ${cells.join(' & ')} \\\\`;

/** A table of the booktabs package, across both columns of a page: `\usepackage{booktabs}`. */
export function latexTable({ name, caption, columns, groups }: Table): string {
  const body = groups.flatMap(({ title, rows }) => [
    String.raw`    \midrule`,
    String.raw`    \multicolumn{${columns.length}}{l}{${latexText(title)}} \\`,
    String.raw`    \addlinespace`,
    ...rows.flatMap((cells) => [
      latexLine(cells.map(({ text, isBest }) => (isBest ? String.raw`\textbf{${latexText(text)}}` : latexText(text)))),
      ...(cells.every(({ note }) => note === undefined)
        ? []
        : [latexLine(cells.map(({ note = '' }) => (note === '' ? '' : String.raw`{\scriptsize ${latexText(note)}}`)))]),
    ]),
  ]);
  return [
    String.raw`\begin{table*}`,
    String.raw`  \centering`,
    String.raw`  \footnotesize`,
    String.raw`  \setlength{\tabcolsep}{4pt}`,
    String.raw`  \caption{${latexText(caption)}}`,
    String.raw`  \label{tab:${name}}`,
    String.raw`  \begin{tabular}{@{}${columns.map(({ align }) => align[0]).join('')}@{}}`,
    String.raw`    \toprule`,
    latexLine(columns.map(({ title }) => latexText(title))),
    ...body,
    String.raw`    \bottomrule`,
    String.raw`  \end{tabular}`,
    String.raw`\end{table*}`,
    '',
  ].join('\n');
}

const markdownLine = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const markdownCell = ({ text, note, isBest }: TableCell): string =>
  `${isBest ? `**${text}**` : text}${note === undefined ? '' : ` ${note}`}`;

/** A table in Markdown for each group, intervals behind their figures. */
export function markdownTable({ caption, columns, groups }: Table): string {
  return [
    caption,
    '',
    ...groups.flatMap(({ title, rows }) => [
      `### ${title}`,
      '',
      markdownLine(columns.map((column) => column.title)),
      markdownLine(columns.map(({ align }) => (align === 'left' ? '---' : '--:'))),
      ...rows.map((cells) => markdownLine(cells.map(markdownCell))),
      '',
    ]),
  ].join('\n');
}

function csvField(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** CSV of RFC 4180 with a head line; null is an empty field. */
export function csv(rows: readonly Readonly<Record<string, string | number | null>>[]): string {
  const names = Object.keys(rows[0] ?? {});
  return [names, ...rows.map((row) => names.map((name) => row[name] ?? null))]
    .map((cells) => `${cells.map(csvField).join(',')}\r\n`)
    .join('');
}
