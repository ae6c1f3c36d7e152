import { join, resolve } from 'node:path';
import { COLUMN_WIDTH_MM, latexTable, renderChart, renderPictureGrid, svgFile, svgToPdf } from '@semcast/report';
import { value } from '../arguments/spec.js';
import { number, text } from '../arguments/values.js';
import { createCommand } from '../command.js';
import { UsageError } from '../errors.js';
import { EXIT_CODES } from '../exit-codes.js';
import { checkFolder, checkWritable, writeFileWhole } from '../json-output.js';
import { createDataset, type ReportSource } from '../report/dataset.js';
import { figureGroups } from '../report/figures.js';
import { reportPage } from '../report/page.js';
import { pictureGrids } from '../report/pictures.js';
import { reportTables, resultsCsv, tablesByRate } from '../report/tables.js';
import { readReport } from '../sweep/read-report.js';
import { counted } from '../terminal/progress.js';

/** A drawing, for the page and for files. */
interface Drawing {
  readonly name: string;
  readonly svg: string;
  readonly caption: string;
  readonly isWide?: boolean;
}

export const report = createCommand({
  details:
    'Draws what one sweep or several measured: quality against SNR and rate, distortion against perception, latency, ' +
    'pictures where a sweep kept them (--out), with 95 % bootstrap intervals over photographs, and what reviewers ask ' +
    'for: definitions, command, bundle, seed and machine. Same decoder, options and channel are one line, whatever file ' +
    'and seed they come from. The page needs nothing from elsewhere.',
  positionals: { name: 'FILE', summary: 'reports of semcast sweep --json' },
  flags: {
    out: value('FILE', text, 'the page, HTML in one file', 'report.html'),
    figures: value('DIR', text, 'write every figure there as SVG and PDF'),
    width: value('MM', number({ min: 60, max: 300 }), 'width of the figures: a column of a journal', COLUMN_WIDTH_MM),
    csv: value('FILE', text, 'write every mean with its interval, a line each, at full precision'),
    latex: value('FILE', text, 'write the tables for LaTeX (booktabs)'),
  },
  examples: [
    { line: 'semcast report kodak.json --out kodak.html', does: 'a page of one sweep' },
    {
      line: 'semcast report kodak.json fading.json --figures figures --csv results.csv --latex results.tex',
      does: 'several sweeps in one, and the parts of a paper',
    },
  ],
  run: async ({ flags, positionals, terminal }) => {
    if (positionals.length === 0) {
      throw new UsageError('no report is named', {
        remedy: 'semcast report FILE.json; semcast sweep --json FILE.json writes one',
      });
    }
    const sources: ReportSource[] = [];
    for (const file of new Set(positionals)) {
      sources.push({ file, report: await readReport(file) });
    }
    const data = createDataset(sources);
    if (data.cells.length === 0) {
      throw new UsageError('there is no measurement in these reports', { remedy: 'name a report that has rows' });
    }
    for (const target of [flags.out, flags.csv, flags.latex]) {
      if (target !== undefined) {
        await checkWritable(target);
      }
    }
    if (flags.figures !== undefined) {
      await checkFolder(flags.figures);
    }

    const groups: { title: string; figures: Drawing[] }[] = figureGroups(data).map(({ title, charts }) => ({
      title,
      figures: charts.map((chart) => ({ ...chart, svg: renderChart(chart, { widthMm: flags.width }) })),
    }));
    const grids = await pictureGrids(data, sources);
    if (grids.length > 0) {
      const figures = grids.map(({ name, grid }) => ({
        name,
        svg: renderPictureGrid(grid),
        caption: grid.caption,
        isWide: true,
      }));
      groups.push({ title: 'Pictures', figures });
    }

    const written = [resolve(flags.out)];
    await writeFileWhole(flags.out, reportPage({ sources, tables: reportTables(data), figures: groups }));
    if (flags.csv !== undefined) {
      await writeFileWhole(flags.csv, resultsCsv(data));
      written.push(resolve(flags.csv));
    }
    if (flags.latex !== undefined) {
      await writeFileWhole(flags.latex, tablesByRate(data).map(latexTable).join('\n'));
      written.push(resolve(flags.latex));
    }
    const drawings = groups.flatMap(({ figures }) => figures);
    if (flags.figures !== undefined) {
      for (const { name, svg } of drawings) {
        const file = svgFile(svg);
        await writeFileWhole(join(flags.figures, `${name}.svg`), file);
        await writeFileWhole(join(flags.figures, `${name}.pdf`), await svgToPdf(file));
      }
      written.push(resolve(flags.figures));
    }
    const { colours } = terminal;
    terminal.result(
      `  ${counted(data.series.length, 'line')}, ${counted(drawings.length, 'figure')} of ${counted(sources.length, 'sweep')}`,
    );
    for (const file of written) {
      terminal.note(`  ${colours.dim('written')}  ${colours.cyan(file)}`);
    }
    return EXIT_CODES.done;
  },
});
