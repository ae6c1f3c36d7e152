import { htmlPage, htmlTable, htmlTerms, htmlText, type PageSection } from '@semcast/report';
import { photographsText } from '../photographs.js';
import { machineText } from '../sweep/provenance.js';
import { counted } from '../terminal/progress.js';
import { loadTable, type LoadSource } from './figures.js';

const DEFINITIONS = [
  ['Offered rate', 'Frames that came due a second, whatever became of them (open loop).'],
  ['Goodput', 'Pictures that came back a second while frames came due.'],
  ['Latency', 'From the time at which a frame was to be sent to its final picture; frames without one are not in it.'],
  ['Objectives', 'A percentile over all frames that came due: one without a picture counts as infinitely late.'],
  ['Capacity', 'The highest rate that was run and kept every objective.'],
] as const;

/** Everything in one file. @param figures the sections of the figures */
export function loadPage(sources: readonly LoadSource[], figures: readonly PageSection[]): string {
  const runs = sources.reduce((sum, { report }) => sum + report.runs.length, 0);
  return htmlPage('Results of semcast load', `${counted(runs, 'run')} from ${counted(sources.length, 'load test')}`, [
    { title: 'Results', html: htmlTable(loadTable(sources)) },
    ...figures,
    { title: 'Definitions', html: htmlTerms(DEFINITIONS) },
    {
      title: 'Provenance',
      html: sources
        .map(({ file, report }) => `<h3>${htmlText(file)}</h3>${htmlTerms(provenanceTerms(report))}`)
        .join(''),
    },
  ]);
}

function provenanceTerms({ command, settings, provenance, noise, slo }: LoadSource['report']) {
  const { bundle, images, size, cbr, seed } = settings;
  return [
    ['command', command],
    ['objectives', slo.map((each) => each.slo).join(', ') || 'none'],
    ['bundle', `${bundle.name} ${bundle.version}, SHA-256 ${bundle.digest}`],
    ['photographs', `${photographsText(images.length, size)}, CBR ${cbr}`],
    ['noise', noise.snrDb === null ? 'none' : `AWGN at ${noise.snrDb} dB, by the ${noise.source}`],
    ['seed', String(seed)],
    [
      'semcast',
      provenance === undefined ? 'not recorded' : `${provenance.semcast}, commit ${provenance.commit ?? 'unknown'}`,
    ],
    ['machine of the generator', provenance === undefined ? 'not recorded' : machineText(provenance.machine)],
  ] as const satisfies readonly (readonly [string, string])[];
}
