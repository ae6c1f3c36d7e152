export { checkControlToken, ControlTokenError } from './control-token.js';
export { HttpError, ListenError, type ListenErrorCode } from './errors.js';
export {
  createEventLog,
  EVENT_LEVELS,
  EVENT_NAMES,
  type EventLevel,
  type EventLog,
  type EventLogOptions,
  type EventName,
  type NotableEvent,
} from './events.js';
export { addFeedRoute } from './feed-route.js';
export type { ErrorBody } from './http-errors.js';
export {
  createHttpServer,
  type HttpAddress,
  type HttpServer,
  type HttpServerOptions,
  type Readiness,
} from './http-server.js';
export { LiveFeed, type FeedAnswer, type FeedItem, type LiveFeedOptions } from './live-feed.js';
export { createLogger, type LoggerOptions } from './logger.js';
export type { Logger } from 'pino';
export {
  LABEL_DEFINITIONS,
  METRIC_DEFINITIONS,
  SERVICE_NAMES,
  type LabelDefinition,
  type LabelName,
  type MetricDefinition,
  type MetricKey,
  type ServiceName,
} from './metric-definitions.js';
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
export { warnOfOpenDoors } from './open-doors.js';
export { leaveClosedTerminal, runUntilSignal, type Shutdown, type ShutdownOptions } from './shutdown.js';
export { observeSnr, type SnrFigures } from './snr-metric.js';
export { routeUpgrades, type Upgrade, type UpgradeRoutes } from './upgrades.js';
