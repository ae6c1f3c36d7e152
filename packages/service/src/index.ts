export { checkControlToken } from './control-token.js';
export { HttpError } from './errors.js';
export { createEventLog, type EventLog } from './events.js';
export { addFeedRoute } from './feed-route.js';
export { growWhole, prepareFolder, unfinishedIn, writeWhole, type GrowingFile } from './files.js';
export { documented } from './openapi.js';
export { createHttpServer, type HttpAddress, type HttpServer, type Readiness } from './http-server.js';
export { LiveFeed } from './live-feed.js';
export { createLogger } from './logger.js';
export type { Logger } from 'pino';
export {
  LABEL_DEFINITIONS,
  METRIC_DEFINITIONS,
  SERVICE_NAMES,
  type LabelDefinition,
  type MetricDefinition,
  type ServiceName,
} from './metric-definitions.js';
export { createMetrics, type Metrics } from './metrics.js';
export { warnOfOpenDoors } from './open-doors.js';
export { runService, type ServiceProcess } from './run-service.js';
export { leaveClosedTerminal } from './shutdown.js';
export { observeSnr } from './snr-metric.js';
export { routeUpgrades, type Upgrade, type UpgradeRoutes } from './upgrades.js';
export { acceptPictures, limitPictures, MAX_PICTURE_BODY_BYTES, pictureBody, pictureQuery } from './picture-body.js';
