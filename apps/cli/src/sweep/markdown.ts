import { photographsText } from '../photographs.js';
import { channelText } from './channel-options.js';
import { figure } from '../up/frame-columns.js';
import {
  anyWorse,
  byConditions,
  CONTROL_LEGEND,
  isBest,
  isWorse,
  qualityColumns,
  summaryLines,
  type ColumnNames,
  type QualityColumn,
} from './compare.js';
import {
  CHANNEL_ERROR_LEGEND,
  channelErrorText,
  lostText,
  overheadText,
  type SweepComparison,
  type SweepReport,
  type SweepSummary,
} from './report.js';

interface MarkdownColumn<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
}

const seconds = (ms: number | null): string => (ms === null ? '–' : (ms / 1000).toFixed(ms < 995 ? 3 : 2));

/** Text within a cell: a bar would end it. */
const escaped = (text: string): string => text.replaceAll('|', '\\|');

/**
 * The summary of a report as Markdown, a table for each channel SNR and rate. Nothing in it depends on the day or on
 * the commit, so that it changes only when the figures do.
 */
export function renderMarkdown(report: SweepReport, names: ColumnNames): string {
  const { command, bundle, bundles, device, seed, conditions, comparisons = [] } = report;
  const { images, size, draws } = conditions;
  const all = Object.values(bundles ?? { [bundle.name]: bundle });
  const summary = summaryLines(report);
  const measures = qualityColumns(names);
  const columns: MarkdownColumn<SweepSummary>[] = [
    ...(bundles === undefined
      ? []
      : [{ title: 'bundle', cell: ({ bundle: name = '' }: SweepSummary): string => name }]),
    { title: 'decoder', cell: ({ decoder }) => decoder },
    { title: 'steps', cell: ({ steps }) => (steps === 0 ? '–' : String(steps)) },
    ...measures.map((measure) => ({
      title: `${measure.title} ${measure.higherIsBetter ? '↑' : '↓'}`,
      cell: (entry: SweepSummary) => qualityCell(entry, measure, summary),
    })),
    ...(summary.some(({ lostShare }) => lostShare !== undefined)
      ? [{ title: 'lost %', cell: ({ lostShare }: SweepSummary) => lostText(lostShare) }]
      : []),
    { title: 'residual', cell: ({ residual }) => figure(residual, 2) },
    ...(summary.some(({ channelErrorDb }) => channelErrorDb !== undefined)
      ? [{ title: 'channel error dB', cell: channelErrorText }]
      : []),
    { title: 'evaluations', cell: ({ evaluations }) => figure(evaluations, 0) },
    { title: 'decode s', cell: ({ decodeMsP50 }) => seconds(decodeMsP50) },
  ];
  const legend = [
    'Means over the photographs, but for realism, which is a figure of the whole set, and for the time, a median. ' +
      '↑: higher is better, ↓: lower is. **Bold**: the best under the same conditions.',
    ...(anyWorse(summary, measures) ? ['(−): worse than jscc under the same conditions.'] : []),
    ...(report.controls === undefined ? [] : [`${CONTROL_LEGEND}.`]),
    ...(summary.some(({ channelErrorDb }) => channelErrorDb !== undefined) ? [`${CHANNEL_ERROR_LEGEND}.`] : []),
    'Residual: 1 where noise explains the rest. Evaluations: runs of networks a photograph.',
  ];
  return [
    '# Results of a sweep',
    '',
    'Made by',
    '',
    '```sh',
    command,
    '```',
    '',
    `${channelText(conditions)}, ${photographsText(images.length, size)}, ${all.length === 1 ? 'bundle' : 'bundles'} ` +
      `${all.map(({ name, version, digest }) => `${name} ${version} (${digest.slice(0, 12)})`).join(', ')} on ${device}, seed ${seed}${draws === 1 ? '' : `, ${draws} draws of the noise`}.`,
    '',
    legend.join(' '),
    ...byConditions(summary).flatMap((entries) => [
      ...renderSection(columns, entries),
      ...renderComparisons(measures, entries, comparisons),
    ]),
    '',
  ].join('\n');
}

function renderSection(columns: readonly MarkdownColumn<SweepSummary>[], entries: readonly SweepSummary[]): string[] {
  const { snrDb, cbr, cbrWithOverhead } = entries[0]!;
  const overhead = cbrWithOverhead === undefined ? '' : ` (${overheadText(cbrWithOverhead)} with overhead)`;
  return ['', `## CSNR ${snrDb} dB, CBR ${cbr}${overhead}`, '', ...renderTable(columns, entries)];
}

/** Differences with their intervals: in the measure's unit, or in per cent of what it is held against. */
function renderComparisons(
  measures: readonly QualityColumn[],
  entries: readonly SweepSummary[],
  comparisons: readonly SweepComparison[],
): string[] {
  const { snrDb, cbr } = entries[0]!;
  const here = comparisons.filter((each) => each.snrDb === snrDb && each.cbr === cbr);
  const cases = entries.flatMap(({ bundle, decoder, steps }) =>
    (['jscc', 'sharpened'] as const).map((against) =>
      here.filter(
        (each) =>
          each.bundle === bundle && each.decoder === decoder && each.steps === steps && each.against === against,
      ),
    ),
  );
  const lines = cases.filter((found) => found.length > 0);
  if (lines.length === 0) {
    return [];
  }
  const columns: MarkdownColumn<readonly SweepComparison[]>[] = [
    { title: 'decoder', cell: ([first]) => [first!.bundle ?? [], first!.decoder].flat().join(' ') },
    { title: 'steps', cell: ([first]) => String(first!.steps) },
    { title: 'against', cell: ([first]) => first!.against },
    ...measures.map(({ name, title, unit, digits }): MarkdownColumn<readonly SweepComparison[]> => ({
      title: unit === '' ? `Δ ${title} %` : `Δ ${title}`,
      cell: (found) => {
        const one = found.find(({ measure }) => measure === name);
        if (one === undefined) {
          return '–';
        }
        const [scale, shown] = unit === '' ? [100 / Math.abs(one.other), 1] : [1, digits];
        const text = (value: number) => figure(scale * value, shown);
        return `${text(one.value - one.other)} [${text(one.low)}, ${text(one.high)}]`;
      },
    })),
  ];
  return [
    '',
    'Differences and their 95 % intervals (paired bootstrap over photographs):',
    '',
    ...renderTable(columns, lines),
  ];
}

function qualityCell(entry: SweepSummary, measure: QualityColumn, summary: readonly SweepSummary[]): string {
  const text = figure(measure.value(entry), measure.digits);
  if (isWorse(entry, measure, summary)) {
    return `${text} (−)`;
  }
  return isBest(entry, measure, summary) ? `**${text}**` : text;
}

const tableLine = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function renderTable<Row>(columns: readonly MarkdownColumn<Row>[], rows: readonly Row[]): string[] {
  return [
    tableLine(columns.map(({ title }) => escaped(title))),
    tableLine(columns.map((_, i) => (i === 0 ? '---' : '--:'))),
    ...rows.map((row) => tableLine(columns.map(({ cell }) => escaped(cell(row))))),
  ];
}
