export { DECODER_VALUES } from './dashboard.js';
export { dashboards } from './dashboards/registry.js';
export {
  expressionsOfDashboard,
  findUnknownNames,
  isAlert,
  nameOfRule,
  parseRules,
  withoutVariables,
  type AlertRule,
  type Expression,
  type RecordingRule,
  type Rule,
} from './expressions.js';
export { generateFiles, readRules, REPOSITORY_ROOT, RULE_FILES, type GeneratedFile } from './generated-files.js';
export { isGpuMetric, knownMetrics, type KnownMetrics } from './known-metrics.js';
export { metricsIn, type MetricUse } from './promql.js';
