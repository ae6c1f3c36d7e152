export { formatConfig, loadConfig } from './config.js';
export { environmentPrefix } from './config-sources.js';
export { ConfigError } from './errors.js';
export { listenSettings, LOG_LEVELS, logLevelSchema, secretSchema, type LogLevel } from './settings.js';
