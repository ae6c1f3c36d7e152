/** What it takes to check queries: which dashboards and rules have, which metrics each names, and which there are. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { isAlert, type Rule } from '@semcast/deploy';
import { METRIC_DEFINITIONS, type MetricDefinition } from '@semcast/service';

/** A query, and where it stands. */
export interface Expression {
  /** `overview: Frames completed` */
  readonly where: string;
  readonly expr: string;
}

interface PanelLike {
  readonly title?: string;
  readonly targets?: readonly { readonly expr?: string }[];
  readonly panels?: readonly PanelLike[];
}

/** Every query of a dashboard's panels, in order, those in collapsed rows too. */
export function expressionsOfDashboard(name: string, { panels = [] }: Dashboard): Expression[] {
  const of = ({ title = '', targets = [], panels: inside = [] }: PanelLike): Expression[] => [
    ...targets.flatMap(({ expr }) => (expr === undefined ? [] : [{ where: `${name}: ${title}`, expr }])),
    ...inside.flatMap(of),
  ];
  return (panels as readonly PanelLike[]).flatMap(of);
}

/** As it stands in a rule or an HTTP query: Grafana's variables replaced by what they may come to. */
export function withoutVariables(expr: string, rateWindow = '1m'): string {
  return expr.replaceAll('$__rate_interval', rateWindow).replaceAll('$decoder', '.+');
}

export function nameOfRule(rule: Rule): string {
  return isAlert(rule) ? rule.alert : rule.record;
}

/** Every metric that expressions name and nobody makes, and every label that its metric doesn't have. */
export function findUnknownNames(expressions: readonly Expression[], known: KnownMetrics): string[] {
  return expressions.flatMap(({ where, expr }) =>
    metricsIn(expr).flatMap(({ metric, labels }) => {
      const has = known.get(metric);
      if (has === undefined) {
        return [`${where} names ${metric}, which nobody exposes or records`];
      }
      return labels
        .filter((label) => !has.has(label))
        .map((label) => `${where} selects ${metric} by ${label}, which it doesn't have`);
    }),
  );
}

/** One metric that a query names, with the labels that it is selected by. */
export interface MetricUse {
  readonly metric: string;
  /** Names of labels in its selector. */
  readonly labels: readonly string[];
}

const TOKEN =
  /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|#[^\n]*|\[[^\]]*\]|[a-zA-Z_:][a-zA-Z0-9_:]*|\d[\w.]*|[{}(),]|[^\s\w]/g;
const NAME = /^[a-zA-Z_:]/;
/** Words that stand before a list of labels in parentheses. */
const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const WORDS = new Set(['and', 'or', 'unless', 'atan2', 'bool', 'offset', 'inf', 'nan']);

/**
 * The metrics of a query that parses, in order. Functions and aggregations are told from metrics by the parenthesis
 * (or the grouping) behind them.
 */
export function metricsIn(expr: string): MetricUse[] {
  const tokens = expr.match(TOKEN) ?? [];
  const uses: MetricUse[] = [];
  let i = 0;
  const skipTo = (end: string): string[] => {
    const inside: string[] = [];
    for (i++; i < tokens.length && tokens[i] !== end; i++) {
      inside.push(tokens[i]!);
    }
    return inside;
  };
  for (; i < tokens.length; i++) {
    const token = tokens[i]!;
    const next = tokens[i + 1];
    if (!NAME.test(token)) {
      continue;
    }
    const word = token.toLowerCase();
    if (GROUPING.has(word)) {
      if (next === '(') {
        i++;
        skipTo(')');
      }
    } else if (!WORDS.has(word) && next !== '(' && !(next !== undefined && GROUPING.has(next.toLowerCase()))) {
      let labels: string[] = [];
      if (next === '{') {
        i++;
        // What stands first and after each comma, up to its operator.
        labels = skipTo('}').filter((inside, at, all) => NAME.test(inside) && (at === 0 || all[at - 1] === ','));
      }
      uses.push({ metric: token, labels });
    }
  }
  return uses;
}

/** A metric as Prometheus knows it: one name of a series, with the labels it may have. */
export type KnownMetrics = ReadonlyMap<string, ReadonlySet<string>>;

/** What a scrape adds to every series. */
const TARGET_LABELS = ['job', 'instance'] as const;

/** What Prometheus itself makes. */
const PROMETHEUS_METRICS: Readonly<Record<string, readonly string[]>> = {
  up: [],
  ALERTS: ['alertname', 'alertstate', 'severity'],
};

/**
 * What dashboards and alerts use of NVIDIA's dcgm-exporter. All are in its default list of counters; those of profiling
 * (`PROF`) are there on cards of data centres only.
 */
const DCGM_METRICS = [
  'DCGM_FI_DEV_GPU_UTIL',
  'DCGM_FI_DEV_FB_USED',
  'DCGM_FI_DEV_FB_FREE',
  'DCGM_FI_DEV_POWER_USAGE',
  'DCGM_FI_DEV_GPU_TEMP',
  'DCGM_FI_DEV_SM_CLOCK',
  'DCGM_FI_DEV_XID_ERRORS',
  'DCGM_FI_PROF_PIPE_TENSOR_ACTIVE',
] as const;
const DCGM_LABELS = ['gpu', 'UUID', 'device', 'modelName', 'Hostname'] as const;

/** Whether a metric comes from a GPU's exporter, so that it is absent on a machine without one. */
export function isGpuMetric(name: string): boolean {
  return name.startsWith('DCGM_');
}

/** The series of a contracted metric: a histogram has three. */
export function seriesOf({ kind, name }: MetricDefinition): string[] {
  return kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
}

/**
 * Every metric that a dashboard or a rule may name.
 *
 * @param exposition what a service says at /metrics: where prom-client's own metrics are taken from
 * @param recorded names that recording rules make
 */
export function knownMetrics(exposition: string, recorded: Iterable<string>): KnownMetrics {
  const known = new Map<string, Set<string>>();
  const add = (name: string, labels: readonly string[]): void => {
    known.set(name, new Set([...labels, ...TARGET_LABELS]));
  };
  for (const definition of Object.values<MetricDefinition>(METRIC_DEFINITIONS)) {
    const bucket = definition.kind === 'histogram' ? ['le'] : [];
    for (const series of seriesOf(definition)) {
      add(series, [...definition.labels, ...bucket]);
    }
  }
  for (const [, name] of exposition.matchAll(/^# TYPE ((?:process|nodejs)_\S+) /gm)) {
    add(name!, []);
  }
  for (const [name, labels] of Object.entries(PROMETHEUS_METRICS)) {
    add(name, labels);
  }
  for (const name of DCGM_METRICS) {
    add(name, DCGM_LABELS);
  }
  for (const name of recorded) {
    // The labels it keeps stand before the first colon.
    add(name, name.slice(0, name.indexOf(':')).split('_'));
  }
  return known;
}
