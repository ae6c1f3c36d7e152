import { METRIC_DEFINITIONS, type MetricDefinition } from '@semcast/service';

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
