/** PromQL: the few shapes of query that dashboards are made of. */

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
