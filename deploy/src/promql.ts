/**
 * PromQL: the few shapes of query that dashboards are made of, and what it takes to see which metrics a query names.
 * Pure: whether a query parses is for `promtool` to say.
 */

/** Grafana's own window for rates: at least four scrapes, and never less than the distance of two points. */
export const RATE_WINDOW = '$__rate_interval';

/** `sum by (stage, outcome) (rate(semcast_frames_total[…]))`: what happens a second. */
export function rate(selector: string, by: readonly string[] = []): string {
  return `${sumBy(by)} (rate(${selector}[${RATE_WINDOW}]))`;
}

function sumBy(labels: readonly string[]): string {
  return labels.length === 0 ? 'sum' : `sum by (${labels.join(', ')})`;
}

/** `name_sum{…}` of `name{…}`. */
function seriesOf(selector: string, suffix: string): string {
  const brace = selector.indexOf('{');
  return brace === -1 ? selector + suffix : selector.slice(0, brace) + suffix + selector.slice(brace);
}

/** The mean of a histogram's observations: exact, unlike its quantiles. */
export function mean(histogram: string, by: readonly string[] = []): string {
  return `${rate(seriesOf(histogram, '_sum'), by)} / ${rate(seriesOf(histogram, '_count'), by)}`;
}

/** A quantile (0 … 1) of a histogram's observations, as exact as its buckets are narrow. */
export function quantile(share: number, histogram: string, by: readonly string[] = []): string {
  return `histogram_quantile(${share}, ${rate(seriesOf(histogram, '_bucket'), ['le', ...by])})`;
}

/** Observations in each bucket, for a heatmap. */
export function buckets(histogram: string): string {
  return `sum by (le) (increase(${seriesOf(histogram, '_bucket')}[${RATE_WINDOW}]))`;
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
