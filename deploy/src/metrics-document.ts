import { LABEL_DEFINITIONS, METRIC_DEFINITIONS, type LabelDefinition, type MetricDefinition } from '@semcast/service';
import { isAlert, type Rule } from './rules.js';

const HEAD = `# Metrics

<!-- Made by \`npm run generate\` from packages/service/src/metric-definitions.ts and deploy/prometheus/rules. -->

What the three services say at \`GET /metrics\`, in the text format of Prometheus. Names, labels and units are a contract:
dashboards, alerts and scripts may rely on them. Every service also has prom-client's \`process_…\` and \`nodejs_…\`.

There is no label for a stream, a frame or a session, so the number of series doesn't grow with use: more than 100 sets
of labels of one metric are counted under \`other\`. Frame ids are in the logs. There are no exemplars: the metrics
library only writes them in another exposition format, and changes the names of counters for good when it does.

Durations within one process are of its monotonic clock, and times of two hosts are never subtracted: what is end to end
is measured at the transmitter, there and back. [How SNR and bandwidth ratio are defined](definitions.md).
`;

const code = (text: string): string => `\`${text}\``;
/** A cell of a table: a bar would end it. */
const cell = (text: string): string => text.replaceAll('|', '\\|');

const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function metricRow({ name, kind, labels, services, help }: MetricDefinition): string[] {
  return [code(name), kind, labels.map(code).join(', ') || '–', services.join(', '), help];
}

/** docs/metrics.md. @param rules of deploy/prometheus/rules, in order */
export function formatMetricsDocument(rules: readonly Rule[]): string {
  const definitions = Object.values<MetricDefinition>(METRIC_DEFINITIONS);
  const labels = Object.entries<LabelDefinition>(LABEL_DEFINITIONS);
  const histograms = definitions.filter(({ kind }) => kind === 'histogram');
  const alerts = rules.filter(isAlert);
  const recordings = rules.flatMap((rule) => (isAlert(rule) ? [] : [rule]));
  return [
    HEAD,
    '## Names\n',
    table(['name', 'kind', 'labels', 'exposed by', 'meaning'], definitions.map(metricRow)),
    '\n## Labels\n',
    table(
      ['label', 'values', 'meaning'],
      labels.map(([name, { values = [], help }]) => [code(name), values.map(code).join(', ') || '–', help]),
    ),
    '\n## Buckets\n',
    'Upper bounds; each histogram also has `+Inf`.\n',
    table(
      ['histogram', 'bounds'],
      histograms.map(({ name, buckets = [] }) => [code(name), buckets.join(', ')]),
    ),
    '\n## Alerts\n',
    'Of deploy/prometheus/rules/alerts.yml; each has a test beside it.\n',
    table(
      ['alert', 'severity', 'holds for', 'when', 'what to do'],
      alerts.map(({ alert, labels: { severity }, for: duration = '0s', annotations }) => [
        code(alert),
        severity,
        duration,
        annotations.description,
        annotations.remedy,
      ]),
    ),
    '\n## Recorded\n',
    'What rules compute beforehand, for alerts and for queries over long times.\n',
    table(
      ['name', 'expression'],
      recordings.map(({ record, expr }) => [code(record), code(expr.trim().replaceAll(/\s+/g, ' '))]),
    ),
    '',
  ].join('\n');
}
