import { join, resolve } from 'node:path';
import {
  COLUMN_WIDTH_MM,
  latexTable,
  renderChart,
  renderPictureGrid,
  svgFile,
  svgToPdf,
  type Chart,
} from '@semcast/report';
import { value } from '../arguments/spec.js';
import { number, text } from '../arguments/values.js';
import { createCommand } from '../command.js';
import { UsageError } from '../errors.js';
import { EXIT_CODES } from '../exit-codes.js';
import { checkFolder, checkWritable, writeFileWhole } from '../json-output.js';
import { loadCharts, loadCsv, loadTable, nameLoads, type LoadSource } from '../load/figures.js';
import { loadPage } from '../load/page.js';
import { parseLoadReport } from '../load/read-report.js';
import { createDataset, type ReportSource } from '../report/dataset.js';
import { figureGroups } from '../report/figures.js';
import { figureSection, reportPage } from '../report/page.js';
import { pictureGrids } from '../report/pictures.js';
import { reportTables, resultsCsv, tablesByRate } from '../report/tables.js';
import { parseReport, readReportText } from '../sweep/read-report.js';
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
    'and seed they come from. The page needs nothing from elsewhere. Of reports of semcast load it draws goodput, latency, ' +
    'drops, steps and quality against the offered rate, and what happened over time where the rate changed.',
  positionals: { name: 'FILE', summary: 'reports of semcast sweep --json, or of semcast load --json' },
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
    const files = [...new Set(positionals)];
    const texts = await Promise.all(files.map(readReportText));
    const loads = files.flatMap((file, i) => {
      const load = parseLoadReport(texts[i]!, file);
      return load === undefined ? [] : [{ file, report: load }];
    });
    if (loads.length > 0 && loads.length < files.length) {
      throw new UsageError('reports of sweeps and of load tests make no page together', {
        remedy: `name those of load tests apart: ${loads.map(({ file }) => file).join(' ')}`,
      });
    }
    for (const target of [flags.out, flags.csv, flags.latex]) {
      if (target !== undefined) {
        await checkWritable(target);
      }
    }
    if (flags.figures !== undefined) {
      await checkFolder(flags.figures);
    }

    const { groups, page, csv, latex, lines, from } =
      loads.length > 0
        ? loadDocument(nameLoads(loads), flags.width)
        : await sweepDocument(
            files.map((file, i) => ({ file, report: parseReport(texts[i]!, file) })),
            flags.width,
          );
    const written = [resolve(flags.out)];
    await writeFileWhole(flags.out, page);
    if (flags.csv !== undefined) {
      await writeFileWhole(flags.csv, csv);
      written.push(resolve(flags.csv));
    }
    if (flags.latex !== undefined) {
      await writeFileWhole(flags.latex, latex);
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
    terminal.result(`  ${counted(lines, 'line')}, ${counted(drawings.length, 'figure')} of ${from}`);
    for (const file of written) {
      terminal.note(`  ${colours.dim('written')}  ${colours.cyan(file)}`);
    }
    return EXIT_CODES.done;
  },
});

interface DrawingGroup {
  readonly title: string;
  readonly figures: readonly Drawing[];
}

/** All that is written of some reports. */
interface Document {
  readonly groups: readonly DrawingGroup[];
  readonly page: string;
  readonly csv: string;
  readonly latex: string;
  /** In figures. */
  readonly lines: number;
  /** `two sweeps` */
  readonly from: string;
}

const draw = (charts: readonly Chart[], widthMm: number): Drawing[] =>
  charts.map((chart) => ({ ...chart, svg: renderChart(chart, { widthMm }) }));

async function sweepDocument(sources: readonly ReportSource[], widthMm: number): Promise<Document> {
  const data = createDataset(sources);
  if (data.cells.length === 0) {
    throw new UsageError('there is no measurement in these reports', { remedy: 'name a report that has rows' });
  }
  const groups: DrawingGroup[] = figureGroups(data).map(({ title, charts }) => ({
    title,
    figures: draw(charts, widthMm),
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
  return {
    groups,
    page: reportPage({ sources, tables: reportTables(data), figures: groups }),
    csv: resultsCsv(data),
    latex: tablesByRate(data).map(latexTable).join('\n'),
    lines: data.series.length,
    from: counted(sources.length, 'sweep'),
  };
}

function loadDocument(sources: readonly LoadSource[], widthMm: number): Document {
  const groups = [{ title: 'Under load', figures: draw(loadCharts(sources), widthMm) }];
  return {
    groups,
    page: loadPage(sources, groups.map(figureSection)),
    csv: loadCsv(sources),
    latex: latexTable(loadTable(sources)),
    lines: sources.length,
    from: counted(sources.length, 'load test'),
  };
}
