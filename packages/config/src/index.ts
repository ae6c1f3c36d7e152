export { formatConfig, loadConfig, type ConfigSources } from './config.js';
export { environmentPrefix, MAX_CONFIG_FILE_BYTES } from './config-sources.js';
export { ConfigError, ConfigFileError, type ConfigProblem } from './errors.js';
export { listenSettings, LOG_LEVELS, logLevelSchema, secretSchema, type LogLevel } from './settings.js';
