export { formatConfig, loadConfig, type ConfigSources } from './config.js';
export { createHttpServer, type HttpAddress, type HttpServer, type HttpServerOptions, type Readiness } from './http-server.js';
export { createLogger, LOG_LEVELS, type LoggerOptions, type LogLevel } from './logger.js';
export type { Logger } from 'pino';
export { METRIC_DEFINITIONS, SERVICE_NAMES, type MetricDefinition, type MetricKey, type ServiceName } from './metric-definitions.js';
export {
  createMetrics,
  metricDefinitionsOf,
  type CounterMetric,
  type GaugeMetric,
  type HistogramMetric,
  type Metrics,
  type MetricsEndpoint,
  type MetricsOf,
  type MetricsOptions,
} from './metrics.js';
export { runUntilSignal, type ShutdownOptions } from './shutdown.js';
