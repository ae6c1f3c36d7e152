import { markdownTable } from '@semcast/report';
import { createDataset, type ReportSource } from './dataset.js';
import { provenanceTerms } from './page.js';
import { reportTables } from './tables.js';

/** What a bundle's authors submit: the conditions, and every mean with its interval. */
export function benchMarkdown(source: ReportSource, command: string): string {
  const terms = provenanceTerms({ ...source.report, command });
  const [results, differences] = reportTables(createDataset([source]));
  return [
    '| | |',
    '|---|---|',
    ...terms.map(([term, text]) => `| ${term} | ${text.replaceAll('|', String.raw`\|`)} |`),
    '',
    markdownTable(results!),
    ...(differences === undefined ? [] : [markdownTable(differences)]),
  ].join('\n');
}
