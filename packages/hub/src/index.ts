export { consoleConfigSchema, type ConsoleConfig } from './config.js';
export { FeedAnswerError, ServiceAwayError } from './errors.js';
export { createHub, type Hub, type HubOptions } from './hub.js';
