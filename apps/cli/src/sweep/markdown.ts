import { channelText } from './channel-options.js';
import { figure } from '../up/frame-columns.js';
import { anyWorse, byConditions, isBest, isWorse, qualityColumns, type QualityColumn } from './compare.js';
import type { SweepReport, SweepSummary } from './report.js';

export interface MarkdownOptions {
  /** Names of the metric bundles with distances, and of those with features. */
  readonly metrics: readonly string[];
  readonly realism: readonly string[];
}

interface MarkdownColumn {
  readonly title: string;
  readonly cell: (entry: SweepSummary) => string;
}

const seconds = (ms: number | null): string => (ms === null ? '–' : (ms / 1000).toFixed(ms < 995 ? 3 : 2));

/** Text within a cell: a bar would end it. */
const escaped = (text: string): string => text.replaceAll('|', '\\|');

/**
 * The summary of a report as Markdown, a table for each channel SNR and rate. Nothing in it depends on the day or on
 * the commit, so that it changes only when the figures do.
 */
export function renderMarkdown(
  { command, bundle, device, seed, conditions, summary }: SweepReport,
  { metrics, realism }: MarkdownOptions,
): string {
  const { images, size, channel, channelOptions, csi } = conditions;
  const photographs = `${images.length} ${images.length === 1 ? 'photograph' : 'photographs'}`;
  const measures = qualityColumns(metrics, realism);
  const columns: MarkdownColumn[] = [
    { title: 'decoder', cell: ({ decoder }) => decoder },
    { title: 'steps', cell: ({ steps }) => (steps === 0 ? '–' : String(steps)) },
    ...measures.map((measure) => ({
      title: `${measure.title} ${measure.higherIsBetter ? '↑' : '↓'}`,
      cell: (entry: SweepSummary) => qualityCell(entry, measure, summary),
    })),
    { title: 'residual', cell: ({ residual }) => figure(residual, 2) },
    { title: 'evaluations', cell: ({ evaluations }) => figure(evaluations, 0) },
    { title: 'decode s', cell: ({ decodeMsP50 }) => seconds(decodeMsP50) },
  ];
  const legend = [
    'Means over the photographs, but for realism, which is a figure of the whole set, and for the time, a median. ' +
      '↑: higher is better, ↓: lower is. **Bold**: the best under the same conditions.',
    ...(anyWorse(summary, measures) ? ['(−): worse than jscc under the same conditions.'] : []),
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
    `${channelText(channel, channelOptions, csi)}, ${photographs}${size === 0 ? '' : ` at ${size}×${size}`}, bundle ${bundle.name} ${bundle.version} ` +
      `(${bundle.digest.slice(0, 12)}) on ${device}, seed ${seed}.`,
    '',
    legend.join(' '),
    ...byConditions(summary).flatMap((entries) => renderSection(columns, entries)),
    '',
  ].join('\n');
}

function renderSection(columns: readonly MarkdownColumn[], entries: readonly SweepSummary[]): string[] {
  const { snrDb, cbr } = entries[0]!;
  return ['', `## CSNR ${snrDb} dB, CBR ${cbr}`, '', ...renderTable(columns, entries)];
}

function qualityCell(entry: SweepSummary, measure: QualityColumn, summary: readonly SweepSummary[]): string {
  const text = figure(measure.value(entry), measure.digits);
  if (isWorse(entry, measure, summary)) {
    return `${text} (−)`;
  }
  return isBest(entry, measure, summary) ? `**${text}**` : text;
}

const tableLine = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function renderTable(columns: readonly MarkdownColumn[], entries: readonly SweepSummary[]): string[] {
  return [
    tableLine(columns.map(({ title }) => escaped(title))),
    tableLine(columns.map((_, i) => (i === 0 ? '---' : '--:'))),
    ...entries.map((entry) => tableLine(columns.map(({ cell }) => escaped(cell(entry))))),
  ];
}
