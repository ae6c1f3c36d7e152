import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRIC_DEFINITIONS, type MetricDefinition, type MetricKey, type ServiceName } from './metric-definitions.js';

type Definitions = typeof METRIC_DEFINITIONS;
type LabelsOf<K extends MetricKey> = Definitions[K]['labels'][number];

/** Labels first where the metric has any: `inc({ reason: 'deadline' })`, `inc({ reason: 'deadline' }, 3)`, `inc(3)`. */
type Arguments<L extends string, Rest extends readonly unknown[]> = [L] extends [never]
  ? Rest
  : [labels: Readonly<Record<L, string>>, ...rest: Rest];

/** A count that only grows. */
export interface CounterMetric<L extends string> {
  inc(...args: Arguments<L, [by?: number]>): void;
}

/** A value that comes and goes. */
export interface GaugeMetric<L extends string> {
  set(...args: Arguments<L, [value: number]>): void;
  /** There is no such value (any more): it isn't exposed until it is set again. */
  remove(...args: Arguments<L, []>): void;
}

/** A distribution, in the buckets of its definition. */
export interface HistogramMetric<L extends string> {
  observe(...args: Arguments<L, [value: number | null]>): void;
}

type InstrumentOf<K extends MetricKey> = Definitions[K]['kind'] extends 'counter'
  ? CounterMetric<LabelsOf<K>>
  : Definitions[K]['kind'] extends 'gauge'
    ? GaugeMetric<LabelsOf<K>>
    : HistogramMetric<LabelsOf<K>>;

/** The keys of the metrics that a service exposes. */
export type MetricsOf<S extends ServiceName> = {
  [K in MetricKey]: S extends Definitions[K]['services'][number] ? K : never;
}[MetricKey];

/** The part of every service's metrics that serving them needs. */
export interface MetricsEndpoint {
  readonly service: ServiceName;
  readonly contentType: string;
  /** The exposition text that Prometheus scrapes. */
  text(): Promise<string>;
}

/**
 * The metrics of one service: one typed instrument per contracted metric that belongs to it. Values that are
 * no finite number, null among them, are left out.
 */
export type Metrics<S extends ServiceName> = { readonly [K in MetricsOf<S>]: InstrumentOf<K> } & MetricsEndpoint;

export interface MetricsOptions {
  /** Also expose prom-client's process metrics (CPU, memory, event loop, garbage collection). Default true. */
  readonly processMetrics?: boolean;
}

/**
 * The most label sets one metric may have. Those beyond it are counted under `other`, so that a name that came over a
 * socket can't grow the service's memory or the scrape.
 */
const MAX_LABEL_SETS = 100;
const OTHER = 'other';

/** Folds label sets beyond the limit into one whose values all read `other`. */
function labelLimiter(labelNames: readonly string[]) {
  const seen = new Set<string>();
  const folded = Object.fromEntries(labelNames.map((name) => [name, OTHER]));
  return (labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
    const key = JSON.stringify(labelNames.map((name) => labels[name]));
    if (seen.has(key)) {
      return labels;
    }
    if (seen.size >= MAX_LABEL_SETS) {
      return folded;
    }
    seen.add(key);
    return labels;
  };
}

/** prom-client throws on NaN and infinity, but a figure that doesn't exist must not end the frame that it belongs to. */
const finite = (value: number | undefined): value is number => Number.isFinite(value);

type LabelValues = Readonly<Record<string, string>>;

function createInstrument(definition: MetricDefinition, registry: Registry) {
  const { name, help, labels: labelNames } = definition;
  const limit = labelLimiter(labelNames);
  // The labels are the first argument exactly when the metric has labels; the types above say the same.
  const call =
    (effect: (labels: LabelValues, value: number | undefined) => unknown) =>
    (...args: readonly unknown[]): void => {
      if (labelNames.length === 0) {
        effect({}, args[0] as number | undefined);
      } else {
        effect(limit(args[0] as LabelValues), args[1] as number | undefined);
      }
    };
  const common = { name, help, labelNames: [...labelNames], registers: [registry] };
  if (definition.kind === 'counter') {
    const counter = new Counter(common);
    return { inc: call((labels, by = 1) => finite(by) && counter.inc(labels, by)) };
  }
  if (definition.kind === 'gauge') {
    const gauge = new Gauge(common);
    return {
      set: call((labels, value) => finite(value) && gauge.set(labels, value)),
      remove: call((labels) => gauge.remove(labels)),
    };
  }
  const histogram = new Histogram({ ...common, buckets: [...(definition.buckets ?? [])] });
  return { observe: call((labels, value) => finite(value) && histogram.observe(labels, value)) };
}

/**
 * The metrics of one service in a registry of its own: `createMetrics('receiver').frames.inc({ stage, outcome })`.
 * Metrics of other services are absent, in the type and in the exposition.
 */
export function createMetrics<S extends ServiceName>(service: S, options: MetricsOptions = {}): Metrics<S> {
  const registry = new Registry();
  if (options.processMetrics ?? true) {
    collectDefaultMetrics({ register: registry });
  }
  const instruments = Object.fromEntries(
    Object.entries<MetricDefinition>(METRIC_DEFINITIONS)
      .filter(([, definition]) => definition.services.includes(service))
      .map(([key, definition]) => [key, createInstrument(definition, registry)]),
  );
  const endpoint: MetricsEndpoint = {
    service,
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
  // Object.fromEntries forgets which key has which instrument; the table of definitions gave both.
  return { ...instruments, ...endpoint } as Metrics<S>;
}
