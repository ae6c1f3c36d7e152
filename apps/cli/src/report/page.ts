import { htmlFigure, htmlPage, htmlTable, htmlTerms, htmlText, type PageSection, type Table } from '@semcast/report';
import { photographsText } from '../photographs.js';
import { channelText } from '../sweep/channel-options.js';
import { DEFINITIONS, machineText } from '../sweep/provenance.js';
import { counted } from '../terminal/progress.js';
import type { ReportSource } from './dataset.js';

/** A drawing within the page. */
export interface PageFigure {
  readonly svg: string;
  readonly caption: string;
  readonly isWide?: boolean;
}

export interface ReportPage {
  readonly sources: readonly ReportSource[];
  readonly tables: readonly Table[];
  readonly figures: readonly { readonly title: string; readonly figures: readonly PageFigure[] }[];
}

/** Figures of one kind. */
export function figureSection({ title, figures }: ReportPage['figures'][number]): PageSection {
  const shown = figures.map(({ svg, caption, isWide }) => htmlFigure(svg, caption, isWide));
  return { title, html: `<div class="figures">${shown.join('')}</div>` };
}

const NOT_RECORDED = 'not recorded (report of an earlier release)';

/** Everything in one file: tables, figures, what they mean, and where they come from. */
export function reportPage({ sources, tables, figures }: ReportPage): string {
  const bundles = new Set(
    sources.flatMap(({ report }) =>
      Object.values(report.bundles ?? { only: report.bundle }).map(({ name, version }) => `${name} ${version}`),
    ),
  );
  const rows = sources.reduce((sum, { report }) => sum + report.rows.length, 0);
  return htmlPage(
    'Results of semcast sweep',
    `${[...bundles].join(', ')} · ${counted(rows, 'measurement')} from ${counted(sources.length, 'sweep')}`,
    [
      { title: 'Results', html: tables.map(htmlTable).join('<p></p>') },
      ...figures.map(figureSection),
      { title: 'Definitions', html: htmlTerms(definitions()) },
      {
        title: 'Provenance',
        html: sources
          .map(({ file, report }) => `<h3>${htmlText(file)}</h3>${htmlTerms(provenanceTerms(report))}`)
          .join(''),
      },
    ],
  );
}

function definitions(): [string, string][] {
  return [
    ['SNR', DEFINITIONS.snr],
    ['CBR', DEFINITIONS.cbr],
    [
      'Intervals',
      '95 % percentile bootstrap, 2,000 samples: photographs are drawn with replacement, all draws and seeds of one ' +
        'photograph together; of a single photograph, its draws.',
    ],
    ['Same samples', 'Within a sweep all decoders are given the same received samples; differences are paired.'],
  ];
}

/** What reviewers ask for, of one sweep. */
export function provenanceTerms({
  bundle,
  bundles,
  command,
  conditions,
  device,
  seed,
  provenance,
}: ReportSource['report']) {
  const { images, imagesDigest, size, draws, metricBundles } = conditions;
  const machine = provenance?.machine;
  return [
    ['command', command],
    [
      'bundle',
      Object.values(bundles ?? { only: bundle })
        .map(({ name, version, digest }) => `${name} ${version}, SHA-256 ${digest}`)
        .join('; '),
    ],
    ['seed', `${seed}, ${counted(draws, 'draw')} of noise and fading a photograph`],
    ['channel', channelText(conditions)],
    ['photographs', `${photographsText(images.length, size)}, SHA-256 ${imagesDigest}`],
    ['metric bundles', metricBundles.join(', ') || 'none'],
    ['networks on', device],
    [
      'semcast',
      provenance === undefined ? NOT_RECORDED : `${provenance.semcast}, commit ${provenance.commit ?? 'unknown'}`,
    ],
    ['machine', machine === undefined ? NOT_RECORDED : machineText(machine)],
  ] as const satisfies readonly (readonly [string, string])[];
}
